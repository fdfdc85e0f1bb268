package ratelimit_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// faulty is a store with a switch.
type faulty struct {
	*ratelimit.MemoryStore
	fail  atomic.Pointer[func(context.Context) error]
	calls atomic.Int64
}

func newFaulty() *faulty { return &faulty{MemoryStore: newStore()} }

func (s *faulty) set(fail func(context.Context) error) { s.fail.Store(&fail) }

func (s *faulty) Take(ctx context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
	s.calls.Add(1)
	if fail := s.fail.Load(); fail != nil && *fail != nil {
		// A wrong decision beside the error must not count.
		return ratelimit.Decision{Allowed: true}, (*fail)(ctx)
	}
	return s.MemoryStore.Take(ctx, key, tier, cost)
}

var errDown = errors.New("connection refused")

func down(context.Context) error    { return errDown }
func panicky(context.Context) error { panic("nil map") }
func works(t *testing.T, s *faulty) { t.Helper(); s.set(nil) }
func status(h http.Handler) (n [6]int) {
	for range 100 {
		n[do(h, "acme").Code/100]++
	}
	return n
}

func TestStoreFailure(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		policy        ratelimit.FailurePolicy
		fail          func(context.Context) error
		ok, refused   int // of 100 requests
		refusedStatus int
		outcome       ratelimit.Outcome
		source        ratelimit.Source
	}{
		{"local", ratelimit.FailLocal, down, 10, 90, 429, ratelimit.OutcomeDenied, ratelimit.SourceFallback},
		{"local, panic", ratelimit.FailLocal, panicky, 10, 90, 429, ratelimit.OutcomeDenied, ratelimit.SourceFallback},
		{"open", ratelimit.FailOpen, down, 100, 0, 0, ratelimit.OutcomeUnprotected, ratelimit.SourceBypass},
		{"open, panic", ratelimit.FailOpen, panicky, 100, 0, 0, ratelimit.OutcomeUnprotected, ratelimit.SourceBypass},
		{"closed", ratelimit.FailClosed, down, 0, 100, 503, ratelimit.OutcomeStoreDown, ""},
		{"closed, panic", ratelimit.FailClosed, panicky, 0, 100, 503, ratelimit.OutcomeStoreDown, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var logs logLines
				events, store := &recorder{}, newFaulty()
				lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{
					OnStoreError: tt.policy, Observer: events.observe, Logger: logs.logger(),
				})
				require.NoError(t, err)
				h := lim.Handler(hello)
				store.set(tt.fail)

				n := status(h)
				assert.Equal(t, tt.ok, n[2])
				assert.Equal(t, tt.refused, n[4]+n[5])
				assert.Equal(t, int64(3), store.calls.Load(), "after three failures it is left alone")
				assert.Len(t, logs.lines(), 1)
				assert.NotContains(t, logs.lines()[0], "acme")
				last := events.events[99]
				assert.Equal(t, tt.outcome, last.Outcome)
				assert.Equal(t, tt.source, last.Decision.Source)
				if tt.refusedStatus == http.StatusServiceUnavailable {
					w := do(h, "acme")
					assert.Equal(t, "1", w.Header().Get("Retry-After"))
					assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
					assert.Contains(t, w.Body.String(), "#rate-limit-store-unavailable")
					assert.NotContains(t, w.Body.String(), "refused")
					d, err := lim.Take(t.Context(), "acme", ratelimit.Free, 1)
					require.Error(t, err)
					assert.False(t, d.Allowed)
				}

				// It is probed once a second, and used again after one success.
				for range 3 {
					time.Sleep(time.Second)
					status(h)
				}
				assert.Equal(t, int64(6), store.calls.Load())
				assert.Len(t, logs.lines(), 1)
				works(t, store)
				time.Sleep(time.Second)
				n = status(h)
				assert.Equal(t, 10, n[2])
				assert.Equal(t, 90, n[4])
				assert.Equal(t, int64(106), store.calls.Load())
				assert.Equal(t, ratelimit.SourceMemory, events.events[len(events.events)-1].Decision.Source)
				assert.Len(t, logs.lines(), 2)
			})
		})
	}
}

// One failed call is bridged by the policy, and the store is used at once.
func TestStoreFailureSingle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logs logLines
		store := newFaulty()
		lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{
			OnStoreError: ratelimit.FailClosed, Logger: logs.logger(),
		})
		require.NoError(t, err)
		h := lim.Handler(hello)
		store.set(down)
		assert.Equal(t, http.StatusServiceUnavailable, do(h, "acme").Code)
		works(t, store)
		assert.Equal(t, http.StatusOK, do(h, "acme").Code)
	})
}

// A store that fails every other call admits no flood and fills no log.
func TestStoreFlapping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logs logLines
		var calls atomic.Int64
		sound := newStore()
		lim, err := ratelimit.New(storeFunc(func(ctx context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
			if calls.Add(1)%2 == 0 {
				return ratelimit.Decision{}, errDown
			}
			return sound.Take(ctx, key, tier, cost)
		}), byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{Logger: logs.logger()})
		require.NoError(t, err)
		h := lim.Handler(hello)
		admitted := 0
		for range 1000 {
			if do(h, "acme").Code == http.StatusOK {
				admitted++
			}
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, admitted, 2*(10+5*10), "two buckets: the store's and the local one")
		assert.Len(t, logs.lines(), 1)
	})
}

type storeFunc func(context.Context, string, ratelimit.Tier, int) (ratelimit.Decision, error)

func (f storeFunc) Take(ctx context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
	return f(ctx, key, tier, cost)
}

// A caller that gives up is no failure of the store, and is not admitted.
func TestStoreCanceledCall(t *testing.T) {
	t.Parallel()
	for _, policy := range []ratelimit.FailurePolicy{ratelimit.FailLocal, ratelimit.FailOpen, ratelimit.FailClosed} {
		t.Run(policy.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var logs logLines
				store := newFaulty()
				lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{
					OnStoreError: policy, Logger: logs.logger(),
				})
				require.NoError(t, err)
				store.set(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
				for range 10 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					d, err := lim.Take(ctx, "acme", ratelimit.Free, 1)
					cancel()
					require.ErrorIs(t, err, context.DeadlineExceeded)
					assert.False(t, d.Allowed)
				}
				assert.Equal(t, int64(10), store.calls.Load())
				assert.Equal(t, []string{""}, logs.lines())
			})
		})
	}
}

// An outage under load, for the race detector: no key gets more than the local
// tier, and one line is logged.
func TestStoreFailureConcurrent(t *testing.T) {
	t.Parallel()
	var logs logLines
	store := newFaulty()
	store.set(down)
	hourly := ratelimit.Per("hourly", 10, time.Hour)
	lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(hourly), ratelimit.Config{Logger: logs.logger()})
	require.NoError(t, err)
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			for range 20 {
				d, err := lim.Allow(request("acme"))
				if assert.NoError(t, err) && d.Allowed {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(10), admitted.Load())
	assert.Len(t, logs.lines(), 1)
}

// A store that refuses without a wait still gets a well-formed refusal.
func TestStoreThatSaysLittle(t *testing.T) {
	t.Parallel()
	lim, err := ratelimit.New(storeFunc(func(context.Context, string, ratelimit.Tier, int) (ratelimit.Decision, error) {
		return ratelimit.Decision{}, nil
	}), byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
	require.NoError(t, err)
	w := do(lim.Handler(hello), "acme")
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.Equal(t, [3]string{"", "", "1"}, quota(w.Header()))
}
