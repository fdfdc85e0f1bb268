package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
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
				assert.Len(t, logs.lines(), 1, "it may fail again at once")
				time.Sleep(time.Second)
				do(h, "acme")
				assert.Len(t, logs.lines(), 2)
				var changes []ratelimit.StoreChange
				for _, e := range events.events {
					if e.StoreChange != "" {
						changes = append(changes, e.StoreChange)
					}
				}
				assert.Equal(t, []ratelimit.StoreChange{ratelimit.StoreFailed, ratelimit.StoreRecovered}, changes)
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

// A caller that gives up is no failure of the store, unless he has waited for
// it, and is not admitted.
func TestStoreCanceledCall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		give  func(context.Context) (context.Context, context.CancelFunc)
		want  error
		calls int64
		lines int
	}{
		{"a client that leaves", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, context.Canceled, 10, 0},
		{"a deadline that no store can meet", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Millisecond)
		}, context.DeadlineExceeded, 10, 0},
		{"a deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 40*time.Millisecond)
		}, context.DeadlineExceeded, 3, 1},
	}
	for _, tt := range tests {
		for _, policy := range []ratelimit.FailurePolicy{ratelimit.FailLocal, ratelimit.FailOpen, ratelimit.FailClosed} {
			t.Run(tt.name+"/"+policy.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var logs logLines
					store := newFaulty()
					lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{
						OnStoreError: policy, Logger: logs.logger(),
					})
					require.NoError(t, err)
					store.set(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
					for range tt.calls {
						ctx, cancel := tt.give(t.Context())
						d, err := lim.Take(ctx, "acme", ratelimit.Free, 1)
						cancel()
						require.ErrorIs(t, err, tt.want)
						assert.False(t, d.Allowed)
					}
					works(t, store)
					_, err = lim.Take(t.Context(), "acme", ratelimit.Free, 0)
					assert.Equal(t, tt.lines == 1 && policy == ratelimit.FailClosed, err != nil)
					assert.Equal(t, tt.lines, strings.Count(logs.buf.String(), "failed"))
				})
			})
		}
	}
}

// A client that leaves while its tier is looked up pays nothing, and its
// request does not run.
func TestCanceledDuringLookup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	store := newStore()
	lim, err := ratelimit.New(store, byTenant, func(*http.Request) (ratelimit.Tier, error) {
		cancel()
		return ratelimit.Free, nil
	}, ratelimit.Config{})
	require.NoError(t, err)
	_, err = lim.Allow(request("acme").WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, store.Stats().Keys)
}

// Calls that began before the store came back say nothing about it.
func TestStoreLateFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
		require.NoError(t, err)
		h := lim.Handler(hello)
		store.set(func(context.Context) error { time.Sleep(5 * time.Second); return errDown })
		for i := range 10 { // each fails five seconds later
			time.AfterFunc(time.Duration(i)*time.Second/2, func() { do(h, "acme") })
		}
		time.Sleep(5 * time.Second)
		store.set(down)
		for range 3 {
			do(h, "acme")
		}
		works(t, store)
		time.Sleep(2 * time.Second)
		calls := store.calls.Load()
		do(h, "acme")
		do(h, "acme")
		assert.Equal(t, calls+2, store.calls.Load(), "in use again")
		time.Sleep(time.Minute)
	})
}

// A tier that the store cannot keep is no failure of the store.
func TestStoreThatRefusesATier(t *testing.T) {
	t.Parallel()
	var logs logLines
	lim, err := ratelimit.New(storeFunc(func(context.Context, string, ratelimit.Tier, int) (ratelimit.Decision, error) {
		return ratelimit.Decision{}, fmt.Errorf("too fine: %w", ratelimit.ErrInvalidTier)
	}), byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{Logger: logs.logger()})
	require.NoError(t, err)
	for range 10 {
		w := do(lim.Handler(hello), "acme")
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Contains(t, w.Body.String(), "#rate-limit-tier-unavailable")
	}
	assert.Len(t, logs.lines(), 1)
	assert.Contains(t, logs.lines()[0], "tier invalid")
}

// Of a call of several that failed, nothing is settled.
func TestFailOpenSettlesNothing(t *testing.T) {
	t.Parallel()
	tier := ratelimit.Per("ten", 10, time.Hour)
	fails := func(key string) bool { return key != "acme" }
	store := &someFail{MemoryStore: newStore(), fails: fails}
	take(t, store.MemoryStore, "acme", tier, 5)
	for name, s := range map[string]ratelimit.Store{"one by one": refunding{store, store}, "garbage": garbage{store}} {
		lim, err := ratelimit.New(s, byTenant, ratelimit.Fixed(tier), ratelimit.Config{
			OnStoreError: ratelimit.FailOpen, Charge: func(int, *http.Request) int { return 0 },
			Limits: []ratelimit.Limit{{Name: "b", Tier: ratelimit.Fixed(tier)}},
		})
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, do(lim.Handler(hello), "acme").Code, name)
		assert.Equal(t, 5, take(t, store.MemoryStore, "acme", tier, 0).Tokens, name)
	}
}

// someFail fails for some keys.
type someFail struct {
	*ratelimit.MemoryStore

	fails func(key string) bool
}

func (s *someFail) Take(ctx context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
	if s.fails(key) {
		return ratelimit.Decision{}, errDown
	}
	return s.MemoryStore.Take(ctx, key, tier, cost)
}

// garbage answers with more decisions than it was asked for.
type garbage struct{ *someFail }

func (garbage) TakeAll(_ context.Context, takes []ratelimit.Take) ([]ratelimit.Decision, error) {
	return make([]ratelimit.Decision, len(takes)+1), nil
}

// Figures that cannot be never reach a client.
func TestGarbageFigures(t *testing.T) {
	t.Parallel()
	lim, err := ratelimit.New(storeFunc(func(context.Context, string, ratelimit.Tier, int) (ratelimit.Decision, error) {
		return ratelimit.Decision{Limit: -3, Remaining: -7, Burst: -1, Tokens: -2, RetryAfter: math.MaxInt64, ResetAfter: math.MinInt64, Policy: `","`}, nil
	}), byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{Headers: ratelimit.XRateLimit | ratelimit.RetryAfter | ratelimit.IETFDraft11})
	require.NoError(t, err)
	w := do(lim.Handler(hello), "acme")
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.NotContains(t, w.Body.String(), ":-")
	assert.Contains(t, w.Body.String(), `"violated-policies":["free"]`)
	for _, values := range w.Header() {
		assert.NotContains(t, strings.ReplaceAll(values[0], "no-store", ""), "-3")
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
