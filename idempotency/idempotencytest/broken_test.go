package idempotencytest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// recorder is a reporter that keeps what it is told.
type recorder struct {
	mu       sync.Mutex
	failures []string
	skipped  bool
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) Skipf(string, ...any) {
	r.skipped = true
	runtime.Goexit()
}

// failures checks one rule of a service that is expected to break it.
func failures(t *testing.T, h Harness, name string) []string {
	t.Helper()
	h.patience = 500 * time.Millisecond
	h = h.withDefaults()
	for _, r := range allRules() {
		if r.name != name {
			continue
		}
		rec := &recorder{}
		done := make(chan struct{})
		go func() {
			defer close(done)
			check(t, rec, h, r) //nolint:testifylint // FailNow of rec ends this goroutine
		}()
		<-done
		require.False(t, rec.skipped, "skipped")
		return rec.failures
	}
	require.Fail(t, "No such rule", name)
	return nil
}

// protect is a wiring that does nothing but what it has to.
func protect(t *testing.T, store idempotency.Store, cfg idempotency.Config) func(http.Handler) http.Handler {
	t.Helper()
	m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m.Handler
}

func TestBrokenServicesAreCaught(t *testing.T) {
	t.Parallel()
	layer := func(h func(w http.ResponseWriter, r *http.Request, next http.Handler), inside bool) wiring {
		return func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			with := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(w, r, next) })
			}
			if inside {
				return protect(t, store, idempotency.Config{})(with(next))
			}
			return with(protect(t, store, idempotency.Config{})(next))
		}
	}
	over := func(broken func(idempotency.Store) idempotency.Store) wiring {
		return func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			return protect(t, broken(store), idempotency.Config{})(next)
		}
	}
	configured := func(cfg idempotency.Config) wiring {
		return func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			return protect(t, store, cfg)(next)
		}
	}
	tests := []struct {
		name  string
		wire  wiring
		rules []string
	}{
		{"nothing is mounted", func(_ *testing.T, _ idempotency.Store, next http.Handler) http.Handler { return next }, []string{
			"the endpoint is reached through the middleware and its store",
			"a retry gets the status, body and headers of the first response",
			"of many requests at once with one key, one runs",
			"an endpoint outlives its client, and the retry finds its response",
			"when the store is down nothing runs, unless the service fails open",
		}},
		{"another path is mounted", func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/other", protect(t, store, idempotency.Config{})(next))
			return mux
		}, []string{"the endpoint is reached through the middleware and its store"}},
		{"another store is used", func(t *testing.T, _ idempotency.Store, next http.Handler) http.Handler {
			return protect(t, newMemoryStore(t), idempotency.Config{})(next)
		}, []string{"the endpoint is reached through the middleware and its store"}},
		{"a cache by key", func(_ *testing.T, _ idempotency.Store, next http.Handler) http.Handler { return naiveCache(next) }, []string{
			"of many requests at once with one key, one runs",
			"another request with a used key is refused",
			"cookies and dates are not replayed",
			"a key that is malformed, too long or not the only one is refused",
			"an answer that may be different next time is not kept",
			"tenants never share a key",
			"refusals are problem documents, each of its own type, that never repeat the key",
		}},
		{"one scope for all", func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
			require.NoError(t, err)
			t.Cleanup(func() { _ = m.Close() })
			return m.Handler(next)
		}, []string{"tenants never share a key"}},
		{"compression inside", layer(compressAll, true), []string{
			"a replay can be read by a client that accepts no compression",
		}},
		{"a recovery outside that answers 200", layer(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			defer func() {
				if recover() != nil {
					_, _ = w.Write([]byte("sorry"))
				}
			}()
			next.ServeHTTP(w, r)
		}, false), []string{"after a panic a retry runs", "after http.ErrAbortHandler a retry runs over HTTP 2"}},
		{"a recovery inside that answers 400", layer(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			defer func() {
				if recover() != nil {
					w.WriteHeader(http.StatusBadRequest)
				}
			}()
			next.ServeHTTP(w, r)
		}, true), []string{"after a panic a retry runs"}},
		{"a layer outside that buffers", layer(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			w.WriteHeader(rec.Code)
			_, _ = rec.Body.WriteTo(w)
		}, false), []string{
			"a retry gets the status, body and headers of the first response",
			"a flushed response arrives while the endpoint runs, and is replayed whole",
			"trailers are replayed",
			"refusals are problem documents, each of its own type, that never repeat the key",
		}},
		{"a lock around everything", func() wiring {
			var mu sync.Mutex
			return layer(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				mu.Lock()
				defer mu.Unlock()
				next.ServeHTTP(w, r)
			}, false)
		}(), []string{"requests with different keys run side by side"}},
		{"a layer outside that drops the query", layer(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.URL.RawQuery = ""
			next.ServeHTTP(w, r)
		}, false), []string{"another request with a used key is refused"}},
		{"it fails open and does not say so", configured(idempotency.Config{FailOpen: true, StoreTimeout: 100 * time.Millisecond}), []string{
			"when the store is down nothing runs, unless the service fails open",
			"a store that does not answer a claim is given up in time",
		}},
		{"it stops with its client and does not say so", configured(idempotency.Config{PropagateCancel: true}), []string{
			"an endpoint outlives its client, and the retry finds its response",
		}},
		{"it keeps everything and does not say so", configured(idempotency.Config{StoreResponse: func(int, http.Header) bool { return true }}), []string{
			"an answer that may be different next time is not kept",
		}},
		{"it requires a key and does not say so", configured(idempotency.Config{RequireKey: true}), []string{"a request without a key is left alone"}},
		{"it has no cap and does not say so", configured(idempotency.Config{MaxRequestBody: -1, MaxResponseBody: -1}), []string{
			"a request body over the cap is refused",
			"a response over the cap is sent whole and its retry never runs",
		}},
		{"a store that forgets", over(func(s idempotency.Store) idempotency.Store { return forgetful{s} }), []string{
			"a retry right after the response is a replay",
			"a final answer is kept, whatever its status",
		}},
		{"a store that never releases", over(func(s idempotency.Store) idempotency.Store { return clinging{s} }), []string{
			"an answer that may be different next time is not kept",
			"after a panic a retry runs",
			"a claim whose answer was lost is given back",
		}},
		{"a store that hides failures of a save", over(func(s idempotency.Store) idempotency.Store { return optimistic{s} }), []string{
			"a response that could not be saved at once reaches its client, and is saved later",
		}},
		{"a store that ignores contexts", over(func(s idempotency.Store) idempotency.Store { return patient{s} }), []string{
			"a store that does not answer a claim is given up in time",
		}},
	}
	for _, tt := range tests {
		for _, name := range tt.rules {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := Harness{Wire: tt.wire, Prepare: func(r *http.Request, tenant int) {
					r.Header.Set("X-Account", strconv.Itoa(tenant))
				}}
				h.Config.StoreTimeout = 100 * time.Millisecond
				got := failures(t, h, name)
				require.NotEmpty(t, got)
				assert.Contains(t, got[len(got)-1], "Why it matters: ")
			})
		}
	}
}

type wiring = func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler

// naiveCache is what one writes in ten minutes.
func naiveCache(next http.Handler) http.Handler {
	type response struct {
		status int
		header http.Header
		body   []byte
	}
	var mu sync.Mutex
	cache := map[string]response{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("X-Idempotency-Key")
		mu.Lock()
		resp, found := cache[key]
		mu.Unlock()
		if !found {
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			resp = response{rec.Code, rec.Header(), rec.Body.Bytes()}
			mu.Lock()
			cache[key] = resp
			mu.Unlock()
		} else {
			w.Header().Set("X-Idempotency-Replay", "true")
		}
		maps.Copy(w.Header(), resp.header)
		w.WriteHeader(resp.status)
		_, _ = w.Write(resp.body)
	})
}

func compressAll(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	body := rec.Body
	if r.Header.Get("Accept-Encoding") == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		body = &bytes.Buffer{}
		gz := gzip.NewWriter(body)
		_, _ = gz.Write(rec.Body.Bytes())
		_ = gz.Close()
	}
	w.WriteHeader(rec.Code)
	_, _ = body.WriteTo(w)
}

// forgetful releases what it is to keep.
type forgetful struct{ idempotency.Store }

func (s forgetful) Complete(ctx context.Context, key idempotency.Key, token idempotency.Token, _ []byte, _ time.Duration) error {
	return s.Release(ctx, key, token)
}

// clinging keeps what it is to release.
type clinging struct{ idempotency.Store }

func (clinging) Release(context.Context, idempotency.Key, idempotency.Token) error { return nil }

// optimistic takes every save for a success.
type optimistic struct{ idempotency.Store }

func (s optimistic) Complete(ctx context.Context, key idempotency.Key, token idempotency.Token, rec []byte, ttl time.Duration) error {
	_ = s.Store.Complete(ctx, key, token, rec, ttl)
	return nil
}

// patient waits however long it takes.
type patient struct{ idempotency.Store }

func (s patient) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	return s.Store.Claim(context.WithoutCancel(ctx), req)
}

func TestHarness(t *testing.T) {
	t.Parallel()
	h := Harness{Skip: map[string]string{"trailers_are_replayed": "buffered", "no such rule": ""}}.withDefaults()
	reason, skipped := h.skips("trailers are replayed")
	assert.True(t, skipped)
	assert.Equal(t, "buffered", reason)
	_, skipped = h.skips("the first status counts")
	assert.False(t, skipped)
	assert.Equal(t, []string{"no such rule"}, h.unknownSkips())
}

func TestRulesHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range allRules() {
		assert.False(t, seen[r.name], r.name)
		seen[r.name] = true
		assert.NotContains(t, r.name, "/", "would be two levels of subtests")
		assert.NotEmpty(t, r.explain, r.name)
	}
}
