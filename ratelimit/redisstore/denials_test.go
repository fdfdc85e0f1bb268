package redisstore_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit/redisstore"
)

// slowTier refills a token in 10 s.
func slowTier() ratelimit.Tier { return ratelimit.Tier{Name: "slow", Rate: 0.1, Burst: 10} }

func TestDenyCache(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	free, slow := ratelimit.Free, slowTier()
	type step struct {
		name    string
		advance time.Duration
		do      func(*testing.T, *redisstore.Store) // instead of a take
		tier    ratelimit.Tier
		cost    int
		allowed bool
		retry   time.Duration
		calls   int64
	}
	refund := func(t *testing.T, s *redisstore.Store) {
		t.Helper()
		require.NoError(t, s.Refund(t.Context(), "k", slow, 1))
	}
	reset := func(t *testing.T, s *redisstore.Store) {
		t.Helper()
		require.NoError(t, s.Reset(t.Context(), "k"))
	}
	for name, steps := range map[string][]step{
		"a refusal is repeated until the bucket has refilled far enough": {
			{"burst", 0, nil, free, 10, true, 0, 1},
			{"refused", 0, nil, free, 1, false, 200 * ms, 1},
			{"remembered", 0, nil, free, 1, false, 200 * ms, 0},
			{"a larger cost", 100 * ms, nil, free, 2, false, 300 * ms, 0},
			{"the last moment", 100*ms - 1000, nil, free, 1, false, 1000, 0},
			{"admitted", 1000, nil, free, 1, true, 0, 1},
			{"forgotten with the admission", 0, nil, free, 1, false, 200 * ms, 1},
		},
		"for a second at most": {
			{"burst", 0, nil, slow, 10, true, 0, 1},
			{"refused", 0, nil, slow, 1, false, 10000 * ms, 1},
			{"remembered", 1000*ms - 1, nil, slow, 1, false, 9000*ms + 1, 0},
			{"asked", 1, nil, slow, 1, false, 9000 * ms, 1},
			{"remembered again", 0, nil, slow, 1, false, 9000 * ms, 0},
		},
		"what might be admitted is asked for": {
			{"burst", 0, nil, slow, 8, true, 0, 1},
			{"refused", 0, nil, slow, 3, false, 10000 * ms, 1},
			{"more", 0, nil, slow, 4, false, 20000 * ms, 0},
			{"above the burst", 0, nil, slow, 11, false, ratelimit.Never, 0},
			{"peek", 0, nil, slow, 0, true, 0, 1},
			{"less", 0, nil, slow, 2, true, 0, 1},
			{"refused", 0, nil, slow, 3, false, 30000 * ms, 1},
		},
		"another tier is asked for": {
			{"burst", 0, nil, free, 10, true, 0, 1},
			{"refused", 0, nil, free, 1, false, 200 * ms, 1},
			{"paid", 0, nil, ratelimit.Paid, 1, false, 20 * ms, 1},
			{"remembered", 0, nil, ratelimit.Paid, 1, false, 20 * ms, 0},
			{"same numbers", 0, nil, ratelimit.Tier{Name: "x", Rate: 50, Burst: 100}, 1, false, 20 * ms, 0},
			{"as fast, other burst", 0, nil, ratelimit.Tier{Name: "x", Rate: 50, Burst: 10}, 1, false, 20 * ms, 1},
			{"free again", 0, nil, free, 1, false, 200 * ms, 1},
		},
		"a refund is seen": {
			{"burst", 0, nil, slow, 10, true, 0, 1},
			{"refused", 0, nil, slow, 1, false, 10000 * ms, 1},
			{"refund", 0, refund, slow, 0, false, 0, 1},
			{"admitted", 0, nil, slow, 1, true, 0, 1},
		},
		"a reset is seen": {
			{"burst", 0, nil, slow, 10, true, 0, 1},
			{"refused", 0, nil, slow, 1, false, 10000 * ms, 1},
			{"reset", 0, reset, slow, 0, false, 0, 1},
			{"admitted", 0, nil, slow, 10, true, 0, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, _ := newServer(t)
				s := newStore(t, client, redisstore.Config{})
				for _, step := range steps {
					time.Sleep(step.advance)
					before := client.calls.Load()
					if step.do != nil {
						step.do(t, s)
					} else {
						d := take(t, s, "k", step.tier, step.cost)
						assert.Equal(t, step.allowed, d.Allowed, step.name)
						assert.Equal(t, step.retry, d.RetryAfter, step.name)
						want := redisstore.SourceRedis
						if step.calls == 0 {
							want = redisstore.SourceDenyCache
						}
						assert.Equal(t, want, d.Source, step.name)
					}
					assert.Equal(t, step.calls, client.calls.Load()-before, "%s: calls", step.name)
				}
			})
		})
	}
}

func TestDenyCacheOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		s := newStore(t, client, redisstore.Config{DenyCache: -1})
		take(t, s, "k", slowTier(), 10)
		for range 5 {
			assert.Equal(t, redisstore.SourceRedis, take(t, s, "k", slowTier(), 1).Source)
		}
		assert.Equal(t, int64(6), client.calls.Load())
	})
}

// Refusals by memory alone would look as if Redis worked.
func TestDenyCacheIsNotUsedWhileRedisFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connected, server := newServer(t)
		client := &delayed{Scripter: connected}
		s := newStore(t, client, redisstore.Config{})
		take(t, s, "k", slowTier(), 10)
		take(t, s, "k", slowTier(), 1)
		gone, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		client.set(time.Minute, 0)
		_, err := s.Take(gone, "other", slowTier(), 1)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, redisstore.SourceDenyCache, take(t, s, "k", slowTier(), 1).Source, "a caller that left says nothing about Redis")

		client.set(0, 0)
		server.SetError("LOADING")
		_, err = s.Take(t.Context(), "other", slowTier(), 1)
		require.Error(t, err)
		_, err = s.Take(t.Context(), "k", slowTier(), 1)
		require.Error(t, err)
		server.SetError("")
		assert.Equal(t, redisstore.SourceRedis, take(t, s, "k", slowTier(), 1).Source)
		assert.Equal(t, redisstore.SourceDenyCache, take(t, s, "k", slowTier(), 1).Source)
		time.Sleep(time.Hour) // for the call that hangs
	})
}

func TestRefundElsewhereIsSeenWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		here, elsewhere := newStore(t, client, redisstore.Config{}), newStore(t, client, redisstore.Config{})
		take(t, here, "k", slowTier(), 10)
		take(t, here, "k", slowTier(), 1)
		require.NoError(t, elsewhere.Refund(t.Context(), "k", slowTier(), 1))
		assert.False(t, take(t, here, "k", slowTier(), 1).Allowed)
		time.Sleep(time.Second)
		assert.True(t, take(t, here, "k", slowTier(), 1).Allowed)
	})
}

// However many are refused, memory is bounded and answers stay true.
func TestDenyCacheIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		s := newStore(t, client, redisstore.Config{DenyCache: 8})
		for i := range 100 {
			take(t, s, strconv.Itoa(i), slowTier(), 10)
			take(t, s, strconv.Itoa(i), slowTier(), 1)
		}
		remembered := 0
		for i := range 100 {
			d := take(t, s, strconv.Itoa(99-i), slowTier(), 1)
			assert.False(t, d.Allowed)
			if d.Source == redisstore.SourceDenyCache {
				remembered++
			}
		}
		assert.Positive(t, remembered)
		assert.LessOrEqual(t, remembered, 8)
		assert.True(t, take(t, s, "new", slowTier(), 1).Allowed)
	})
}

// delayed is a client whose calls take time before and after the server acts.
type delayed struct {
	redis.Scripter

	mu            sync.Mutex
	before, after time.Duration
}

func (c *delayed) set(before, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before, c.after = before, after
}

func (c *delayed) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	c.mu.Lock()
	before, after := c.before, c.after
	c.mu.Unlock()
	time.Sleep(before)
	cmd := c.Scripter.EvalSha(ctx, sha1, keys, args...)
	time.Sleep(after)
	return cmd
}

// The wait counts from before the call: what Redis would admit is never refused.
func TestDenyCacheKnowsOfTheTimeOnTheWay(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		before, after time.Duration
	}{
		"to the server":   {40 * ms, 0},
		"from the server": {0, 40 * ms},
		"both":            {20 * ms, 20 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, _ := newServer(t)
				client := &delayed{Scripter: server}
				s := newStore(t, client, redisstore.Config{})
				take(t, s, "k", ratelimit.Free, 10)
				emptied := time.Now()
				client.set(tt.before, tt.after)
				d := take(t, s, "k", ratelimit.Free, 1)
				assert.False(t, d.Allowed)
				assert.Equal(t, 200*ms-tt.before, d.RetryAfter)
				client.set(0, 0)
				time.Sleep(time.Until(emptied.Add(200 * ms)))
				assert.True(t, take(t, s, "k", ratelimit.Free, 1).Allowed)
			})
		})
	}
}

// A refusal that was on its way while tokens came back is not remembered.
func TestDenyCacheAndARefundAtOnce(t *testing.T) {
	t.Parallel()
	for name, giveBack := range map[string]func(context.Context, *redisstore.Store) error{
		"refund": func(ctx context.Context, s *redisstore.Store) error { return s.Refund(ctx, "k", slowTier(), 1) },
		"reset":  func(ctx context.Context, s *redisstore.Store) error { return s.Reset(ctx, "k") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, _ := newServer(t)
				client := &delayed{Scripter: server}
				s := newStore(t, client, redisstore.Config{})
				take(t, s, "k", slowTier(), 10)
				client.set(0, 40*time.Millisecond)
				refused := make(chan ratelimit.Decision)
				go func() {
					d, _ := s.Take(t.Context(), "k", slowTier(), 1)
					refused <- d
				}()
				synctest.Wait()
				client.set(0, 0)
				require.NoError(t, giveBack(t.Context(), s))
				assert.False(t, (<-refused).Allowed)
				assert.True(t, take(t, s, "k", slowTier(), 1).Allowed)
			})
		})
	}
}
