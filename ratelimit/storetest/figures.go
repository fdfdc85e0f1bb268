package storetest

import (
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit"
)

// figureRules are about tiers of unusual numbers, and about those without a
// bucket.
func figureRules() []rule {
	return []rule{
		{"names and limits are those of the tier", func(s *subject) {
			for _, t := range []ratelimit.Tier{
				{Rate: rate.Every(interval), Burst: burst},
				{Name: "strict", Rate: rate.Every(interval), Burst: burst, Limit: 1},
				{Name: "generous", Rate: rate.Every(interval), Burst: burst, Limit: 1000},
			} {
				key := "of " + t.Name
				s.peek(key, t, burst, 0)
				s.take(key, t, burst-1, want{true, 1, 0, (burst - 1) * interval})
				s.take(key, t, 2, want{false, 1, interval, (burst - 1) * interval})
			}
		}},
		{"a tier may hold one token", func(s *subject) {
			one := ratelimit.Tier{Name: "one", Rate: rate.Every(interval), Burst: 1}
			for range 3 {
				s.take("k", one, 1, want{true, 0, 0, interval})
				s.take("k", one, 1, want{false, 0, interval, interval})
				s.advance(interval)
			}
		}},
		{"a bucket may take years to refill", func(s *subject) {
			const million = 1_000_000
			large := ratelimit.Tier{Name: "large", Rate: rate.Every(interval), Burst: million}
			s.take("k", large, million-1, want{true, 1, 0, (million - 1) * interval})
			s.take("k", large, 2, want{false, 1, interval, (million - 1) * interval})
			s.take("k", large, million, want{false, 1, (million - 1) * interval, (million - 1) * interval})
			s.advance(1000 * interval)
			s.take("k", large, 1001, want{true, 0, 0, million * interval})
		}},
		{"a token may take years", func(s *subject) {
			const year = 365 * 24 * time.Hour
			yearly := ratelimit.Tier{Name: "yearly", Rate: rate.Every(year), Burst: 3}
			year0 := yearly.Interval() // float64 holds no rate of exactly one a year
			s.precision *= 3           // a store may round each token up
			s.take("k", yearly, 3, want{true, 0, 0, 3 * year0})
			s.take("k", yearly, 1, want{false, 0, year0, 3 * year0})
			s.advance(year0 + s.precision)
			s.take("k", yearly, 1, want{true, 0, 0, 3*year0 - s.precision})
		}},
		// As a limit on bytes has it.
		{"a token may take a nanosecond", func(s *subject) {
			const second = int(1e9)
			fast := ratelimit.Tier{Name: "fast", Rate: 1e9, Burst: 1000 * second}
			s.take("k", fast, 900*second, want{true, 100 * second, 0, 900 * time.Second})
			s.take("k", fast, 200*second, want{false, 100 * second, 100 * time.Second, 900 * time.Second})
			s.advance(100 * time.Second)
			s.take("k", fast, 200*second, want{true, 0, 0, 1000 * time.Second})
		}},
		{"no part of a token is lost where it takes no whole microseconds", func(s *subject) {
			odd := ratelimit.Tier{Name: "odd", Rate: rate.Every(interval/7 + 1), Burst: 70}
			for i := 1; i <= odd.Burst; i++ {
				d, err := s.store.Take(s.ctx(), "k", odd, 1)
				require.NoError(s.t, err)
				require.True(s.t, d.Allowed, "take %d of %d", i, odd.Burst)
			}
			if s.slack < odd.Interval() {
				s.take("k", odd, 1+int(s.slack/odd.Interval()), want{false, 0, odd.Interval(), 70 * odd.Interval()})
			}
		}},
		{"an unlimited tier admits without a bucket", func(s *subject) {
			s.drain("k", tier())
			s.bypasses("k", ratelimit.Unlimited("u"))
			s.take("k", tier(), 1, want{false, 0, interval, burst * interval})
		}},
		{"a blocked tier refuses without a bucket", func(s *subject) {
			s.take("k", tier(), 4, want{true, 6, 0, 4 * interval})
			s.bypasses("k", ratelimit.Blocked("b"))
			s.peek("k", tier(), 6, 4*interval)
		}},
	}
}

func (s *subject) bypasses(key string, t ratelimit.Tier) {
	s.t.Helper()
	for _, cost := range []int{-1, 0, 1, 1_000_000_000} {
		wanted, ok := t.NoBucket(cost)
		require.True(s.t, ok)
		d, err := s.store.Take(s.ctx(), key, t, cost)
		require.NoError(s.t, err)
		assert.Equal(s.t, wanted, d, "cost %d", cost)
	}
}
