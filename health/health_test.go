package health_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func ok(context.Context) error { return nil }

func fails(context.Context) error { return errors.New("dial postgres://user:hunter2@db: refused") }

func build(t *testing.T, cfg health.Config, checks ...health.Check) *health.Health {
	t.Helper()
	if cfg.Version == "" {
		cfg.Version = "0.3.0"
	}
	h, err := health.New(cfg, checks...)
	require.NoError(t, err)
	return h
}

func named(name string, f health.CheckFunc) health.Check { return health.Check{Name: name, Checker: f} }

func get(h *health.Health, path string) (int, string) {
	rec := httptest.NewRecorder()
	h.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

func TestContractToTheByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := build(t, health.Config{}, named("database", ok), named("runtime", ok))
		time.Sleep(2*time.Hour + 15*time.Minute + 30*time.Second + 900*time.Millisecond)
		code, body := get(h, "/health")
		assert.Equal(t, 200, code)
		assert.Equal(t, `{"status":"healthy","version":"0.3.0","uptime":"2h15m30s","timestamp":"2000-01-01T02:15:30Z","checks":{"database":"ok","runtime":"ok"}}`+"\n", body) //nolint:testifylint // bytes
		_, body = get(h, "/health/live")
		assert.Equal(t, `{"status":"alive"}`+"\n", body) //nolint:testifylint // bytes
		_, body = get(h, "/health/ready")
		assert.Equal(t, `{"status":"ready"}`+"\n", body) //nolint:testifylint // bytes
		_, body = get(h, "/health/startup")
		assert.Equal(t, `{"status":"started"}`+"\n", body) //nolint:testifylint // bytes
	})
}

func TestStates(t *testing.T) {
	t.Parallel()
	weak := func(context.Context) error { return health.Degraded(errors.New("slow")) }
	tests := []struct {
		name   string
		checks []health.Check
		code   int
		want   string
		ready  int
	}{
		{"no checks", nil, 200, `"status":"healthy"`, 200},
		{"no checks, an object", nil, 200, `"checks":{}`, 200},
		{"critical fails", []health.Check{named("a", ok), named("b", fails)}, 503, `"checks":{"a":"ok","b":"failed"}`, 503},
		{"critical fails, status", []health.Check{named("b", fails)}, 503, `"status":"unhealthy"`, 503},
		{"optional fails", []health.Check{{Name: "b", Checker: health.CheckFunc(fails), Optional: true}}, 200, `"checks":{"b":"degraded"}`, 200},
		{"optional fails, status", []health.Check{{Name: "b", Checker: health.CheckFunc(fails), Optional: true}}, 200, `"status":"degraded"`, 200},
		{"degraded", []health.Check{named("b", weak)}, 200, `"checks":{"b":"degraded"}`, 200},
		{"not for ready", []health.Check{{Name: "b", Checker: health.CheckFunc(fails), NotForReady: true}}, 503, `"b":"failed"`, 200},
		{"panic", []health.Check{named("b", func(context.Context) error { panic("hunter2") })}, 503, `"b":"failed"`, 503},
		{"goexit", []health.Check{named("b", func(context.Context) error { runtime.Goexit(); return nil })}, 503, `"b":"failed"`, 503},
		{"obeys its deadline", []health.Check{{Name: "b", Timeout: 100 * time.Millisecond, Checker: health.CheckFunc(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })}}, 503, `"b":"timeout"`, 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				h := build(t, health.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, tt.checks...)
				code, body := get(h, "/health")
				assert.Equal(t, tt.code, code)
				assert.Contains(t, body, tt.want)
				assert.NotContains(t, body, "hunter2")
				code, body = get(h, "/health/ready")
				assert.Equal(t, tt.ready, code)
				if code == 503 {
					assert.Equal(t, `{"status":"not_ready","reason":"checks"}`+"\n", body) //nolint:testifylint // bytes
				}
				code, _ = get(h, "/health/live")
				assert.Equal(t, 200, code)
			})
		})
	}
}

func TestStartingAndDraining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := build(t, health.Config{Starting: true})
		code, body := get(h, "/health/ready")
		assert.Equal(t, 503, code)
		assert.Contains(t, body, "starting")
		code, _ = get(h, "/health/startup")
		assert.Equal(t, 503, code)
		h.MarkStarted()
		code, _ = get(h, "/health/ready")
		assert.Equal(t, 200, code)

		start := time.Now()
		go func() {
			time.Sleep(time.Nanosecond)
			code, body := get(h, "/health/ready")
			assert.Equal(t, 503, code)
			assert.Equal(t, `{"status":"not_ready","reason":"draining"}`+"\n", body) //nolint:testifylint // bytes
			code, _ = get(h, "/health")
			assert.Equal(t, 503, code)
			code, _ = get(h, "/health/live")
			assert.Equal(t, 200, code)
		}()
		require.NoError(t, h.Drain(t.Context(), 5*time.Second))
		assert.Equal(t, 5*time.Second, time.Since(start))
		h.MarkStarted()
		code, _ = get(h, "/health/ready")
		assert.Equal(t, 503, code, "for good")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, h.Drain(ctx, time.Hour), context.Canceled)
	})
}

func TestAnswersWithinTheBudgetWhateverTheChecksDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		var runs atomic.Int64
		h := build(t, health.Config{}, named("good", ok), named("wedged", func(context.Context) error { runs.Add(1); <-free; return nil }))
		start := time.Now()
		code, body := get(h, "/health")
		assert.Equal(t, 750*time.Millisecond, time.Since(start))
		assert.Equal(t, 503, code)
		assert.Contains(t, body, `{"good":"ok","wedged":"timeout"}`)
		time.Sleep(5 * time.Second)
		start = time.Now()
		for range 1000 {
			_, body = get(h, "/health")
		}
		synctest.Wait()
		assert.Zero(t, time.Since(start), "stuck: no more waiting")
		assert.Contains(t, body, `"wedged":"timeout"`)
		assert.EqualValues(t, 1, runs.Load(), "one goroutine for a check that does not return")
		require.ErrorContains(t, h.Close(), "wedged")
		close(free)
		synctest.Wait()
		require.NoError(t, h.Close())
		code, _ = get(h, "/health")
		assert.Equal(t, 200, code)
	})
}

func TestProbesShareARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		h := build(t, health.Config{}, named("a", func(context.Context) error { runs.Add(1); time.Sleep(100 * time.Millisecond); return nil }))
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				code, _ := get(h, "/health")
				assert.Equal(t, 200, code)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, runs.Load())
		time.Sleep(time.Second - 1)
		get(h, "/health")
		assert.EqualValues(t, 1, runs.Load())
		time.Sleep(1 * time.Nanosecond)
		get(h, "/health")
		assert.EqualValues(t, 2, runs.Load())
	})
}

func TestAClientThatLeavesChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := build(t, health.Config{}, named("a", func(ctx context.Context) error { time.Sleep(200 * time.Millisecond); return ctx.Err() }))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.Evaluate(ctx)
		time.Sleep(300 * time.Millisecond)
		assert.Equal(t, health.OK, h.Snapshot().Checks[0].Value)
	})
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	h := build(t, health.Config{})
	mux := http.NewServeMux()
	h.Register(mux)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	for _, tt := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/health", 200},
		{"HEAD", "/health", 200},
		{"HEAD", "/health/ready", 200},
		{"GET", "/health/", 404},
		{"GET", "/health/live/", 404},
		{"GET", "/health/nope", 404},
		{"POST", "/health", 405},
		{"DELETE", "/health/live", 405},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL+tt.path, nil)
		require.NoError(t, err)
		resp, err := srv.Client().Do(r)
		require.NoError(t, err)
		body, _ := io.ReadAll(resp.Body)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, tt.code, resp.StatusCode, tt)
		assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		assert.Equal(t, tt.code == 405, resp.Header.Get("Allow") == "GET, HEAD")
		if tt.method == "HEAD" {
			assert.Empty(t, body)
			assert.Positive(t, resp.ContentLength)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	h := build(t, health.Config{}, named("a", ok))
	for _, c := range []health.Check{
		named("a", ok), named("", ok), named("A", ok), named("a b", ok), named(strings.Repeat("a", 64), ok),
		{Name: "b"},
		{Name: "b", Checker: health.CheckFunc(ok), Timeout: -1},
	} {
		require.ErrorContains(t, h.Add(c), "health: ")
	}
	assert.True(t, h.Remove("a"))
	assert.False(t, h.Remove("a"))
	require.NoError(t, h.Add(named("a", ok)))
	_, err := health.New(health.Config{Budget: -1})
	require.Error(t, err)
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	h := build(t, health.Config{Cache: -1}, named("a", ok))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				name := fmt.Sprintf("c%d-%d", g, i)
				assert.NoError(t, h.Add(named(name, fails))) //nolint:testifylint // not the test's goroutine
				get(h, "/health")
				_ = h.Snapshot()
				assert.True(t, h.Remove(name))
			}
		})
	}
	wg.Wait()
	require.NoError(t, h.Close())
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	require.NoError(t, health.Runtime(0, 0).Check(t.Context()))
	require.NoError(t, health.Runtime(1_000_000, 1<<40).Check(t.Context()))
	require.Error(t, health.Runtime(1, 0).Check(t.Context()))
	require.Error(t, health.Runtime(0, 1).Check(t.Context()))
}

func Example() {
	h, err := health.New(health.Config{Version: "1.2.3"},
		health.Check{Name: "database", Checker: health.CheckFunc(func(context.Context) error { return nil })},
		health.Check{Name: "cache", Checker: health.CheckFunc(func(context.Context) error { return errors.New("down") }), Optional: true},
	)
	if err != nil {
		panic(err)
	}
	defer h.Close()
	mux := http.NewServeMux()
	h.Register(mux)

	for _, path := range []string{"/health/live", "/health/ready"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Print(w.Code, " ", w.Body)
	}
	fmt.Println(h.Snapshot().Status)
	// Output:
	// 200 {"status":"alive"}
	// 200 {"status":"ready"}
	// degraded
}
