package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// site is the page and its API, each on a port of its own.
type site struct {
	page, api string

	busy chan struct{} // closed with the first refusal of one in flight
	once sync.Once

	mu      sync.Mutex
	charges int
	keys    []string // of the requests that reached the API
}

// middleware stands between the CORS and the idempotency middleware, or inside
// of both.
type middleware = func(*site, http.Handler) http.Handler

func pass(_ *site, next http.Handler) http.Handler { return next }

func newSite(t *testing.T, outer, inner middleware) *site {
	t.Helper()
	s := &site{busy: make(chan struct{})}
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{RequireKey: true, Observer: s.observe})
	require.NoError(t, err)

	api := httptest.NewUnstartedServer(nil)
	t.Cleanup(api.Close)
	api.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.api = "http://" + api.Listener.Addr().String()
	pages := httptest.NewServer(page(s.api))
	t.Cleanup(pages.Close)
	s.page = pages.URL
	api.Config.Handler = cors(s.note(outer(s, routes(m, inner(s, s)))), s.page)
	api.Start()
	return s
}

// ServeHTTP charges.
func (s *site) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.charges++
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "charged")
}

func (s *site) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (s *site) observe(_ context.Context, e idempotency.Event) {
	if e.Outcome == idempotency.OutcomeInFlight {
		s.once.Do(func() { close(s.busy) })
	}
}

func (s *site) seen() (charges int, keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.charges, append([]string(nil), s.keys...)
}

// first does fail for the first n requests, and passes on the others.
func first(n int64, fail func(w http.ResponseWriter, r *http.Request, next http.Handler)) middleware {
	return func(_ *site, next http.Handler) http.Handler {
		var seen atomic.Int64
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if seen.Add(1) <= n {
				fail(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
