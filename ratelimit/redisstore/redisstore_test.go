package redisstore_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/ratelimit/storetest"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit/redisstore"
)

// counting is a client that counts its calls.
type counting struct {
	*redis.Client

	calls atomic.Int64
}

func (c *counting) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	c.calls.Add(1)
	return c.Client.EvalSha(ctx, sha1, keys, args...)
}

// newServer makes a server on the clock of the test's bubble.
func newServer(t *testing.T) (*counting, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true)
	t.Cleanup(server.Close)
	client := redis.NewClient(&redis.Options{
		Addr: "192.0.2.1:6379", // no name, which would be looked up outside of the bubble
		// The timers of those who wait for a connection are shared by all bubbles.
		PoolSize: 200,
		// It is of no use here, and its workers would outlast a bubble.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		Dialer:                   func(context.Context, string, string) (net.Conn, error) { return server.Dial() },
	})
	t.Cleanup(func() { _ = client.Close() })
	return &counting{Client: client}, server
}

func newStore(t *testing.T, client redis.Scripter, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(client, cfg)
	require.NoError(t, err)
	return s
}

func take(t *testing.T, s *redisstore.Store, key string, tier ratelimit.Tier, cost int) ratelimit.Decision {
	t.Helper()
	d, err := s.Take(t.Context(), key, tier, cost)
	require.NoError(t, err)
	return d
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]redisstore.Config{
		"deny cache":    {},
		"no deny cache": {DenyCache: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, synctest.Test, storetest.Harness{
				New: func(t *testing.T) ratelimit.Store {
					t.Helper()
					client, _ := newServer(t)
					return newStore(t, client, cfg)
				},
				Advance:   time.Sleep,
				Precision: time.Microsecond,
			})
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	_, err := redisstore.New(nil, redisstore.Config{})
	require.ErrorContains(t, err, "client is nil")
	for _, prefix := range []string{"{", "a}", "{a}:"} {
		_, err = redisstore.New(redis.NewClient(&redis.Options{}), redisstore.Config{Prefix: prefix})
		require.ErrorContains(t, err, "brace", prefix)
	}
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		newStore(t, client, redisstore.Config{})
		assert.Zero(t, client.calls.Load(), "New does no I/O")
		assert.Zero(t, client.PoolStats().TotalConns)
	})
}
