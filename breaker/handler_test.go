package breaker_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func serve(h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w
}

func TestHandler(t *testing.T) {
	t.Parallel()
	left := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			r.Context().Value(cancelKey{}).(context.CancelFunc)()
			h(w, r)
		}
	}
	panics := func(v any) http.HandlerFunc { return func(http.ResponseWriter, *http.Request) { panic(v) } }
	for _, tt := range []struct {
		name  string
		next  http.HandlerFunc
		want  breaker.Outcome
		panic any
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, breaker.Success, nil},
		{"200", status(200), breaker.Success, nil},
		{"404", status(404), breaker.Success, nil},
		{"a slow client", status(408), breaker.Success, nil},
		{"429", status(429), breaker.Neutral, nil},
		{"500", status(500), breaker.Failure, nil},
		{"501", status(501), breaker.Success, nil},
		{"503", status(503), breaker.Failure, nil},
		{"505", status(505), breaker.Success, nil},
		{"500 after the client has left", left(status(500)), breaker.Neutral, nil},
		{"200 after the client has left", left(status(200)), breaker.Success, nil},
		{"an early hint is no answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusInternalServerError)
		}, breaker.Failure, nil},
		{"only the first status counts", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "ok")
			w.WriteHeader(http.StatusInternalServerError)
		}, breaker.Success, nil},
		{"a panic", panics("boom"), breaker.Failure, "boom"},
		{"an aborted answer", panics(http.ErrAbortHandler), breaker.Neutral, http.ErrAbortHandler},
		{"a panic after 200", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic("boom")
		}, breaker.Failure, "boom"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen, observe := recordEvents()
			b := newBreaker(t, breaker.Config{Observer: observe})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(context.WithValue(ctx, cancelKey{}, cancel))
			run := func() { b.Handler(tt.next).ServeHTTP(httptest.NewRecorder(), r) }
			if tt.panic != nil {
				assert.PanicsWithValue(t, tt.panic, run)
			} else {
				run()
			}
			require.Len(t, *seen, 1)
			assert.Equal(t, tt.want, (*seen)[0].Outcome)
			assert.Zero(t, b.Snapshot().Running)
		})
	}
	t.Run("a request that came too late", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		b.Handler(status(503)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		assert.Equal(t, breaker.Closed, b.State())
	})
	t.Run("a goroutine that ends", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		done := make(chan struct{})
		go func() {
			defer close(done)
			serve(b.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })))
		}()
		<-done
		assert.Equal(t, breaker.Open, b.State())
	})
}

type cancelKey struct{}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1, OpenFor: 10 * time.Second})
		calls := 0
		h := b.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			http.Error(w, "x", http.StatusInternalServerError)
		}))
		assert.Equal(t, 500, serve(h).Code)
		time.Sleep(b.RetryAfter() - 1500*time.Millisecond)
		w := serve(h)
		assert.Equal(t, 1, calls)
		assert.Equal(t, 503, w.Code)
		assert.Equal(t, http.Header{
			"Cache-Control": {"no-store"}, "Content-Type": {"application/problem+json"}, "Retry-After": {"2"},
			"X-Content-Type-Options": {"nosniff"},
		}, w.Header())
		var problem map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &problem))
		assert.Equal(t, map[string]any{
			"type":   "https://github.com/bracework/bracework/blob/main/docs/problems.md#circuit-open",
			"title":  "Circuit open",
			"status": 503.0,
			"detail": "The request was not processed. Wait retry_after_ms milliseconds before you repeat it.", "retry_after_ms": 1500.0,
		}, problem)
		time.Sleep(1500 * time.Millisecond)
		assert.Equal(t, 500, serve(h).Code)
		assert.Equal(t, 2, calls)
	})
}

// A stream that a probe begins does not hold the circuit half-open, and one that breaks is a failure beside it.
func TestHandlerStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1, ProbeTimeout: time.Second})
		var crash atomic.Bool
		h := b.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "data: 1\n\n")
			assert.NoError(t, http.NewResponseController(w).Flush())
			w.(http.Flusher).Flush()
			time.Sleep(time.Hour)
			if crash.Load() {
				panic("boom")
			}
		}))
		time.Sleep(trip(t, b))
		go serve(h)
		synctest.Wait()
		assert.Equal(t, breaker.Closed, b.State())
		time.Sleep(2 * time.Hour)
		assert.Equal(t, breaker.Closed, b.State())

		crash.Store(true)
		time.Sleep(trip(t, b))
		assert.Panics(t, func() { serve(h) })
		assert.Equal(t, breaker.Open, b.State())
	})
}

// What is flushed with a bad status is no success of a probe.
func TestHandlerFlushesAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		time.Sleep(trip(t, b))
		serve(b.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			w.(http.Flusher).Flush()
			assert.Equal(t, breaker.HalfOpen, b.State())
		})))
		assert.Equal(t, breaker.Open, b.State())
	})
}

// The writer can do what the one below can, and no more.
func TestHandlerKeepsTheWriter(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, breaker.Config{})
	var w http.ResponseWriter
	h := b.Handler(http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) { w = got }))
	serve(h)
	_, hijacks := w.(http.Hijacker)
	assert.False(t, hijacks)
	require.NoError(t, http.NewResponseController(w).Flush())

	h.ServeHTTP(struct{ http.ResponseWriter }{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))
	require.ErrorIs(t, http.NewResponseController(w).Flush(), http.ErrNotSupported)

	srv := httptest.NewServer(b.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, hijacks := w.(http.Hijacker)
		assert.True(t, hijacks)
		assert.NoError(t, http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)))
		n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("copied"))
		assert.EqualValues(t, 6, n)
		assert.NoError(t, err)
	})))
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "copied", string(body))
}
