package idempotency_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func waitFor(d time.Duration) option { return func(c *idempotency.Config) { c.Wait = d } }

// polled hides that a store can wait.
type polled struct{ idempotency.Store }

func TestWait(t *testing.T) {
	t.Parallel()
	stores := map[string]func(idempotency.Store) idempotency.Store{
		"woken":  func(s idempotency.Store) idempotency.Store { return s },
		"asking": func(s idempotency.Store) idempotency.Store { return polled{s} },
	}
	for name, wrap := range stores {
		setup := func(t *testing.T, h http.HandlerFunc, opts ...option) *fixture {
			t.Helper()
			store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
			t.Cleanup(func() { _ = store.Close() })
			return setupStore(t, wrap(store), h, opts...)
		}
		t.Run(name+": waiters get the response", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(45 * time.Second) // over more than one lease
					w.WriteHeader(http.StatusCreated)
				}, waitFor(time.Minute))
				start := time.Now()
				var wg sync.WaitGroup
				for range 20 {
					wg.Go(func() {
						assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
						assert.LessOrEqual(t, time.Since(start), 46*time.Second)
					})
				}
				wg.Wait()
				assert.EqualValues(t, 1, f.runs.Load())
			})
		})
		t.Run(name+": at most so long", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) }, waitFor(time.Second))
				go f.post("k", "")
				synctest.Wait()
				start := time.Now()
				assert.Equal(t, "idempotency-request-in-flight", problem(t, f.post("k", ""), http.StatusConflict))
				assert.Equal(t, time.Second, time.Since(start))
				time.Sleep(time.Hour)
			})
		})
		t.Run(name+": one of them runs when the first gives up", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var attempts []int
				f := setup(t, func(w http.ResponseWriter, r *http.Request) {
					info, _ := idempotency.FromContext(r.Context())
					mu.Lock()
					attempts = append(attempts, info.Attempt)
					mu.Unlock()
					time.Sleep(time.Second)
					if info.Attempt == 1 {
						w.WriteHeader(http.StatusBadGateway)
					}
				}, waitFor(time.Minute))
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() { f.post("k", "") })
				}
				wg.Wait()
				assert.Equal(t, []int{1, 2}, attempts)
			})
		})
		t.Run(name+": a client that leaves stops waiting", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) }, waitFor(time.Hour))
				go f.post("k", "")
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				f.do(request(http.MethodPost, "/charges", "", header{"Idempotency-Key": "k"}).WithContext(ctx))
				assert.Equal(t, time.Second, time.Since(start))
				time.Sleep(time.Hour)
			})
		})
		t.Run(name+": not for another request", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) }, waitFor(time.Hour))
				go f.post("k", "a")
				synctest.Wait()
				start := time.Now()
				assert.Equal(t, http.StatusUnprocessableEntity, f.post("k", "b").StatusCode)
				assert.Zero(t, time.Since(start))
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestMemoryStoreWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := idempotency.NewMemoryStore(idempotency.MemoryConfig{PurgeEvery: -1})
		ctx, key, owner := t.Context(), idempotency.Key{1}, idempotency.Token{1}
		require.NoError(t, s.Wait(ctx, key), "absent")
		claim := func() {
			c, err := s.Claim(ctx, idempotency.ClaimRequest{Key: key, Token: owner, Lease: time.Minute, TTL: time.Hour})
			require.NoError(t, err)
			require.Equal(t, idempotency.Claimed, c.State)
		}
		waited := func(then func()) time.Duration {
			start := time.Now()
			go func() { time.Sleep(time.Second); then() }()
			require.NoError(t, s.Wait(ctx, key))
			return time.Since(start)
		}
		claim()
		assert.Equal(t, time.Second, waited(func() { _ = s.Release(ctx, key, owner) }), "released")
		claim()
		assert.Equal(t, time.Minute, waited(func() {}), "the lease ends")
		claim()
		assert.Equal(t, time.Second+time.Minute, waited(func() { _ = s.Extend(ctx, key, owner, time.Minute) }), "a renewed lease ends")
		claim()
		assert.Equal(t, time.Second, waited(func() { _ = s.Complete(ctx, key, owner, []byte("r"), time.Hour) }), "completed")
		assert.Zero(t, waited(func() {}), "completed before")
		time.Sleep(time.Second)
	})
}
