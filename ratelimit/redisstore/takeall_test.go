package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit/redisstore"
)

func takes(tier ratelimit.Tier, cost int, keys ...string) []ratelimit.Take {
	var all []ratelimit.Take
	for _, key := range keys {
		all = append(all, ratelimit.Take{Key: key, Tier: tier, Cost: cost})
	}
	return all
}

func TestTakeAllCallsOncePerTenant(t *testing.T) {
	t.Parallel()
	slow := slowTier()
	for name, tt := range map[string]struct {
		takes []ratelimit.Take
		calls int64
	}{
		"three limits of a tenant":         {takes(slow, 1, "\x00a\x00t", "t", "\x00b\x00t"), 1},
		"two tenants":                      {takes(slow, 1, "t", "u"), 2},
		"two tenants, mixed":               {takes(slow, 1, "t", "u", "\x00a\x00t", "\x00a\x00u"), 2},
		"refused by the first":             {takes(slow, 11, "t", "u"), 2},
		"given back":                       {append(takes(slow, 1, "t", "u"), takes(slow, 11, "v")...), 4 + 1},
		"an unlimited one is not asked of": {append(takes(ratelimit.Unlimited("u"), 1, "t"), takes(slow, 1, "u")...), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, _ := newServer(t)
				s := newStore(t, client, redisstore.Config{})
				_, err := s.TakeAll(t.Context(), tt.takes)
				require.NoError(t, err)
				assert.Equal(t, tt.calls, client.calls.Load())
			})
		})
	}
}

func TestTakeAllOfOneThatIsRememberedRefusesAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		s, slow := newStore(t, client, redisstore.Config{}), slowTier()
		take(t, s, "empty", slow, 10)
		take(t, s, "used", slow, 4)
		_, err := s.TakeAll(t.Context(), takes(slow, 1, "used", "empty"))
		require.NoError(t, err)
		before := client.calls.Load()
		all := takes(slow, 1, "used", "new", "empty")
		_, err = s.TakeAll(t.Context(), all)
		require.NoError(t, err)
		assert.Equal(t, before+2, client.calls.Load(), "to tell what could have been taken")
		d, err := s.TakeAll(t.Context(), all)
		require.NoError(t, err)
		assert.Equal(t, before+2, client.calls.Load())
		for i, tokens := range []int{6, 10, 0} {
			assert.Equal(t, i < 2, d[i].Allowed)
			assert.Equal(t, tokens, d[i].Tokens)
			assert.Equal(t, redisstore.SourceDenyCache, d[i].Source)
		}
		assert.Equal(t, 10, take(t, s, "new", slow, 0).Tokens)
		assert.Equal(t, 6, take(t, s, "used", slow, 0).Tokens)
	})
}

// What is remembered of one limit must not hide that Redis would now admit.
func TestTakeAllOfOneThatIsRememberedAndOneThatIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := newServer(t)
		here, elsewhere, slow := newStore(t, client, redisstore.Config{}), newStore(t, client, redisstore.Config{}), slowTier()
		take(t, here, "t", slow, 10)
		take(t, here, "t", slow, 1)
		require.NoError(t, elsewhere.Refund(t.Context(), "t", slow, 1))
		all := takes(slow, 1, "t", "\x00daily\x00t")
		for _, allowed := range []bool{true, false} {
			d, err := here.TakeAll(t.Context(), all)
			require.NoError(t, err)
			assert.Equal(t, []bool{allowed, true}, []bool{d[0].Allowed, d[1].Allowed})
			assert.Equal(t, 9, d[1].Tokens)
		}
		assert.Equal(t, 9, take(t, elsewhere, "\x00daily\x00t", slow, 0).Tokens)
	})
}

// Memory knows a bucket, but not what takes of one key leave to each other.
// failing is a client that fails for one key.
type failing struct {
	redis.Scripter
	key  string
	fail func(context.Context) error
}

func (c *failing) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	if strings.HasPrefix(keys[0], c.key) {
		return redis.NewCmdResult(nil, c.fail(ctx))
	}
	return c.Scripter.EvalSha(ctx, sha1, keys, args...)
}

func TestTakeAllGivesBackWhatItTookWhenALaterTenantFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		timeout time.Duration
		fail    func(context.Context) error
		want    string
		after   time.Duration
	}{
		"an error": {0, func(context.Context) error { return broken }, "redisstore: broken", 0},
		"a panic":  {0, func(context.Context) error { panic(broken) }, "redisstore: client panicked: broken", 0},
		"a hang": {0, func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		}, "redisstore: no answer within 50ms", 50 * time.Millisecond},
		"a caller that leaves": {-1, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, "context canceled", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, _ := newServer(t)
				client := &failing{Scripter: server, key: "ratelimit:" + tagOfAcme, fail: tt.fail}
				s, slow := newStore(t, client, redisstore.Config{Timeout: tt.timeout}), slowTier()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				start := time.Now()
				_, err := s.TakeAll(ctx, takes(slow, 3, "first", "\x00daily\x00first", "second", "acme", "last"))
				require.EqualError(t, err, tt.want)
				assert.Equal(t, tt.after, time.Since(start))
				synctest.Wait() // a refund that nobody waited for
				for _, key := range []string{"first", "\x00daily\x00first", "second", "last"} {
					assert.Equal(t, 10, take(t, s, key, slow, 0).Tokens, key)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// A server that hangs costs one timeout, the refund included.
func TestTakeAllDoesNotWaitForARefundPastItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, _ := newServer(t)
		client := &delayed{Scripter: server}
		s, slow := newStore(t, client, redisstore.Config{}), slowTier()
		take(t, s, "empty", slow, 10)
		client.set(20*time.Millisecond, 0)
		start := time.Now()
		_, err := s.TakeAll(t.Context(), takes(slow, 1, "first", "empty", "last"))
		require.ErrorContains(t, err, "no answer")
		assert.Equal(t, 50*time.Millisecond, time.Since(start))
		client.set(0, 0)
		time.Sleep(time.Second)
		assert.Equal(t, 10, take(t, s, "first", slow, 0).Tokens)
	})
}
