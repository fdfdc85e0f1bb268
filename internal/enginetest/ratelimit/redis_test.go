package ratelimit_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/ratelimit/redisstore"
	"github.com/bracework/bracework/ratelimit/storetest"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

// wide is for waiting on what has no promised time, on a machine that is busy.
const wide = 30 * time.Second

// client is what all clients of go-redis have.
type client interface {
	redis.UniversalClient
	redis.Scripter
}

func newClient(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// newCluster starts a cluster of one node, which has all slots.
func newCluster(t *testing.T) client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port for the bus, which no other node will call
	require.NoError(t, err)
	bus := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	addr := enginetest.Redis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus)).Addr()
	node := newClient(t, addr)
	require.NoError(t, node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	require.Eventually(t, func() bool {
		info, err := node.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, wide, 10*time.Millisecond)
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// reopened is a store whose process knows nothing of the time that advance has
// skipped.
type reopened struct {
	t      *testing.T
	client client

	mu    sync.Mutex
	store *redisstore.Store
}

func newReopened(t *testing.T, c client) *reopened {
	t.Helper()
	require.NoError(t, c.FlushAll(t.Context()).Err())
	r := &reopened{t: t, client: c}
	r.open()
	return r
}

func (r *reopened) open() {
	s, err := redisstore.New(r.client, redisstore.Config{Timeout: wide})
	require.NoError(r.t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.store = s
}

func (r *reopened) get() *redisstore.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.store
}

func (r *reopened) Take(ctx context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
	return r.get().Take(ctx, key, tier, cost)
}

func (r *reopened) TakeAll(ctx context.Context, takes []ratelimit.Take) ([]ratelimit.Decision, error) {
	return r.get().TakeAll(ctx, takes)
}

func (r *reopened) Refund(ctx context.Context, key string, tier ratelimit.Tier, cost int) error {
	return r.get().Refund(ctx, key, tier, cost)
}

func (r *reopened) Reset(ctx context.Context, key string) error { return r.get().Reset(ctx, key) }

// advance moves all buckets back.
func (r *reopened) advance(d time.Duration) {
	const moveBack = `
	for _, key in ipairs(redis.call('KEYS', '*')) do
		local full, rest = string.match(redis.call('GET', key), '^(%d+)(.*)$')
		redis.call('SET', key, string.format('%.0f', full - ARGV[1]) .. rest, 'KEEPTTL')
		redis.call('PEXPIRE', key, redis.call('PTTL', key) - math.floor(ARGV[1] / 1000))
	end
	return 0`
	require.NoError(r.t, r.client.Eval(r.t.Context(), moveBack, nil, d.Microseconds()).Err())
	r.open()
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) client{
		"redis":         func(t *testing.T) client { return newClient(t, enginetest.Redis(t).Addr()) },
		"redis cluster": newCluster,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			var r *reopened
			storetest.Run(t, nil, storetest.Harness{
				New: func(t *testing.T) ratelimit.Store {
					t.Helper()
					r = newReopened(t, c)
					return r
				},
				Advance:   func(d time.Duration) { r.advance(d) },
				Precision: time.Microsecond,
				Slack:     5 * time.Second,
			})
		})
	}
}

func TestLimitsOfATenantAreOneCallInACluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	s, err := redisstore.New(c, redisstore.Config{Timeout: wide})
	require.NoError(t, err)
	takes := []ratelimit.Take{
		{Key: "acme", Tier: ratelimit.Free, Cost: 1},
		{Key: "\x00daily\x00acme", Tier: ratelimit.Per("daily", 1000, 24*time.Hour), Cost: 1},
		{Key: "\x00monthly\x00acme", Tier: ratelimit.Per("monthly", 10000, 30*24*time.Hour), Cost: 1},
	}
	d, err := s.TakeAll(t.Context(), takes)
	require.NoError(t, err)
	for i, tokens := range []int{9, 999, 9999} {
		assert.Equal(t, tokens, d[i].Tokens)
	}
}

func TestKeyOfOneFreeRequestLivesAtMost300ms(t *testing.T) {
	t.Parallel()
	c := newClient(t, enginetest.Redis(t).Addr())
	s, err := redisstore.New(c, redisstore.Config{Timeout: wide})
	require.NoError(t, err)
	_, err = s.Take(t.Context(), "acme", ratelimit.Free, 1)
	require.NoError(t, err)
	taken := time.Now()
	keys, err := c.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.LessOrEqual(t, len(keys), 1)
	for _, key := range keys {
		ttl, err := c.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		assert.LessOrEqual(t, ttl, 300*time.Millisecond)
	}
	<-time.After(time.Until(taken.Add(300 * time.Millisecond)))
	size, err := c.DBSize(t.Context()).Result()
	require.NoError(t, err)
	if size > 0 { // counted until something looks at it
		_, err = c.Get(t.Context(), keys[0]).Result()
		assert.ErrorIs(t, err, redis.Nil)
	}
}

// Redis counts for all processes, whatever their number: a burst and not more.
func TestReplicasShareABucket(t *testing.T) {
	t.Parallel()
	addr := enginetest.Redis(t).Addr()
	tier := ratelimit.Tier{Name: "t", Rate: 1.0 / 60, Burst: 100}
	var wg sync.WaitGroup
	var mu sync.Mutex
	admitted := map[int]bool{}
	for range 4 {
		s, err := redisstore.New(newClient(t, addr), redisstore.Config{Timeout: wide})
		require.NoError(t, err)
		for range 16 {
			wg.Go(func() {
				for range 5 {
					d, err := s.Take(t.Context(), "k", tier, 1)
					if !assert.NoError(t, err) { //nolint:testifylint // on another goroutine
						return
					}
					if d.Allowed {
						mu.Lock()
						admitted[d.Tokens] = true
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	assert.Len(t, admitted, tier.Burst, "each number of tokens was left once")
}

func BenchmarkTake(b *testing.B) {
	c := redis.NewClient(&redis.Options{Addr: enginetest.Redis(b).Addr()})
	b.Cleanup(func() { _ = c.Close() })
	s, err := redisstore.New(c, redisstore.Config{Timeout: wide})
	require.NoError(b, err)
	fast := ratelimit.Tier{Name: "fast", Rate: 1e6, Burst: 1e6}
	slow := ratelimit.Tier{Name: "slow", Rate: 1.0 / 3600, Burst: 1}
	take := func(b *testing.B, key string, tier ratelimit.Tier) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Take(b.Context(), key, tier, 1); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("ping", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Ping(b.Context()).Err(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("admitted", func(b *testing.B) { take(b, "a", fast) })
	b.Run("remembered", func(b *testing.B) { take(b, "b", slow) })
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.Take(b.Context(), "c", fast, 1); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
