package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// output is what a server that runs in the test prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// warned reports whether a line of the log about a check holds a text.
func (o *output) warned(check, text string) bool {
	for line := range strings.Lines(o.String()) {
		if strings.Contains(line, `"check":"`+check+`"`) && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// serving serves an app until the test ends, and returns when it has started.
// Variables replace those of the test; change, unless nil, sees the app before
// it serves.
func serving(t *testing.T, variables map[string]string, change func(*app)) (a *app, out *output, url string) {
	t.Helper()
	all := map[string]string{"ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir()}
	maps.Copy(all, variables)
	cfg, err := loadConfig(env(all))
	require.NoError(t, err)
	out = &output{}
	a, err = newApp(t.Context(), cfg, out)
	require.NoError(t, err)
	if change != nil {
		change(a)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "listening on ") }, 10*time.Second, time.Millisecond)
	return a, out, "http://" + a.listener.Addr().String()
}

// get is one request over a connection of its own, like that of a kubelet. The
// code is 0 when there is no answer.
func get(ctx context.Context, url string) (code int, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// eventually waits until /health answers with a code and all of the parts, and
// returns that answer.
func eventually(t *testing.T, url string, code int, parts ...string) (body string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var got int
		got, body = get(t.Context(), url+"/health")
		return got == code && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(body, part) })
	}, 20*time.Second, 20*time.Millisecond, "/health never was %d with %q", code, parts)
	return body
}

// staysAlive asks for liveness until the test ends; no answer may be another
// than 200, or take as long as a kubelet waits by default.
func staysAlive(t *testing.T, url string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			start := time.Now()
			code, body := get(context.WithoutCancel(ctx), url+"/health/live")
			assert.Equal(t, http.StatusOK, code, body)
			assert.Less(t, time.Since(start), time.Second)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
	})
}

const allOK = `"checks":{"database":"ok","runtime":"ok","disk":"ok","scheduler":"ok"}`

// noErrorText asks as somebody curious would. Beside the closed set of values
// nothing tells what is wrong.
func noErrorText(t *testing.T, url string, more ...string) {
	t.Helper()
	for _, path := range []string{"/health", "/health?verbose=1", "/health/ready", "/health/ready?verbose=1", "/health/live?verbose=1", "/health/startup", "/health/metrics"} {
		_, body := get(t.Context(), url+path)
		for _, text := range append(more, "SQLITE", "locked", "no space", "is full", "server.db", ".go:") {
			assert.NotContains(t, body, text, path)
		}
	}
}
