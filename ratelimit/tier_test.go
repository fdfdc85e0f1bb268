package ratelimit_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit"
)

func TestTierValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		tier ratelimit.Tier
		want string
	}{
		{"free", ratelimit.Free, ""},
		{"paid", ratelimit.Paid, ""},
		{"unlimited", ratelimit.Unlimited("internal"), ""},
		{"no name", ratelimit.Tier{Rate: 1, Burst: 1}, ""},
		{"fastest", ratelimit.Tier{Rate: 1e9, Burst: math.MaxInt32}, ""},
		{"once in 73 years", ratelimit.Per("slow", 1, 73*365*24*time.Hour), ""},
		{"limit above burst", ratelimit.Tier{Rate: 1, Burst: 1, Limit: 60}, ""},
		{"zero tier", ratelimit.Tier{}, "rate"},
		{"zero rate", ratelimit.Tier{Burst: 1}, "rate"},
		{"negative rate", ratelimit.Tier{Rate: -1, Burst: 1}, "rate"},
		{"NaN", ratelimit.Tier{Rate: rate.Limit(math.NaN()), Burst: 1}, "rate"},
		{"infinity that is not rate.Inf", ratelimit.Tier{Rate: rate.Limit(math.Inf(1)), Burst: 1}, "rate"},
		{"over a token a nanosecond", ratelimit.Tier{Rate: 1e9 + 1, Burst: 1}, "rate"},
		{"smallest rate", ratelimit.Tier{Rate: math.SmallestNonzeroFloat64, Burst: 1}, "73 years"},
		{"zero burst", ratelimit.Tier{Rate: 1}, "burst"},
		{"negative burst", ratelimit.Tier{Rate: 1, Burst: -1}, "burst"},
		{"burst that overflows", ratelimit.Tier{Rate: 1, Burst: math.MaxInt64}, "73 years"},
		{"negative limit", ratelimit.Tier{Rate: 1, Burst: 1, Limit: -1}, "limit"},
		{"longest name", ratelimit.Tier{Name: strings.Repeat("n", 64), Rate: 1, Burst: 1}, ""},
		{"long name", ratelimit.Tier{Name: strings.Repeat("n", 65), Rate: 1, Burst: 1}, "name"},
		{"line break in name", ratelimit.Tier{Name: "a\r\nb", Rate: 1, Burst: 1}, "name"},
		{"quote in name", ratelimit.Tier{Name: `a"b`, Rate: 1, Burst: 1}, "name"},
		{"unlimited with a bad name", ratelimit.Unlimited("é"), "name"},
		{"per nothing", ratelimit.Per("p", 0, time.Second), "rate"},
		{"per no time", ratelimit.Per("p", 1, 0), "rate"},
		{"per negative time", ratelimit.Per("p", 1, -time.Second), "rate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.tier.Validate()
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Contains(t, err.Error(), "ratelimit: invalid tier: ")
			assert.Contains(t, err.Error(), tt.want)
			d, err := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{}).Take(t.Context(), "k", tt.tier, 1)
			require.Error(t, err, "a store refuses it as well")
			assert.False(t, d.Allowed)
		})
	}
}

// The edge is exact even where the rate is no number that a float64 can hold.
func TestTierEdges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		tier ratelimit.Tier
		wait time.Duration // after a full burst
	}{
		{"free", ratelimit.Free, 200 * time.Millisecond},
		{"paid", ratelimit.Paid, 20 * time.Millisecond},
		{"3 a second, rounded up", ratelimit.Per("", 3, time.Second), 333_333_334},
		{"7 a second, rounded up", ratelimit.Per("", 7, time.Second), 142_857_143},
		{"100 a minute", ratelimit.Per("", 100, time.Minute), 600 * time.Millisecond},
		{"1 an hour", ratelimit.Per("", 1, time.Hour), time.Hour},
		{"1000 a day", ratelimit.Per("", 1000, 24*time.Hour), 86400 * time.Millisecond},
		{"1 a week", ratelimit.Per("", 1, 7*24*time.Hour), 7 * 24 * time.Hour},
		{"a million a second", ratelimit.Tier{Rate: 1e6, Burst: 3}, time.Microsecond},
		{"a token a nanosecond", ratelimit.Tier{Rate: 1e9, Burst: 3}, 1},
		{"every 7 ms", ratelimit.Tier{Rate: rate.Every(7 * time.Millisecond), Burst: 2}, 7 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
				d := take(t, s, "k", tt.tier, tt.tier.Burst)
				require.True(t, d.Allowed)
				assert.Equal(t, time.Duration(tt.tier.Burst)*tt.wait, d.ResetAfter)
				d = take(t, s, "k", tt.tier, 1)
				assert.False(t, d.Allowed)
				assert.Equal(t, tt.wait, d.RetryAfter)
				time.Sleep(tt.wait - 1)
				assert.Equal(t, time.Duration(1), take(t, s, "k", tt.tier, 1).RetryAfter)
				time.Sleep(time.Nanosecond)
				assert.True(t, take(t, s, "k", tt.tier, 1).Allowed)
				assert.False(t, take(t, s, "k", tt.tier, 1).Allowed)
			})
		})
	}
}

func TestTierString(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "free: 5/s, burst 10", ratelimit.Free.String())
	assert.Equal(t, "default: unlimited", ratelimit.Unlimited("").String())
}

func take(t *testing.T, s ratelimit.Store, key string, tier ratelimit.Tier, cost int) ratelimit.Decision {
	t.Helper()
	d, err := s.Take(context.Background(), key, tier, cost)
	require.NoError(t, err)
	return d
}
