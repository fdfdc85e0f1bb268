package redisstore_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit/redisstore"
)

// hanging is a client that does not look at its context.
type hanging struct {
	redis.Scripter
	open  chan struct{} // closed: it goes on
	calls atomic.Int64
}

func newHanging(t *testing.T) *hanging {
	t.Helper()
	server, _ := newServer(t)
	return &hanging{Scripter: server, open: make(chan struct{})}
}

func (c *hanging) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	c.calls.Add(1)
	<-c.open
	return c.Scripter.EvalSha(context.WithoutCancel(ctx), sha1, keys, args...)
}

// methods are all that call Redis.
func methods() map[string]func(context.Context, *redisstore.Store) error {
	return map[string]func(context.Context, *redisstore.Store) error{
		"Take": func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.Take(ctx, "k", ratelimit.Free, 1)
			return err
		},
		"TakeAll": func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.TakeAll(ctx, []ratelimit.Take{{Key: "a", Tier: ratelimit.Free, Cost: 1}, {Key: "b", Tier: ratelimit.Free, Cost: 1}})
			return err
		},
		"Refund": func(ctx context.Context, s *redisstore.Store) error { return s.Refund(ctx, "k", ratelimit.Free, 1) },
		"Reset":  func(ctx context.Context, s *redisstore.Store) error { return s.Reset(ctx, "k") },
	}
}

func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	timedOut := func(t *testing.T, err error) {
		t.Helper()
		require.ErrorContains(t, err, "redisstore: no answer within ")
		require.NotErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	}
	canceled := func(t *testing.T, err error) {
		t.Helper()
		assert.Equal(t, context.Canceled, err)
	}
	late := func(t *testing.T, err error) {
		t.Helper()
		assert.Equal(t, context.DeadlineExceeded, err)
	}
	cancelAfter := func(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(d, cancel)
			return ctx, cancel
		}
	}
	deadline := func(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
	}
	for name, tt := range map[string]struct {
		timeout time.Duration
		caller  func(context.Context) (context.Context, context.CancelFunc)
		want    func(*testing.T, error)
		after   time.Duration
	}{
		"default":                  {0, cancelAfter(time.Hour), timedOut, 50 * ms},
		"own":                      {200 * ms, cancelAfter(time.Hour), timedOut, 200 * ms},
		"caller gives up":          {0, cancelAfter(20 * ms), canceled, 20 * ms},
		"caller's deadline":        {0, deadline(20 * ms), late, 20 * ms},
		"caller's later deadline":  {0, deadline(80 * ms), timedOut, 50 * ms},
		"off, and caller gives up": {-1, cancelAfter(time.Minute), canceled, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for method, call := range methods() {
				t.Run(method, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						client := newHanging(t)
						s := newStore(t, client, redisstore.Config{Timeout: tt.timeout})
						ctx, cancel := tt.caller(t.Context())
						defer cancel()
						start := time.Now()
						tt.want(t, call(ctx, s))
						assert.Equal(t, tt.after, time.Since(start))
						assert.Equal(t, int64(1), client.calls.Load())
						close(client.open)
					})
				})
			}
		})
	}
}

func TestNoCallForACallerThatIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newHanging(t)
		s := newStore(t, client, redisstore.Config{})
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("a cause of its own"))
		for method, call := range methods() {
			assert.Equal(t, context.Canceled, call(ctx, s), method)
		}
		assert.Zero(t, client.calls.Load())
	})
}

func TestNoCallWhereThereIsNothingToAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newHanging(t)
		s := newStore(t, client, redisstore.Config{})
		for _, tier := range []ratelimit.Tier{ratelimit.Unlimited("u"), ratelimit.Blocked("b")} {
			assert.Equal(t, ratelimit.SourceBypass, take(t, s, "k", tier, 1).Source)
			require.NoError(t, s.Refund(t.Context(), "k", tier, 1))
		}
		require.NoError(t, s.Refund(t.Context(), "k", ratelimit.Free, 0))
		_, err := s.TakeAll(t.Context(), nil)
		require.NoError(t, err)
		_, err = s.TakeAll(t.Context(), []ratelimit.Take{{Key: "k", Tier: ratelimit.Unlimited("u"), Cost: 1}})
		require.NoError(t, err)
		_, err = s.TakeAll(t.Context(), []ratelimit.Take{{Key: "k", Tier: ratelimit.Free, Cost: 1}, {Key: "k"}})
		require.Error(t, err)
		_, err = s.Take(t.Context(), "k", ratelimit.Tier{}, 1)
		require.Error(t, err)
		require.Error(t, s.Refund(t.Context(), "k", ratelimit.Tier{}, 1))
		assert.Zero(t, client.calls.Load())
	})
}

func TestHungCallsAreCounted(t *testing.T) {
	t.Parallel()
	const maxStuck = 256
	synctest.Test(t, func(t *testing.T) {
		client := newHanging(t)
		s := newStore(t, client, redisstore.Config{})
		for range maxStuck {
			_, err := s.Take(t.Context(), "k", ratelimit.Free, 1)
			require.ErrorContains(t, err, "no answer")
		}
		start := time.Now()
		for method, call := range methods() {
			require.ErrorContains(t, call(t.Context(), s), "too many calls hang", method)
		}
		assert.Equal(t, start, time.Now(), "fails at once")
		assert.Equal(t, int64(maxStuck), client.calls.Load())
		close(client.open)
		synctest.Wait()
		time.Sleep(time.Hour)
		take(t, s, "k", ratelimit.Free, 1)
		assert.Equal(t, int64(maxStuck+1), client.calls.Load())
	})
}

func TestErrorsOfTheClient(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		run  func(context.Context) (any, error)
		want string
		is   error
	}{
		"error":           {func(context.Context) (any, error) { return nil, broken }, "redisstore: broken", broken},
		"closed":          {func(context.Context) (any, error) { return nil, redis.ErrClosed }, "redisstore: redis: client is closed", redis.ErrClosed},
		"panic":           {func(context.Context) (any, error) { panic(broken) }, "redisstore: client panicked: broken", nil},
		"its own timeout": {func(context.Context) (any, error) { return nil, context.DeadlineExceeded }, "redisstore: context deadline exceeded", nil},
		"its own cancel":  {func(context.Context) (any, error) { return nil, context.Canceled }, "redisstore: context canceled", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, scripted{run: tt.run}, redisstore.Config{Timeout: time.Minute})
			for method, call := range methods() {
				err := call(t.Context(), s)
				require.EqualError(t, err, tt.want, method)
				require.NotErrorIs(t, err, context.Canceled)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				if tt.is != nil {
					require.ErrorIs(t, err, tt.is)
				}
			}
		})
	}
	t.Run("a client that keeps the deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newStore(t, scripted{run: func(ctx context.Context) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}, redisstore.Config{})
			for method, call := range methods() {
				require.EqualError(t, call(t.Context(), s), "redisstore: no answer within 50ms", method)
			}
		})
	})
}
