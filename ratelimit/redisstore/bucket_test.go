package redisstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit/redisstore"
)

// The first 16 bytes of SHA-256, in base64url.
const (
	tagOfAcme  = "{giszrYfBSKCiClunzV68qg}"
	tagOfNoKey = "{47DEQpj8HBSa-_TImW-5JA}"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ prefix, key, want string }{
		"tenant":                  {"", "acme", "ratelimit:" + tagOfAcme},
		"named limit":             {"", "\x00daily\x00acme", "ratelimit:" + tagOfAcme + ":daily"},
		"no key":                  {"", "", "ratelimit:" + tagOfNoKey},
		"no key in a named limit": {"", "\x00daily\x00", "ratelimit:" + tagOfNoKey + ":daily"},
		"own prefix":              {"svc:v1:", "acme", "svc:v1:" + tagOfAcme},
		"long name":               {"", "\x00" + strings.Repeat("n", 1<<16) + "\x00acme", "ratelimit:" + tagOfAcme + ":06PeiPmiC_ux5hkKyXRYCA"},
		"written with no name":    {"", "\x00\x00acme", "ratelimit:" + tagOfAcme + ":"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, server := newServer(t)
				s := newStore(t, client, redisstore.Config{Prefix: tt.prefix})
				take(t, s, tt.key, ratelimit.Free, 1)
				assert.Equal(t, []string{tt.want}, server.Keys())
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		client, server := newServer(t)
		s := newStore(t, client, redisstore.Config{})
		take(t, s, strings.Repeat("k", 1<<16), ratelimit.Free, 1)
		assert.Len(t, server.Keys()[0], len("ratelimit:")+24, "the length of a key costs nothing")
	})
}

func TestBucketsExpireWhenTheyAreFull(t *testing.T) {
	t.Parallel()
	odd := ratelimit.Tier{Rate: 3, Burst: 3}
	yearly := ratelimit.Tier{Rate: rate.Every(365 * 24 * time.Hour), Burst: 2}
	for name, tt := range map[string]struct {
		tier ratelimit.Tier
		cost int
		want time.Duration
	}{
		"one free request": {ratelimit.Free, 1, 201 * time.Millisecond},
		"a free burst":     {ratelimit.Free, 10, 2001 * time.Millisecond},
		"one paid request": {ratelimit.Paid, 1, 21 * time.Millisecond},
		"a third":          {odd, 1, 335 * time.Millisecond},
		"a nanosecond":     {ratelimit.Tier{Rate: 1e9, Burst: 10}, 1, 2 * time.Millisecond},
		"a year":           {yearly, 1, yearly.Interval().Truncate(time.Millisecond) + 2*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, server := newServer(t)
				s := newStore(t, client, redisstore.Config{})
				take(t, s, "k", tt.tier, tt.cost)
				ttl := server.TTL(server.Keys()[0])
				assert.InDelta(t, tt.want, ttl, float64(time.Millisecond))
				assert.GreaterOrEqual(t, ttl, tt.tier.Interval()*time.Duration(tt.cost))
				time.Sleep(ttl)
				assert.Empty(t, server.Keys())
			})
		})
	}
}

func TestRefusalsAndPeeksWriteNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := newServer(t)
		s := newStore(t, client, redisstore.Config{DenyCache: -1})
		take(t, s, "k", ratelimit.Free, 0)
		take(t, s, "k", ratelimit.Free, 11)
		assert.Empty(t, server.Keys())
		take(t, s, "k", ratelimit.Free, 8)
		key := server.Keys()[0]
		value, err := server.Get(key)
		require.NoError(t, err)
		const ttl = time.Hour // would be another one after a write
		server.SetTTL(key, ttl)
		for _, cost := range []int{0, -1, 3, 11} {
			take(t, s, "k", ratelimit.Free, cost)
		}
		_, err = s.TakeAll(t.Context(), []ratelimit.Take{{Key: "\x00other\x00k", Tier: ratelimit.Free, Cost: 1}, {Key: "k", Tier: ratelimit.Free, Cost: 3}})
		require.NoError(t, err)
		take(t, s, "k", ratelimit.Paid, 0)
		assert.Equal(t, []string{key}, server.Keys())
		after, err := server.Get(key)
		require.NoError(t, err)
		assert.Equal(t, value, after)
		assert.Equal(t, ttl, server.TTL(key))
	})
}

func TestRefundLeavesNoFullBucketBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := newServer(t)
		s := newStore(t, client, redisstore.Config{})
		take(t, s, "k", ratelimit.Free, 3)
		require.NoError(t, s.Refund(t.Context(), "k", ratelimit.Free, 1))
		assert.Equal(t, 401*time.Millisecond, server.TTL(server.Keys()[0]))
		require.NoError(t, s.Refund(t.Context(), "k", ratelimit.Free, 2))
		assert.Empty(t, server.Keys())
		take(t, s, "k", ratelimit.Free, 3)
		require.NoError(t, s.Reset(t.Context(), "k"))
		assert.Empty(t, server.Keys())
	})
}

func TestScriptsAreSentAgainWhenTheServerForgot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		s := newStore(t, client, redisstore.Config{})
		for i := range 3 {
			require.NoError(t, client.ScriptFlush(t.Context()).Err())
			assert.Equal(t, 9, take(t, s, "k", ratelimit.Free, 1).Tokens)
			require.NoError(t, client.ScriptFlush(t.Context()).Err())
			if i%2 == 0 {
				require.NoError(t, s.Refund(t.Context(), "k", ratelimit.Free, 1))
			} else {
				require.NoError(t, s.Reset(t.Context(), "k"))
			}
		}
	})
}

// Whatever is wrong with a key, it is an error, and stays as it is.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "x", "1", "1 2 3", "1 2 3 4 5", "-1 0 2000000000 1000", "1 0 2000000000 1000\n", "1e3 0 2000000000 1000"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, server := newServer(t)
				s := newStore(t, client, redisstore.Config{})
				require.NoError(t, server.Set("ratelimit:"+tagOfAcme, value))
				_, err := s.Take(t.Context(), "acme", ratelimit.Free, 1)
				require.ErrorContains(t, err, "redisstore: ")
				require.Error(t, s.Refund(t.Context(), "acme", ratelimit.Free, 1))
				got, err := server.Get("ratelimit:" + tagOfAcme)
				require.NoError(t, err)
				assert.Equal(t, value, got)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		client, server := newServer(t)
		s := newStore(t, client, redisstore.Config{})
		server.HSet("ratelimit:"+tagOfAcme, "a", "b")
		_, err := s.Take(t.Context(), "acme", ratelimit.Free, 1)
		require.ErrorContains(t, err, "WRONGTYPE")
		assert.Equal(t, "b", server.HGet("ratelimit:"+tagOfAcme, "a"))
	})
}

// A clock that steps costs one bucket at most, either way.
func TestServerClockSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := newServer(t)
		server.ClockTTL(false)
		s := newStore(t, client, redisstore.Config{DenyCache: -1})
		clock := time.Unix(1_800_000_000, 0)
		server.SetTime(clock)
		take(t, s, "k", ratelimit.Free, 3)

		clock = clock.Add(-time.Hour)
		server.SetTime(clock)
		d := take(t, s, "k", ratelimit.Free, 1)
		assert.False(t, d.Allowed)
		assert.Equal(t, 200*time.Millisecond, d.RetryAfter)
		assert.Equal(t, 2*time.Second, d.ResetAfter)
		server.SetTime(clock.Add(200 * time.Millisecond))
		assert.True(t, take(t, s, "k", ratelimit.Free, 1).Allowed, "the refusal has set the bucket right")
		assert.False(t, take(t, s, "k", ratelimit.Free, 1).Allowed)

		server.SetTime(clock.Add(time.Hour))
		assert.Equal(t, 9, take(t, s, "k", ratelimit.Free, 1).Tokens)
	})
}

func TestTierThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		s := newStore(t, client, redisstore.Config{})
		tier := ratelimit.Tier{Rate: 1e9, Burst: 1 << 60}
		require.NoError(t, tier.Validate())
		_, err := s.Take(t.Context(), "k", tier, 1)
		require.ErrorContains(t, err, "over 26 days")
		tier.Burst = 1 << 51 // the largest that is counted in nanoseconds
		assert.Equal(t, 1<<51-5, take(t, s, "k", tier, 5).Tokens)
		assert.Equal(t, 0, take(t, s, "k", tier, 1<<51-5).Tokens)
		assert.Equal(t, time.Duration(7), take(t, s, "k", tier, 7).RetryAfter)
	})
}

// scripted answers each script as it likes.
type scripted struct {
	redis.Scripter
	run func(ctx context.Context) (any, error)
}

func (c scripted) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	value, err := c.run(ctx)
	return redis.NewCmdResult(value, err)
}

func TestUnexpectedAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]any{
		"nothing":       nil,
		"a string":      "OK",
		"a number":      int64(1),
		"empty":         []any{},
		"too short":     []any{int64(1), int64(0)},
		"too long":      []any{int64(1), int64(0), int64(0), int64(0)},
		"no number":     []any{int64(1), "x", int64(0)},
		"an error":      []any{int64(1), errors.New("x"), int64(0)},
		"negative":      []any{int64(1), int64(-1), int64(0)},
		"over tau":      []any{int64(0), int64(2e9 + 1), int64(2e9 + 1)},
		"wrong refusal": []any{int64(0), int64(0), int64(0)},
		"wrong flag":    []any{int64(1), int64(2e9), int64(2e9)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, scripted{run: func(context.Context) (any, error) { return answer, nil }}, redisstore.Config{Timeout: time.Minute})
			d, err := s.Take(t.Context(), "k", ratelimit.Free, 1)
			require.ErrorContains(t, err, "redis")
			assert.False(t, d.Allowed)
			_, err = s.TakeAll(t.Context(), []ratelimit.Take{{Key: "k", Tier: ratelimit.Free, Cost: 1}})
			require.Error(t, err)
		})
	}
}

// Both stores are on the bubble's clock, so they must agree to the nanosecond.
func TestAgreesWithMemory(t *testing.T) {
	t.Parallel()
	for name, tiers := range map[string][]ratelimit.Tier{
		"free":                  {ratelimit.Free},
		"free and paid":         {ratelimit.Free, ratelimit.Paid},
		"odd":                   {{Rate: 3, Burst: 7}},
		"fast":                  {{Rate: 3e8, Burst: 1 << 40}},
		"in microseconds":       {{Rate: rate.Every(time.Hour), Burst: 1000}},
		"in both units":         {{Rate: rate.Every(time.Hour), Burst: 1000}, {Rate: rate.Every(time.Hour), Burst: 100}},
		"as many of both units": {{Rate: 1, Burst: 10_000}, {Rate: 0.001, Burst: 10_000}},
		"as large, other rates": {{Rate: 10, Burst: 10}, {Rate: 1, Burst: 10}, {Rate: 0.2, Burst: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, _ := newServer(t)
				s, memory := newStore(t, client, redisstore.Config{}), ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
				rng := rand.New(rand.NewPCG(1, 2))
				for i := range 200 {
					tier := tiers[rng.IntN(len(tiers))]
					time.Sleep(time.Duration(rng.Int64N(int64(tier.Interval())*2+1)).Truncate(time.Microsecond) * time.Duration(rng.IntN(3)))
					cost := rng.IntN(min(tier.Burst, 1<<30)/2 + 2)
					want, err := memory.Take(t.Context(), "k", tier, cost)
					require.NoError(t, err)
					got := take(t, s, "k", tier, cost)
					got.Source = want.Source
					require.Equal(t, want, got, "step %d", i)
				}
			})
		})
	}
}
