package storetest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit"
)

// other makes the tiers that a bucket changes to.
func other(burst int, every time.Duration) ratelimit.Tier {
	return ratelimit.Tier{Name: "other", Rate: rate.Every(every), Burst: burst}
}

// scaled is s where the time that passes by itself in one tier shows in another,
// in which it may be more.
func (s *subject) scaled(from, to ratelimit.Tier) *subject {
	tau := func(t ratelimit.Tier) float64 { return float64(t.Interval()) * float64(t.Burst) }
	c := *s
	c.slack = time.Duration(float64(s.slack) * max(tau(to)/tau(from), 1))
	return &c
}

func tierRules() []rule {
	changes := []struct {
		name string
		to   ratelimit.Tier
	}{
		{"up, as long to refill", other(10*burst, interval/10)},
		{"down, as long to refill", other(burst/5, 5*interval)},
		{"up, longer to refill", other(10*burst, interval)},
		{"up, shorter to refill", other(2*burst, interval/5)},
		{"down, longer to refill", other(burst/5, 60*interval)},
		{"down, shorter to refill", other(burst/5, interval)},
		{"as large, longer to refill", other(burst, 7*interval)},
		{"in nothing but its name", other(burst, interval)},
		{"to a year", other(burst, 36*24*time.Hour)},
	}
	each := func(check func(s *subject, key string, from, to ratelimit.Tier)) func(*subject) {
		return func(s *subject) {
			for _, change := range changes {
				check(s.scaled(tier(), change.to), change.name, tier(), change.to)
				check(s.scaled(change.to, tier()), change.name+", back", change.to, tier())
			}
		}
	}
	return []rule{
		{"a change of tier keeps the used half", each(func(s *subject, key string, from, to ratelimit.Tier) {
			half := to.Interval() * time.Duration(to.Burst/2)
			s.take(key, from, from.Burst/2, want{true, from.Burst / 2, 0, from.Interval() * time.Duration(from.Burst/2)}, key)
			s.peek(key, to, to.Burst/2, half, key)
			s.take(key, to, 1, want{true, to.Burst/2 - 1, 0, half + to.Interval()}, key)
		})},
		{"an empty bucket stays empty, a full one full", each(func(s *subject, key string, from, to ratelimit.Tier) {
			s.peek(key, from, from.Burst, 0, key)
			s.peek(key, to, to.Burst, 0, key)
			s.drain(key, from)
			all := to.Interval() * time.Duration(to.Burst)
			s.peek(key, to, 0, all, key)
			s.take(key, to, 1, want{false, 0, to.Interval(), all}, key)
		})},
		{"parts of a bucket that are no whole tokens carry over", func(s *subject) {
			third := ratelimit.Tier{Name: "third", Rate: rate.Every(interval), Burst: 3}
			s.take("k", third, 1, want{true, 2, 0, interval})
			s.peek("k", tier(), 6, burst*interval/3)
			s.take("k", tier(), 6, want{true, 0, 0, 6*interval + burst*interval/3})
		}},
		{"a refusal keeps the change", func(s *subject) {
			slow := other(burst, 10*interval)
			s.drain("k", tier())
			s.take("k", slow, 1, want{false, 0, 10 * interval, 100 * interval})
			s.advance(10 * interval) // would fill the bucket of the first tier
			s.take("k", slow, 1, want{true, 0, 0, 100 * interval})
			s.take("k", slow, burst+1, want{false, 0, ratelimit.Never, 100 * interval})

			s.take("k", tier(), burst+1, want{false, 0, ratelimit.Never, burst * interval})
			s.advance(burst * interval)
			s.peek("k", slow, burst, 0)
		}},
		{"a peek keeps no change", func(s *subject) {
			s.drain("k", tier())
			s.peek("k", other(burst, interval/burst), 0, interval)
			s.advance(interval)
			s.peek("k", tier(), 1, (burst-1)*interval)
		}},
		{"changing to and fro gains nothing", func(s *subject) {
			tiers := []ratelimit.Tier{tier(), other(7, 11*interval/13), other(3, 17*interval), other(100, interval/3)}
			s.drain("empty", tiers[0])
			s.take("used", tiers[0], 3, want{true, burst - 3, 0, 3 * interval})
			for i := range 100 {
				t := tiers[i%len(tiers)]
				d, err := s.store.Take(s.ctx(), "empty", t, 1)
				require.NoError(s.t, err)
				require.False(s.t, d.Allowed, "change %d", i)
				d, err = s.store.Take(s.ctx(), "used", t, t.Burst)
				require.NoError(s.t, err)
				require.False(s.t, d.Allowed, "change %d", i)
				require.Positive(s.t, d.RetryAfter, "change %d", i)
			}
			d, err := s.store.Take(s.ctx(), "used", tiers[0], 0)
			require.NoError(s.t, err)
			// In the tier that refills fastest, time that passes counts most.
			assert.GreaterOrEqual(s.t, d.ResetAfter, 3*interval-10*s.slack)
			assert.LessOrEqual(s.t, d.ResetAfter, 3*interval+100*s.precision)
		}},
		{"a change gives back no more than the clock does", func(s *subject) {
			fast, slow := other(burst, interval/10), other(burst, 10*interval)
			s.drain("k", slow)
			s.take("k", fast, 1, want{false, 0, interval / 10, interval})
			s.advance(interval / 2)
			s.take("k", slow, burst/2, want{true, 0, 0, 100 * interval}, "half of the fast bucket has refilled")
			s.take("k", fast, 1, want{false, 0, interval / 10, interval})
		}},
	}
}
