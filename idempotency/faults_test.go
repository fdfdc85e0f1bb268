package idempotency_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/idempotency"
)

func setupFaulty(t *testing.T, h http.HandlerFunc, opts ...option) (*fixture, *faulty) {
	t.Helper()
	mem := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = mem.Close() })
	s := &faulty{Store: mem}
	f := setupStore(t, s, h, opts...)
	f.store = mem
	return f, s
}

func TestStoreDownAtClaim(t *testing.T) {
	t.Parallel()
	t.Run("fails closed", func(t *testing.T) {
		t.Parallel()
		f, s := setupFaulty(t, nil)
		s.set(func() { s.claim = errDown })
		resp := f.post("k", "")
		assert.Equal(t, "idempotency-store-unavailable", problem(t, resp, http.StatusServiceUnavailable))
		assert.Equal(t, "5", resp.Header.Get("Retry-After"))
		assert.EqualValues(t, 0, f.runs.Load())
	})
	t.Run("fails open on request", func(t *testing.T) {
		t.Parallel()
		f, s := setupFaulty(t, nil, func(c *idempotency.Config) { c.FailOpen = true })
		s.set(func() { s.claim = errDown })
		assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
		assert.Equal(t, []idempotency.Outcome{idempotency.OutcomeUnprotected}, f.outcomes())
	})
	t.Run("a claim whose answer was lost is given back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setupFaulty(t, nil)
			s.set(func() { s.claim, s.lost = errDown, true })
			assert.Equal(t, http.StatusServiceUnavailable, f.post("k", "").StatusCode)
			synctest.Wait()
			s.set(func() { s.claim = nil })
			assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
			assert.Equal(t, 1, s.released)
		})
	})
}

func TestStoreDownAtCompletion(t *testing.T) {
	t.Parallel()
	t.Run("saved again under the lease, never a second run", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setupFaulty(t, nil)
			s.set(func() { s.complete = errDown })
			assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode, "the client gets its answer")
			assert.Equal(t, http.StatusConflict, f.post("k", "").StatusCode)
			time.Sleep(5 * time.Second)
			s.set(func() { s.complete = nil })
			time.Sleep(2 * time.Second)
			assert.True(t, replayed(f.post("k", "")))
			assert.EqualValues(t, 1, f.runs.Load())
			assert.Equal(t, idempotency.OutcomeSaveFailed, f.outcomes()[0])
		})
	})
	t.Run("a save that hangs does not hold the answer back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setupFaulty(t, nil)
			s.set(func() { s.hang = time.Hour })
			start := time.Now()
			assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
			assert.Equal(t, 2*time.Second, time.Since(start))
			s.set(func() { s.hang = 0 })
			time.Sleep(time.Minute)
		})
	})
	t.Run("after the lease a retry is attempt 2", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var attempts []int
			f, s := setupFaulty(t, func(_ http.ResponseWriter, r *http.Request) {
				info, _ := idempotency.FromContext(r.Context())
				attempts = append(attempts, info.Attempt)
			})
			s.set(func() { s.complete = errDown })
			f.post("k", "")
			time.Sleep(30*time.Second + time.Millisecond)
			s.set(func() { s.complete = nil })
			assert.Equal(t, http.StatusOK, f.post("k", "").StatusCode)
			assert.Equal(t, []int{1, 2}, attempts)
			time.Sleep(time.Minute)
		})
	})
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	t.Run("lease lost cancels the handler, and nothing is overwritten", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setupFaulty(t, func(w http.ResponseWriter, r *http.Request) {
				info, _ := idempotency.FromContext(r.Context())
				if info.Attempt == 1 {
					<-r.Context().Done()
					time.Sleep(time.Minute) // goes on all the same
					w.WriteHeader(http.StatusTeapot)
					return
				}
				w.WriteHeader(http.StatusCreated)
			})
			s.set(func() { s.extend = errDown })
			start := time.Now()
			done := make(chan int)
			go func() { done <- f.post("k", "").StatusCode }()
			time.Sleep(30*time.Second + time.Millisecond)
			assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode, "taken over")
			assert.Equal(t, http.StatusTeapot, <-done, "its own client is answered")
			assert.LessOrEqual(t, time.Since(start), 101*time.Second)
			resp := f.post("k", "")
			assert.True(t, replayed(resp))
			assert.Equal(t, http.StatusCreated, resp.StatusCode)
			assert.Contains(t, f.outcomes(), idempotency.OutcomeLeaseLost)
		})
	})
	t.Run("a store that hangs does not hide the end of the lease", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			f, s := setupFaulty(t, func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
			}, func(c *idempotency.Config) { c.Lease, c.StoreTimeout = time.Second, time.Hour })
			s.set(func() { s.extendHang = time.Hour })
			f.post("k", "")
			assert.LessOrEqual(t, time.Since(start), time.Second)
		})
	})
	t.Run("one failure is survived", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setupFaulty(t, func(_ http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Minute)
				assert.NoError(t, r.Context().Err())
			})
			s.set(func() { s.extend = errDown })
			go func() {
				time.Sleep(15 * time.Second)
				s.set(func() { s.extend = nil })
			}()
			f.post("k", "")
			assert.True(t, replayed(f.post("k", "")))
		})
	})
	t.Run("a response that outgrew the cap goes on past its lease", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setupFaulty(t, func(w http.ResponseWriter, r *http.Request) {
				for range 10 {
					_, _ = io.WriteString(w, "part ")
					time.Sleep(20 * time.Second)
					assert.NoError(t, r.Context().Err())
				}
			}, func(c *idempotency.Config) { c.MaxResponseBody = 1 })
			assert.Len(t, text(t, f.post("k", "")), 50)
			assert.Equal(t, http.StatusConflict, f.post("k", "").StatusCode)

			// While the tombstone is not saved, the lease holds the key.
			s.set(func() { s.complete = errDown })
			go func() {
				time.Sleep(time.Minute)
				assert.Equal(t, "idempotency-request-in-flight", problem(t, f.post("l", ""), http.StatusConflict))
				s.set(func() { s.complete = nil })
			}()
			f.post("l", "")
			assert.Equal(t, "idempotency-response-unavailable", problem(t, f.post("l", ""), http.StatusConflict))
		})
	})
	t.Run("MaxRun ends the context and the renewal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ended := make(chan time.Duration, 1)
			f, _ := setupFaulty(t, func(_ http.ResponseWriter, r *http.Request) {
				if info, _ := idempotency.FromContext(r.Context()); info.Attempt > 1 {
					return
				}
				<-r.Context().Done()
				ended <- time.Since(start)
				time.Sleep(time.Hour) // hangs
			})
			done := make(chan struct{})
			go func() { defer close(done); f.post("k", "") }()
			time.Sleep(5*time.Minute + 31*time.Second)
			assert.Equal(t, 5*time.Minute, <-ended)
			assert.Equal(t, http.StatusOK, f.post("k", "").StatusCode, "a hung handler does not hold the key for ever")
			<-done
		})
	})
}

// deaf is a store that does not look at its context while it hangs.
type deaf struct {
	*idempotency.MemoryStore
	hang atomic.Int64
}

func (s *deaf) wait() { time.Sleep(time.Duration(s.hang.Load())) }

func (s *deaf) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	s.wait()
	return s.MemoryStore.Claim(ctx, req)
}

func (s *deaf) Extend(ctx context.Context, key idempotency.Key, token idempotency.Token, lease time.Duration) error {
	s.wait()
	return s.MemoryStore.Extend(ctx, key, token, lease)
}

func (s *deaf) Complete(ctx context.Context, key idempotency.Key, token idempotency.Token, rec []byte, ttl time.Duration) error {
	s.wait()
	return s.MemoryStore.Complete(ctx, key, token, rec, ttl)
}

func TestStoreThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T, h http.HandlerFunc) (*fixture, *deaf) {
		t.Helper()
		mem := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
		t.Cleanup(func() { _ = mem.Close() })
		s := &deaf{MemoryStore: mem}
		return setupStore(t, s, h), s
	}
	t.Run("claim", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setup(t, nil)
			s.hang.Store(int64(time.Minute))
			start := time.Now()
			assert.Equal(t, http.StatusServiceUnavailable, f.post("k", "").StatusCode)
			assert.Equal(t, 2*time.Second, time.Since(start))
			time.Sleep(time.Minute)
			s.hang.Store(int64(0))
			assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode, "the claim that came late was given back")
		})
	})
	t.Run("claim, many times", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f, s := setup(t, nil)
			s.hang.Store(int64(time.Hour))
			var wg sync.WaitGroup
			for range 1200 {
				wg.Go(func() { f.post("k", "") })
			}
			wg.Wait()
			start := time.Now()
			assert.Equal(t, http.StatusServiceUnavailable, f.post("k", "").StatusCode)
			assert.Zero(t, time.Since(start), "it is not asked any more")
			time.Sleep(3 * time.Hour)
			s.hang.Store(int64(0))
			assert.Equal(t, http.StatusCreated, f.post("k", "").StatusCode)
		})
	})
	t.Run("save", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var s *deaf
			f, s := setup(t, func(http.ResponseWriter, *http.Request) { s.hang.Store(int64(10 * time.Second)) })
			start := time.Now()
			assert.Equal(t, http.StatusOK, f.post("k", "").StatusCode)
			assert.Equal(t, 2*time.Second, time.Since(start))
			time.Sleep(time.Minute)
			s.hang.Store(int64(0))
			assert.True(t, replayed(f.post("k", "")), "it came through in the end")
		})
	})
	t.Run("renewal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var s *deaf
			start := time.Now()
			f, s := setup(t, func(_ http.ResponseWriter, r *http.Request) {
				s.hang.Store(int64(time.Hour))
				<-r.Context().Done()
				assert.ErrorIs(t, context.Cause(r.Context()), idempotency.ErrLeaseLost)
				s.hang.Store(int64(0))
			})
			f.post("k", "")
			assert.Equal(t, 30*time.Second, time.Since(start))
			time.Sleep(2 * time.Hour)
		})
	})
}

// damaged spoils the records that it returns.
type damaged struct {
	*idempotency.MemoryStore
	spoil func([]byte) []byte
}

func (s damaged) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	claim, err := s.MemoryStore.Claim(ctx, req)
	claim.Record = s.spoil(bytes.Clone(claim.Record))
	return claim, err
}

func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([]byte) []byte{
		"a bit of the body":  func(rec []byte) []byte { rec[len(rec)-1] ^= 1; return rec },
		"a bit of the head":  func(rec []byte) []byte { rec[10] ^= 1; return rec },
		"cut off":            func(rec []byte) []byte { return rec[:len(rec)-1] },
		"longer":             func(rec []byte) []byte { return append(rec, 0) },
		"nothing":            func([]byte) []byte { return nil },
		"of another format":  func([]byte) []byte { return []byte(`{"status":200}`) },
		"of a later version": func(rec []byte) []byte { rec[3]++; return rec },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
			t.Cleanup(func() { _ = mem.Close() })
			f := setupStore(t, damaged{mem, func(rec []byte) []byte {
				if len(rec) == 0 {
					return rec
				}
				return spoil(rec)
			}}, nil)
			f.post("k", "")
			assert.Equal(t, "idempotency-response-unavailable", problem(t, f.post("k", ""), http.StatusConflict))
			assert.EqualValues(t, 1, f.runs.Load())
		})
	}
}

func TestStoreFullIsRefused(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{MaxBytes: 1})
	t.Cleanup(func() { _ = store.Close() })
	f := setupStore(t, store, nil, func(c *idempotency.Config) { c.FailOpen = true })
	assert.Equal(t, http.StatusServiceUnavailable, f.post("k", "").StatusCode, "full is not down: FailOpen does not apply")
	assert.EqualValues(t, 0, f.runs.Load())
}
