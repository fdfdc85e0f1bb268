package ratelimit_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

func newStore() *ratelimit.MemoryStore { return ratelimit.NewMemoryStore(ratelimit.MemoryConfig{}) }

func TestMemoryStoreDecision(t *testing.T) {
	t.Parallel()
	tier := ratelimit.Tier{Name: "t", Rate: 5, Burst: 10, Limit: 5}
	const interval = 200 * time.Millisecond
	type want struct {
		allowed           bool
		tokens, remaining int
		retry, reset      time.Duration
	}
	steps := []struct {
		name    string
		advance time.Duration
		cost    int
		want    want
	}{
		{"peek at a full bucket", 0, 0, want{true, 10, 5, 0, 0}},
		{"first", 0, 1, want{true, 9, 5, 0, interval}},
		{"several at once", 0, 5, want{true, 4, 4, 0, 6 * interval}},
		{"more than there are", 0, 5, want{false, 4, 4, interval, 6 * interval}},
		{"a refusal took nothing", 0, 0, want{true, 4, 4, 0, 6 * interval}},
		{"negative is a peek", 0, -3, want{true, 4, 4, 0, 6 * interval}},
		{"most negative too", 0, math.MinInt, want{true, 4, 4, 0, 6 * interval}},
		{"above the burst, never", 0, 11, want{false, 4, 4, ratelimit.Never, 6 * interval}},
		{"largest cost, never", 0, math.MaxInt, want{false, 4, 4, ratelimit.Never, 6 * interval}},
		{"the rest", 0, 4, want{true, 0, 0, 0, 10 * interval}},
		{"empty", 0, 1, want{false, 0, 0, interval, 10 * interval}},
		{"peek at an empty bucket", 0, 0, want{true, 0, 0, 0, 10 * interval}},
		{"a nanosecond early", interval - 1, 1, want{false, 0, 0, 1, 9*interval + 1}},
		{"on time", 1, 1, want{true, 0, 0, 0, 10 * interval}},
		{"wait for two", 0, 2, want{false, 0, 0, 2 * interval, 10 * interval}},
		{"and a half", interval / 2, 2, want{false, 0, 0, interval * 3 / 2, 10*interval - interval/2}},
		{"long idle, full, not fuller", 24 * time.Hour, 0, want{true, 10, 5, 0, 0}},
		{"whole burst at once", 0, 10, want{true, 0, 0, 0, 10 * interval}},
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		for _, step := range steps {
			time.Sleep(step.advance)
			got := take(t, s, "k", tier, step.cost)
			assert.Equal(t, ratelimit.Decision{
				Allowed: step.want.allowed, Policy: "t", Limit: 5, Remaining: step.want.remaining,
				Burst: 10, Tokens: step.want.tokens, Cost: max(step.cost, 0),
				RetryAfter: step.want.retry, ResetAfter: step.want.reset, Source: ratelimit.SourceMemory,
			}, got, step.name)
		}
		assert.True(t, take(t, s, "other", tier, 10).Allowed, "another key has its own bucket")
		assert.True(t, take(t, s, "K", tier, 10).Allowed, "keys are case-sensitive")
	})
}

func TestMemoryStorePeekWritesNothing(t *testing.T) {
	t.Parallel()
	s := newStore()
	take(t, s, "peeked", ratelimit.Free, 0)
	take(t, s, "impossible", ratelimit.Free, 11)
	take(t, s, "unlimited", ratelimit.Unlimited("internal"), 1)
	assert.Zero(t, s.Stats().Keys)
	d := take(t, s, "unlimited", ratelimit.Unlimited("internal"), math.MaxInt)
	assert.Equal(t, ratelimit.Decision{Allowed: true, Policy: "internal", Cost: math.MaxInt, Source: ratelimit.SourceBypass}, d)
}

// A tier change keeps the used fraction of the bucket.
func TestMemoryStoreTierChange(t *testing.T) {
	t.Parallel()
	var (
		slow = ratelimit.Tier{Name: "slow", Rate: 1, Burst: 10}  // refills in 10 s
		fast = ratelimit.Tier{Name: "fast", Rate: 10, Burst: 10} // in 1 s
		day  = ratelimit.Per("day", 1000, 24*time.Hour)
	)
	tests := []struct {
		name     string
		from, to ratelimit.Tier
		used     int
		tokens   int // after the change
		retry    time.Duration
	}{
		{"upgrade of a full bucket", ratelimit.Free, ratelimit.Paid, 0, 100, 0},
		{"upgrade of half a bucket", ratelimit.Free, ratelimit.Paid, 5, 50, 0},
		{"upgrade of an empty bucket refills faster", ratelimit.Free, ratelimit.Paid, 10, 0, 20 * time.Millisecond},
		{"downgrade of a full bucket", ratelimit.Paid, ratelimit.Free, 0, 10, 0},
		{"downgrade of half a bucket", ratelimit.Paid, ratelimit.Free, 50, 5, 0},
		{"downgrade of an empty bucket", ratelimit.Paid, ratelimit.Free, 100, 0, 200 * time.Millisecond},
		{"to a slower rate", fast, slow, 5, 5, 0},
		{"to a slower rate, empty", fast, slow, 10, 0, time.Second},
		{"to a faster rate, empty", slow, fast, 10, 0, 100 * time.Millisecond},
		{"seconds to a day", ratelimit.Free, day, 10, 0, 86400 * time.Millisecond},
		{"a day to seconds", day, ratelimit.Free, 1000, 0, 200 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				require.True(t, take(t, s, "k", tt.from, tt.used).Allowed)
				assert.Equal(t, tt.tokens, take(t, s, "k", tt.to, 0).Tokens, "peek")
				d := take(t, s, "k", tt.to, 1)
				assert.Equal(t, tt.retry, d.RetryAfter)
				assert.Equal(t, tt.retry == 0, d.Allowed)
				assert.LessOrEqual(t, d.ResetAfter, time.Duration(float64(tt.to.Burst)/float64(tt.to.Rate)*1e9)+1, "at most one full bucket")
			})
		})
	}
}

// From the change on the bucket refills in the new tier's time, also when the
// request that brought the change was refused.
func TestMemoryStoreTierChangeOnDenial(t *testing.T) {
	t.Parallel()
	slow := ratelimit.Tier{Name: "slow", Rate: 1, Burst: 10}
	fast := ratelimit.Tier{Name: "fast", Rate: 10, Burst: 10}
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		take(t, s, "k", slow, 10)
		take(t, s, "k", fast, 0)
		time.Sleep(time.Second) // at the slow rate: a peek writes nothing
		require.Equal(t, 1, take(t, s, "k", fast, 0).Tokens)
		require.False(t, take(t, s, "k", fast, 2).Allowed)
		time.Sleep(400 * time.Millisecond) // at the fast one
		assert.Equal(t, 5, take(t, s, "k", fast, 0).Tokens)
		require.Equal(t, ratelimit.Never, take(t, s, "k", slow, 11).RetryAfter)
		time.Sleep(time.Second)
		assert.Equal(t, 6, take(t, s, "k", slow, 0).Tokens)
	})
}

// Rounding is to the disadvantage of whoever changes his tier.
func TestMemoryStoreTierChangeNeverRefunds(t *testing.T) {
	t.Parallel()
	tiny := ratelimit.Tier{Name: "tiny", Rate: 1e9, Burst: 3} // refills in 3 ns
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		take(t, s, "k", ratelimit.Free, 1)
		require.False(t, take(t, s, "k", tiny, 4).Allowed)
		assert.Equal(t, 6, take(t, s, "k", ratelimit.Free, 0).Tokens, "a tenth has become a third")
	})
}

func TestMemoryStoreAfterClose(t *testing.T) {
	t.Parallel()
	s := newStore()
	take(t, s, "k", ratelimit.Free, 10)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	assert.False(t, take(t, s, "k", ratelimit.Free, 1).Allowed)
	assert.True(t, take(t, s, "new", ratelimit.Free, 1).Allowed)
	assert.Equal(t, 2, s.Stats().Keys)
}
