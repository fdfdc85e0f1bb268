package idempotencytest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// subject is the service under test, on a server of its own, with the suite's
// endpoint behind it and the suite's failures between it and its store. It is
// what the rules' assertions report to.
type subject struct {
	Harness
	t      *testing.T
	report reporter
	failed atomic.Bool

	faults *faults
	server *httptest.Server
	serve  atomic.Pointer[http.HandlerFunc]
	runs   atomic.Int64

	requests atomic.Int64
	gone     chan struct{} // a client has disconnected
	stop     chan struct{} // the rule is over
}

func newSubject(t *testing.T, report reporter, h Harness, h2 bool) *subject {
	s := &subject{
		Harness: h, t: t, report: report, faults: &faults{Store: h.Store(t)},
		gone: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	s.handle(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r) })
	service := h.Wire(t, s.faults, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		run := context.WithValue(r.Context(), runKey{}, s.runs.Add(1))
		(*s.serve.Load())(w, r.WithContext(run))
	}))
	require.NotNil(s, service, "Harness.Wire returned nil")
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer context.AfterFunc(r.Context(), func() {
			select {
			case s.gone <- struct{}{}:
			default:
			}
		})()
		number := strconv.FormatInt(s.requests.Add(1), 10)
		w.Header().Set(kept, number)
		w.Header().Set(replaced, number)
		service.ServeHTTP(w, r)
	}))
	s.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // panics are part of the rules
	if h2 {
		s.server.EnableHTTP2 = true
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	if transport, ok := s.server.Client().Transport.(*http.Transport); ok {
		transport.ExpectContinueTimeout = s.patience
	}
	s.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// Last registered, first run: the middleware is closed after the server,
	// and the store after the middleware, which finds it working.
	t.Cleanup(func() {
		close(s.stop)
		s.faults.heal()
		s.server.Close()
	})
	return s
}

// The headers that the server sets to the number of the request, as a layer far
// outside.
const (
	kept     = "X-Idempotencytest-Kept"
	replaced = "X-Idempotencytest-Replaced"
)

// Errorf implements the TestingT of testify.
func (s *subject) Errorf(format string, args ...any) {
	s.report.Helper()
	s.failed.Store(true)
	s.report.Errorf(format, args...)
}

// FailNow implements the TestingT of testify.
func (s *subject) FailNow() {
	s.failed.Store(true)
	s.report.FailNow()
}

func (s *subject) skipf(format string, args ...any) { s.report.Skipf(format, args...) }

// handle sets what the endpoint does from now on.
func (s *subject) handle(h http.HandlerFunc) { s.serve.Store(&h) }

// answer is what the endpoint says unless a rule needs more. Each run says
// something else.
func (s *subject) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"run":%d}`, r.Context().Value(runKey{}))
}

// runKey is where the endpoint's requests carry the number of their run.
type runKey struct{}

// ran asserts how often the endpoint has run.
func (s *subject) ran(times int64, why ...any) {
	assert.Equal(s, times, s.runs.Load(), append([]any{"runs of the endpoint"}, why...)...)
}

// newKey returns a key that nobody has used.
func newKey() string { return "idempotencytest-" + rand.Text() }

// gate holds the endpoint back until the rule opens it.
type gate struct {
	entered, opened chan struct{}
	stop            <-chan struct{}
}

func (s *subject) newGate() *gate {
	return &gate{entered: make(chan struct{}, 100), opened: make(chan struct{}), stop: s.stop}
}

// wait is for the endpoint.
func (g *gate) wait() {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	select {
	case <-g.opened:
	case <-g.stop:
	}
}

func (g *gate) open() { close(g.opened) }

// gated lets the endpoint run only behind a gate.
func (s *subject) gated() *gate {
	g := s.newGate()
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		g.wait()
		s.answer(w, r)
	})
	return g
}

// await waits for something that must happen.
func await[T any](s *subject, c <-chan T, what string) T {
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		require.Fail(s, "Timed out", "waited for %s", what)
		panic("not reached")
	}
}

// eventually repeats attempt until it reports success.
func (s *subject) eventually(what string, attempt func() bool) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(s.patience); ; <-ticker.C {
		if attempt() {
			return
		}
		if time.Now().After(deadline) {
			require.Fail(s, "Timed out", "waited for %s", what)
		}
	}
}

func writeString(w io.Writer, text string) { _, _ = io.WriteString(w, text) }
