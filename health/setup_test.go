package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

var errDown = errors.New("down")

func ok(context.Context) error { return nil }

func fails(err error) health.CheckFunc { return func(context.Context) error { return err } }

// obedient hangs until its context ends.
func obedient(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// gate ignores its context and returns what it is told to.
type gate struct {
	runs    atomic.Int64
	release chan error
}

func newGate() *gate { return &gate{release: make(chan error)} }

func (g *gate) Check(context.Context) error {
	g.runs.Add(1)
	return <-g.release
}

// switchable is a check whose result the test sets.
type switchable struct {
	mu   sync.Mutex
	runs int
	err  error
}

func (s *switchable) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *switchable) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs
}

func (s *switchable) Check(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	return s.err
}

func open(t *testing.T, cfg health.Config, checks ...health.Check) *health.Health {
	t.Helper()
	if cfg.Version == "" {
		cfg.Version = "0.3.0"
	}
	h, err := health.New(cfg, checks...)
	require.NoError(t, err)
	return h
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec
}

// assertBody compares bytes: the bodies are a contract beyond JSON equality.
func assertBody(t *testing.T, want string, rec *httptest.ResponseRecorder) {
	t.Helper()
	assert.Equal(t, want+"\n", rec.Body.String())
}

// only returns the one check of an evaluation.
func only(t *testing.T, rep health.Report) health.CheckResult {
	t.Helper()
	require.Len(t, rep.Checks, 1)
	return rep.Checks[0]
}

// logs is a concurrent sink for a logger.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
