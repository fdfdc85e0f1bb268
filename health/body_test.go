package health_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
	"github.com/bracework/bracework/internal/memhttp"
)

// The clock of a bubble starts at 2000-01-01T00:00:00Z.
func TestBodyIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 1, 8, 13, 14, 30, 0, time.UTC)))
		h := open(t, health.Config{},
			health.Check{Name: "database", Checker: health.CheckFunc(ok)},
			health.Check{Name: "runtime", Checker: health.Runtime(0, 0)})
		time.Sleep(2*time.Hour + 15*time.Minute + 30*time.Second)

		srv := memhttp.New(t, h.Handler())
		for path, want := range map[string]string{
			"/health":         `{"status":"healthy","version":"0.3.0","uptime":"2h15m30s","timestamp":"2026-01-08T15:30:00Z","checks":{"database":"ok","runtime":"ok"}}` + "\n",
			"/health/live":    `{"status":"alive"}` + "\n",
			"/health/ready":   `{"status":"ready"}` + "\n",
			"/health/startup": `{"status":"started"}` + "\n",
		} {
			resp, err := srv.Client().Get(memhttp.URL + path)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, 200, resp.StatusCode, path)
			assert.Equal(t, want, string(body))
			assert.Equal(t, "application/json", resp.Header.Get("Content-Type"), path)
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"), path)
			assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), path)
			assert.Equal(t, int64(len(want)), resp.ContentLength, path)
		}
	})
}

func TestAggregation(t *testing.T) {
	t.Parallel()
	critical := func(name string, c health.CheckFunc) health.Check { return health.Check{Name: name, Checker: c} }
	optional := func(name string, c health.CheckFunc) health.Check {
		return health.Check{Name: name, Checker: c, Optional: true}
	}
	const notReady = `{"status":"not_ready","reason":"checks"}`
	for _, tc := range []struct {
		name   string
		checks []health.Check
		code   int
		status string
		body   string // of "checks"
		ready  string
	}{
		{"no checks", nil, 200, "healthy", `{}`, `{"status":"ready"}`},
		{"order of registration", []health.Check{critical("z", ok), critical("a", ok), critical("m", ok)}, 200, "healthy", `{"z":"ok","a":"ok","m":"ok"}`, `{"status":"ready"}`},
		{"critical fails", []health.Check{critical("db", fails(errDown)), critical("b", ok)}, 503, "unhealthy", `{"db":"failed","b":"ok"}`, notReady},
		{"critical times out", []health.Check{critical("db", obedient)}, 503, "unhealthy", `{"db":"timeout"}`, notReady},
		{"critical degraded", []health.Check{critical("db", fails(health.Degraded(errDown)))}, 200, "degraded", `{"db":"degraded"}`, `{"status":"ready"}`},
		{"optional fails", []health.Check{optional("mail", fails(errDown)), critical("b", ok)}, 200, "degraded", `{"mail":"degraded","b":"ok"}`, `{"status":"ready"}`},
		{"optional times out", []health.Check{optional("mail", obedient)}, 200, "degraded", `{"mail":"degraded"}`, `{"status":"ready"}`},
		{"optional and critical fail", []health.Check{critical("db", fails(errDown)), optional("mail", fails(errDown))}, 503, "unhealthy", `{"db":"failed","mail":"degraded"}`, notReady},
		{"not for ready fails", []health.Check{{Name: "shared", Checker: fails(errDown), NotForReady: true}}, 503, "unhealthy", `{"shared":"failed"}`, `{"status":"ready"}`},
		{"panic", []health.Check{critical("p", func(context.Context) error { panic(errDown) }), critical("b", ok)}, 503, "unhealthy", `{"p":"failed","b":"ok"}`, notReady},
		{"goexit", []health.Check{critical("p", func(context.Context) error { runtime.Goexit(); return nil })}, 503, "unhealthy", `{"p":"failed"}`, notReady},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := open(t, health.Config{}, tc.checks...)
				rec := get(h.Handler(), "/health")
				uptime := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Truncate(time.Second)
				assert.Equal(t, tc.code, rec.Code)
				assert.Equal(t, `{"status":"`+tc.status+`","version":"0.3.0","uptime":"`+uptime.String()+`","timestamp":"2000-01-01T00:00:00Z","checks":`+tc.body+"}\n", rec.Body.String())
				rec = get(h.Handler(), "/health/ready")
				assert.Equal(t, tc.ready+"\n", rec.Body.String())
				assert.Equal(t, tc.ready == notReady, rec.Code == 503)
				rec = get(h.Handler(), "/health/live")
				assert.Equal(t, 200, rec.Code)
				time.Sleep(10 * time.Second)
			})
		})
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		err     error
		outcome health.Outcome
		reason  string
	}{
		{"ok", nil, health.OutcomeOK, ""},
		{"plain", errDown, health.OutcomeFailed, "other"},
		{"code", health.Reason("locked", errDown), health.OutcomeFailed, "locked"},
		{"wrapped code", fmt.Errorf("x: %w", health.Reason("tls", errDown)), health.OutcomeFailed, "tls"},
		{"outermost code", health.Reason("status", health.Reason("tls", errDown)), health.OutcomeFailed, "status"},
		{"code outside the set", health.Reason("hunter2", errDown), health.OutcomeFailed, "other"},
		{"no error, code", health.Reason("tls", nil), health.OutcomeOK, ""},
		{"no error, degraded", health.Degraded(nil), health.OutcomeOK, ""},
		{"degraded with a code", health.Degraded(health.Reason("disk_full", errDown)), health.OutcomeDegraded, "disk_full"},
		{"degraded with another failure", errors.Join(health.Degraded(errDown), errDown), health.OutcomeFailed, "other"},
		{"degraded twice", fmt.Errorf("x: %w", errors.Join(health.Degraded(errDown), health.Degraded(errDown))), health.OutcomeDegraded, "other"},
		{"own deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), health.OutcomeTimeout, "timeout"},
		{"dns", &net.DNSError{Err: "no such host", Name: "db.internal"}, health.OutcomeFailed, "dns"},
		{"refused", refused(t), health.OutcomeFailed, "refused"},
		{"error that panics", bombError{}, health.OutcomeFailed, "panic"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, health.Config{}, health.Check{Name: "x", Checker: fails(tc.err)})
			got := only(t, h.Evaluate(t.Context()))
			assert.Equal(t, tc.outcome, got.Outcome)
			assert.Equal(t, tc.reason, got.Reason)
		})
	}
	wrapped := health.Degraded(health.Reason("tls", errDown))
	require.ErrorIs(t, wrapped, errDown)
	assert.Equal(t, "down", wrapped.Error())
}

// refused is what dialing a port that nobody listens on fails with.
func refused(t *testing.T) error {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	require.Error(t, err)
	return err
}

type bombError struct{}

func (bombError) Error() string   { panic("bomb") }
func (bombError) Is(error) bool   { panic("bomb") }
func (bombError) Unwrap() []error { panic("bomb") }

func TestSecretsReachOnlyTheLog(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-s3cr3t"
	out := &logs{}
	leak := errors.New("dial postgres://app:" + secret + "@db/?token=" + secret)
	h := open(t, health.Config{Logger: out.logger()},
		health.Check{Name: "error", Checker: fails(leak)},
		health.Check{Name: "code", Checker: fails(health.Reason(secret, leak))},
		health.Check{Name: "degraded", Checker: fails(health.Degraded(leak))},
		health.Check{Name: "panic", Checker: health.CheckFunc(func(context.Context) error { panic(secret) })},
		health.Check{Name: "bomb", Checker: fails(bombError{})})
	for _, path := range []string{"/health", "/health/live", "/health/ready", "/health/startup", "/health/" + secret, "/health?verbose=1"} {
		rec := get(h.Handler(), path)
		assert.NotContains(t, rec.Body.String(), secret, path)
		assert.NotContains(t, fmt.Sprint(rec.Header()), secret, path)
	}
	assert.NotContains(t, fmt.Sprintf("%+v", h.Snapshot()), secret)
	require.NoError(t, h.Close())
	assert.Eventually(t, func() bool { return strings.Count(out.String(), secret) >= 5 }, 5*time.Second, time.Millisecond)
}

type brokenHandler struct{ slog.Handler }

func (brokenHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenHandler) Handle(context.Context, slog.Record) error { panic("log") }

func TestBrokenLoggerIsContained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{Logger: slog.New(brokenHandler{slog.DiscardHandler})},
			health.Check{Name: "fails", Checker: fails(errDown)}, health.Check{Name: "stuck", Checker: g})
		assert.Equal(t, 503, get(h.Handler(), "/health").Code)
		time.Sleep(time.Minute)
		assert.Equal(t, "stuck", h.Snapshot().Checks[1].Reason)
		g.release <- nil
	})
}

func TestOnlyChangesAreLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, c := &logs{}, &switchable{}
		h := open(t, health.Config{Logger: out.logger()}, health.Check{Name: "db", Checker: c})
		for _, err := range []error{nil, nil, errDown, errDown, nil, nil} {
			c.set(err)
			h.Evaluate(t.Context())
			time.Sleep(time.Second)
		}
		assert.Equal(t, 1, strings.Count(out.String(), `msg="health check not ok"`))
		assert.Equal(t, 1, strings.Count(out.String(), `msg="health check ok again"`))
		assert.Contains(t, out.String(), "check=db outcome=failed reason=other optional=false")
	})
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{}, health.Check{Name: "db", Checker: health.CheckFunc(ok)})
	mux := http.NewServeMux()
	h.Register(mux)
	for name, handler := range map[string]http.Handler{"Handler": h.Handler(), "Register": mux} {
		srv := httptest.NewServer(handler)
		t.Cleanup(srv.Close)
		do := func(t *testing.T, method, path string) (*http.Response, string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
			require.NoError(t, err)
			resp, err := srv.Client().Transport.RoundTrip(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
			assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
			return resp, string(body)
		}
		for _, path := range []string{"/health", "/health/live", "/health/ready", "/health/startup", "/health?verbose=1"} {
			t.Run(name+" HEAD "+path, func(t *testing.T) {
				t.Parallel()
				resp, body := do(t, "GET", path)
				assert.Equal(t, 200, resp.StatusCode)
				head, none := do(t, "HEAD", path)
				assert.Equal(t, 200, head.StatusCode)
				assert.Empty(t, none)
				assert.Equal(t, strconv.Itoa(len(body)), head.Header.Get("Content-Length"))
			})
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} {
				t.Run(name+" "+method+" "+path, func(t *testing.T) {
					t.Parallel()
					resp, body := do(t, method, path)
					assert.Equal(t, 405, resp.StatusCode)
					assert.Equal(t, "GET, HEAD", resp.Header.Get("Allow"))
					assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
					assert.Contains(t, body, `problems.md#method-not-allowed","title":"Method not allowed","status":405`)
				})
			}
		}
		for _, path := range []string{"/health/", "/health/live/", "/health/ready/", "/health/nope", "/health/live/x"} {
			t.Run(name+" "+path, func(t *testing.T) {
				t.Parallel()
				resp, body := do(t, "GET", path)
				assert.Equal(t, 404, resp.StatusCode)
				assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
				assert.Contains(t, body, `problems.md#health-endpoint-unknown","title":"Health endpoint unknown","status":404`)
			})
		}
	}
}

// Also without net/http's server, which would cut the body off.
func TestHeadWritesNoBody(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{})
	rec := httptest.NewRecorder()
	h.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodHead, "/health/live", nil))
	assert.Empty(t, rec.Body.String())
	assert.Equal(t, "19", rec.Header().Get("Content-Length"))
}

func TestHandlersServeAtAnyPath(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{})
	assertBody(t, `{"status":"alive"}`, get(h.Live(), "/livez"))
	assertBody(t, `{"status":"ready"}`, get(h.Ready(), "/readyz"))
	assertBody(t, `{"status":"started"}`, get(h.Startup(), "/startupz"))
}

func TestVersion(t *testing.T) {
	t.Parallel()
	h, err := health.New(health.Config{})
	require.NoError(t, err)
	assert.NotEmpty(t, h.Snapshot().Version)

	h, err = health.New(health.Config{Version: "a\"b\n<é>\xff"})
	require.NoError(t, err)
	assert.Contains(t, get(h.Handler(), "/health").Body.String(), `"version":"a\"b\n\u003cé\u003e\ufffd"`)
}
