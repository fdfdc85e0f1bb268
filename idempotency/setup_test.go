package idempotency_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// fixture is a middleware over a memory store and a handler that counts.
type fixture struct {
	t       *testing.T
	store   *idempotency.MemoryStore
	handler http.Handler
	runs    *atomic.Int64
	mu      sync.Mutex
	events  []idempotency.Event
}

type option func(*idempotency.Config)

func byTenant(r *http.Request) (string, error) {
	if tenant := r.Header.Get("X-Tenant"); tenant != "" {
		return tenant, nil
	}
	return "acme", nil
}

// setup wraps h, or a handler that answers 201 with the number of its run.
func setup(t *testing.T, h http.HandlerFunc, opts ...option) *fixture {
	t.Helper()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	return setupStore(t, store, h, opts...)
}

func setupStore(t *testing.T, store idempotency.Store, h http.HandlerFunc, opts ...option) *fixture {
	t.Helper()
	f := &fixture{t: t, runs: &atomic.Int64{}}
	f.store, _ = store.(*idempotency.MemoryStore)
	if h == nil {
		h = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Charge", "ch_1")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "charged "+strings.Repeat("!", int(f.runs.Load())))
		}
	}
	cfg := idempotency.Config{Observer: func(_ context.Context, e idempotency.Event) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.events = append(f.events, e)
	}}
	for _, opt := range opts {
		opt(&cfg)
	}
	m, err := idempotency.New(store, byTenant, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	f.handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.runs.Add(1)
		h(w, r)
	}))
	return f
}

func (f *fixture) outcomes() []idempotency.Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []idempotency.Outcome
	for _, e := range f.events {
		out = append(out, e.Outcome)
	}
	return out
}

type header = map[string]string

func request(method, target, body string, h header) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for name, value := range h {
		r.Header.Set(name, value)
	}
	return r
}

func (f *fixture) do(r *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	f.handler.ServeHTTP(rec, r)
	return rec.Result()
}

func (f *fixture) post(key, body string) *http.Response {
	return f.do(request(http.MethodPost, "/charges", body, header{"Idempotency-Key": key}))
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

func replayed(resp *http.Response) bool { return resp.Header.Get("X-Idempotency-Replay") == "true" }

// problem asserts a refusal and returns the anchor of its type.
func problem(t *testing.T, resp *http.Response, status int) string {
	t.Helper()
	require.Equal(t, status, resp.StatusCode)
	assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
	assert.Contains(t, resp.Header.Get("Link"), `rel="describedby"`)
	_, anchor, _ := strings.Cut(text(t, resp), "#")
	anchor, _, _ = strings.Cut(anchor, `"`)
	return anchor
}

// faulty is a store whose methods fail while an error is set for them, after
// doing their work when lost is set, and hang when told to.
type faulty struct {
	idempotency.Store
	mu                               sync.Mutex
	claim, extend, complete, release error
	lost                             bool
	hang, extendHang                 time.Duration
	released                         int
}

var errDown = errors.New("connection refused")

func (s *faulty) fault(err *error) (lost bool, hang time.Duration, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost, s.hang, *err
}

func (s *faulty) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *faulty) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	lost, _, err := s.fault(&s.claim)
	if err != nil && !lost {
		return idempotency.Claim{}, err
	}
	claim, inner := s.Store.Claim(ctx, req)
	if err != nil {
		return idempotency.Claim{}, err
	}
	return claim, inner
}

func (s *faulty) Extend(ctx context.Context, key idempotency.Key, token idempotency.Token, lease time.Duration) error {
	_, _, err := s.fault(&s.extend)
	s.mu.Lock()
	hang := s.extendHang
	s.mu.Unlock()
	if hang > 0 {
		select {
		case <-time.After(hang):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	return s.Store.Extend(ctx, key, token, lease)
}

func (s *faulty) Complete(ctx context.Context, key idempotency.Key, token idempotency.Token, rec []byte, ttl time.Duration) error {
	_, hang, err := s.fault(&s.complete)
	if hang > 0 {
		select {
		case <-time.After(hang):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	return s.Store.Complete(ctx, key, token, rec, ttl)
}

func (s *faulty) Release(ctx context.Context, key idempotency.Key, token idempotency.Token) error {
	if _, _, err := s.fault(&s.release); err != nil {
		return err
	}
	s.set(func() { s.released++ })
	return s.Store.Release(ctx, key, token)
}
