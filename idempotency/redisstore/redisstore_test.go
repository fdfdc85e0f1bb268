package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/storetest"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency/redisstore"
)

func open(t *testing.T, cfg redisstore.Config) (*redisstore.Store, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), PoolSize: 8})
	t.Cleanup(func() { _ = client.Close() })
	s, err := redisstore.New(client, cfg)
	require.NoError(t, err)
	return s, server
}

func TestContract(t *testing.T) {
	t.Parallel()
	var server *miniredis.Miniredis
	clock := time.Unix(1_800_000_000, 0)
	storetest.Run(t, nil, storetest.Harness{
		New: func(t *testing.T) idempotency.Store {
			t.Helper()
			s, started := open(t, redisstore.Config{})
			server = started
			server.SetTime(clock)
			return s
		},
		Advance: func(d time.Duration) {
			clock = clock.Add(d)
			server.SetTime(clock)
			server.FastForward(d)
		},
	})
}

func claimRequest() idempotency.ClaimRequest {
	return idempotency.ClaimRequest{
		Key: idempotency.Key{0xff, 1}, Token: idempotency.Token{2}, Fingerprint: idempotency.Fingerprint{3}, Lease: time.Second, TTL: time.Hour,
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s, server := open(t, redisstore.Config{Prefix: "acme:"})
	req := claimRequest()
	_, err := s.Claim(t.Context(), req)
	require.NoError(t, err)
	keys := server.Keys()
	require.Len(t, keys, 1, "one record, one key")
	assert.Equal(t, "acme:_wE"+strings.Repeat("A", 40), keys[0])
	assert.Equal(t, time.Hour+time.Second, server.TTL(keys[0]))
	require.NoError(t, s.Complete(t.Context(), req.Key, req.Token, []byte("r"), time.Minute))
	assert.Equal(t, time.Minute, server.TTL(keys[0]))
	require.NoError(t, s.Complete(t.Context(), req.Key, req.Token, nil, time.Nanosecond))
	assert.Equal(t, time.Millisecond, server.TTL(keys[0]), "rounded up: never without an expiry, never none at all")
}

func TestScriptsAreSentAgainWhenTheServerForgot(t *testing.T) {
	t.Parallel()
	s, server := open(t, redisstore.Config{})
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	req := claimRequest()
	for range 2 {
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		claim, err := s.Claim(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, 1, claim.Attempt)
		require.NoError(t, s.Extend(t.Context(), req.Key, req.Token, time.Second))
	}
}

// Whatever is wrong with a key, it is an error and never an absent record.
func TestForeignKey(t *testing.T) {
	t.Parallel()
	req := claimRequest()
	for name, spoil := range map[string]func(*miniredis.Miniredis, string){
		"another type":   func(m *miniredis.Miniredis, key string) { _ = m.Set(key, "x") },
		"unknown state":  func(m *miniredis.Miniredis, key string) { m.HSet(key, "s", "?") },
		"missing fields": func(m *miniredis.Miniredis, key string) { m.HSet(key, "s", "P", "f", string(req.Fingerprint[:])) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, server := open(t, redisstore.Config{})
			spoil(server, "idempotency:_wE"+strings.Repeat("A", 40))
			claim, err := s.Claim(t.Context(), req)
			require.Error(t, err)
			assert.NotEqual(t, idempotency.Claimed, claim.State)
		})
	}
}

func TestServerDown(t *testing.T) {
	t.Parallel()
	s, server := open(t, redisstore.Config{})
	server.Close()
	req := claimRequest()
	_, err := s.Claim(t.Context(), req)
	require.ErrorContains(t, err, "redisstore: claim: ")
	for _, err := range []error{
		s.Extend(t.Context(), req.Key, req.Token, time.Second),
		s.Complete(t.Context(), req.Key, req.Token, nil, time.Second),
		s.Release(t.Context(), req.Key, req.Token),
	} {
		require.Error(t, err)
		require.NotErrorIs(t, err, idempotency.ErrLeaseLost)
	}
}

// fakeConfig is a client that tells, or does not.
type fakeConfig struct {
	redis.Scripter
	policy string
	err    error
	hang   time.Duration
}

func (f fakeConfig) ConfigGet(ctx context.Context, parameter string) *redis.MapStringStringCmd {
	time.Sleep(f.hang) // does not look at ctx, as go-redis by default
	cmd := redis.NewMapStringStringCmd(ctx)
	cmd.SetVal(map[string]string{parameter: f.policy})
	if f.err != nil {
		cmd.SetErr(f.err)
	}
	return cmd
}

func TestEvictingPolicyIsWarnedOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		client fakeConfig
		warns  bool
	}{
		"noeviction":      {fakeConfig{policy: "noeviction"}, false},
		"allkeys-lru":     {fakeConfig{policy: "allkeys-lru"}, true},
		"volatile-ttl":    {fakeConfig{policy: "volatile-ttl"}, true},
		"does not tell":   {fakeConfig{err: errors.New("ERR unknown command")}, false},
		"does not answer": {fakeConfig{policy: "allkeys-lru", hang: time.Minute}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				start := time.Now()
				_, err := redisstore.New(tt.client, redisstore.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				require.NoError(t, err)
				assert.LessOrEqual(t, time.Since(start), time.Second)
				assert.Equal(t, tt.warns, strings.Contains(log.String(), "maxmemory_policy="+tt.client.policy), log.String())
				time.Sleep(time.Hour)
			})
		})
	}
	_, err := redisstore.New(nil, redisstore.Config{})
	require.Error(t, err)
}
