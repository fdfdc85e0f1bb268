package logging_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

// access serves requests by h and returns their lines.
func access(t *testing.T, cfg logging.AccessConfig, level slog.Level, h http.HandlerFunc, requests ...*http.Request) []string {
	t.Helper()
	var w writes
	logged := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{Level: level})), cfg)(h)
	for _, r := range requests {
		func() {
			defer func() { _ = recover() }()
			logged.ServeHTTP(httptest.NewRecorder(), r)
		}()
	}
	return w.lines(t)
}

func TestProbesAreLoggedAtDebug(t *testing.T) {
	t.Parallel()
	failing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	get := func(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }
	for target, probe := range map[string]bool{
		"/health": true, "/health/live": true, "/health/ready?verbose=1": true, "/healthz": true, "/livez": true, "/readyz": true,
		"/healthy": false, "/": false, "/api/health": false, "/health-insurance": false,
	} {
		lines := access(t, logging.AccessConfig{}, slog.LevelDebug, failing, get(target))
		require.Len(t, lines, 1)
		assert.Equal(t, probe, strings.Contains(lines[0], `"level":"debug"`), "%s: %s", target, lines[0])
		assert.Contains(t, lines[0], `"status":503`)
		lines = access(t, logging.AccessConfig{}, slog.LevelInfo, failing, get(target))
		assert.Equal(t, probe, len(lines) == 0, target)
	}
	assert.Len(t, access(t, logging.AccessConfig{}, slog.LevelInfo, failing, httptest.NewRequest(http.MethodPost, "/health", nil)), 1, "no probe posts")
	lines := access(t, logging.AccessConfig{}, slog.LevelInfo, func(http.ResponseWriter, *http.Request) { panic("x") }, get("/health"))
	require.Len(t, lines, 1, "one that panics is no answer")
	assert.Contains(t, lines[0], `"level":"error"`)

	own := logging.AccessConfig{Probe: func(r *http.Request) bool { return r.URL.Path == "/ping" }}
	lines = access(t, own, slog.LevelInfo, failing, get("/ping"), get("/health"))
	require.Len(t, lines, 1)
	assert.Contains(t, lines[0], `"path":"/health"`)
}

func TestQueryIsLoggedByAllowList(t *testing.T) {
	t.Parallel()
	cfg := logging.AccessConfig{Query: []string{"page", "q", "token", "Case"}}
	for query, want := range map[string]string{
		"":                                      ``,
		"secret=s3cr3t":                         ``,
		"secret=s3cr3t&page=2":                  `"query":"page=2"`,
		"q=b+c%26d&page=1&page=2":               `"query":"page=1&page=2&q=b c%26d"`,
		"token=s3cr3t&page=1":                   `"query":"page=1&token=***"`,
		"case=s3cr3t":                           ``,
		"q=" + strings.Repeat("x", 2000):        `"query":"q=` + strings.Repeat("x", 1022) + `"`,
		"page=1;secret=s3cr3t":                  ``,
		"q=https://u:s3cr3t@h/":                 `"query":"q=https://u:***@h/"`,
		"q=%2Fcb%3Ftoken%3Ds3cr3t":              `"query":"q=/cb?token=***"`,
		"q=Bearer+s3cr3t1234":                   `"query":"q=Bearer ***"`,
		"q=%7B%22password%22%3A%22s3cr3t%22%7D": `"query":"q={\"password\":\"***\"}"`,
		"q=a%0Db%25":                            `"query":"q=a\rb%25"`,
		"page=1&secret=s3cr3t%26page=2&q=%zz":   `"query":"page=1"`,
	} {
		lines := access(t, cfg, slog.LevelInfo, func(http.ResponseWriter, *http.Request) {}, httptest.NewRequest(http.MethodGet, "/a?"+query, nil))
		require.Len(t, lines, 1)
		if want == "" {
			assert.NotContains(t, lines[0], "query", query)
		} else {
			assert.Contains(t, lines[0], want, query)
		}
	}
}

func TestRepeatedErrorsAreSampledOnRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		mux := http.NewServeMux()
		mux.HandleFunc("GET /a/{id}", func(w http.ResponseWriter, r *http.Request) {
			var status int
			_, _ = fmt.Sscan(r.PathValue("id"), &status)
			if status == 0 {
				panic("x")
			}
			w.WriteHeader(status)
		})
		mux.HandleFunc("GET /b", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		h := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{})), logging.AccessConfig{MaxErrors: 2})(mux)
		get := func(path string) (lines []string) {
			before := len(w.lines(t))
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
			}()
			return w.lines(t)[before:]
		}
		for i := range 10 {
			assert.Equal(t, i < 2, len(get("/a/500")) == 1)
			assert.Equal(t, i < 2, len(get("/a/503")) == 1, "another status")
			assert.Equal(t, i < 2, len(get("/b")) == 1, "another route")
			assert.Equal(t, i < 2, len(get("/a/0")) == 1, "a panic is not a 500")
			assert.Len(t, get("/a/200"), 1)
			assert.Len(t, get("/a/404"), 1)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		assert.Empty(t, get("/a/500"))
		time.Sleep(time.Nanosecond)
		lines := get("/a/500")
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], `"suppressed":9`)
		lines = get("/a/500")
		require.Len(t, lines, 1)
		assert.NotContains(t, lines[0], "suppressed")
		assert.Empty(t, get("/a/500"))
	})
	off := make([]*http.Request, 100)
	for i := range off {
		off[i] = httptest.NewRequest(http.MethodGet, "/", nil)
	}
	failing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	assert.Len(t, access(t, logging.AccessConfig{}, slog.LevelInfo, failing, off...), 100)
	assert.Len(t, access(t, logging.AccessConfig{MaxErrors: -1}, slog.LevelInfo, failing, off...), 100)
}

func TestSamplingCountsEachLine(t *testing.T) {
	t.Parallel()
	var w writes
	h := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{})), logging.AccessConfig{MaxErrors: 5})(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) })
	}
	wg.Wait()
	assert.Len(t, w.lines(t), 5)
}

// The name says milliseconds, so they are milliseconds for any handler.
func TestAccessLogWithAnotherHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		h := logging.AccessLog(slog.New(slog.NewJSONHandler(&w, nil)), logging.AccessConfig{})(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(1500 * time.Microsecond) }))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		var line struct {
			Duration float64 `json:"duration_ms"`
		}
		require.NoError(t, json.Unmarshal([]byte(w.only(t)), &line))
		assert.InDelta(t, 1.5, line.Duration, 0)
	})
}

func TestFromContext(t *testing.T) {
	t.Parallel()
	assert.Empty(t, logging.FromContext(t.Context()))
	ctx := logging.With(t.Context(), slog.Int("a", 1), slog.Int("b", 2))
	attrs := logging.FromContext(ctx)
	assert.Equal(t, []slog.Attr{slog.Int("a", 1), slog.Int("b", 2)}, attrs)
	attrs[0] = slog.Int("x", 3)
	assert.Equal(t, slog.Int("a", 1), logging.FromContext(ctx)[0], "the slice is the caller's")
}
