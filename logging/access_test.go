package logging_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
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

// accessLine is an access line as JSON has it; what is missing is nil.
type accessLine struct {
	Level, Message, Method, Path, Client string
	Route                                *string
	RequestID                            string `json:"request_id"`
	Status                               *int
	Bytes                                *int64
	DurationMS                           *float64 `json:"duration_ms"`
	Aborted, Hijacked                    *bool
}

// serve runs h behind an access log on a real server, does one request, and
// returns what the client saw and the line.
func serve(t *testing.T, h http.Handler, r *http.Request) (*http.Response, accessLine, string) {
	t.Helper()
	var w writes
	done := make(chan struct{})
	access := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{})), logging.AccessConfig{})(h)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer close(done)
		access.ServeHTTP(rw, r)
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	r = r.Clone(t.Context())
	r.URL.Scheme, r.URL.Host, r.RequestURI = "http", srv.Listener.Addr().String(), ""
	resp, err := srv.Client().Do(r)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
	}
	<-done
	raw := w.only(t)
	var line accessLine
	require.NoError(t, json.Unmarshal([]byte(raw), &line))
	return resp, line, raw
}

func TestAccessLine(t *testing.T) {
	t.Parallel()
	const ok = http.StatusOK
	tests := []struct {
		name     string
		h        http.HandlerFunc
		method   string
		status   int // 0: none
		bytes    int64
		level    string
		aborted  bool
		hijacked bool
	}{
		{"nothing sent", func(http.ResponseWriter, *http.Request) {}, "GET", ok, 0, "info", false, false},
		{"a body", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") }, "GET", ok, 5, "info", false, false},
		{"a body for HEAD", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") }, "HEAD", ok, 0, "info", false, false},
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, "POST", 201, 0, "info", false, false},
		{"a client's error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusTooManyRequests) }, "GET", 429, 2, "info", false, false},
		{"our error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusServiceUnavailable) }, "GET", 503, 2, "error", false, false},
		{"early hints", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(204)
		}, "GET", 204, 0, "info", false, false},
		{"io.Copy", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("12345")) }, "GET", ok, 5, "info", false, false},
		{"a flush", func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
		}, "GET", ok, 0, "info", false, false},
		{"a panic", func(http.ResponseWriter, *http.Request) { panic("boom") }, "GET", 500, 0, "error", true, false},
		{"a panic with an answer begun", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "12345")
			panic("boom")
		}, "GET", 500, 5, "error", true, false},
		{"an abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "GET", 500, 0, "error", true, false},
		{"a hijack", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n")
				_ = conn.Close()
			}
		}, "GET", 0, 0, "info", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.Handle("/orders/{id}", tt.h)
			_, line, raw := serve(t, mux, httptest.NewRequest(tt.method, "/orders/7?token=s3cr3t&page=2", nil))
			want := accessLine{
				Level: tt.level, Message: "Request", Method: tt.method, Path: "/orders/7", Client: "127.0.0.1",
				Route: new("/orders/{id}"), RequestID: line.RequestID, DurationMS: line.DurationMS, Bytes: &tt.bytes,
			}
			if tt.status != 0 {
				want.Status = &tt.status
			}
			if tt.aborted {
				want.Aborted = new(true)
			}
			if tt.hijacked {
				want.Hijacked = new(true)
			}
			assert.Equal(t, want, line)
			require.NotNil(t, line.DurationMS)
			assert.NotContains(t, raw, "s3cr3t")
			assert.NotContains(t, raw, "page", "no query")
			assert.NotContains(t, raw, "boom", "net/http logs the panic")
		})
	}
}

func TestAccessLineOfWhatNoRouteMatched(t *testing.T) {
	t.Parallel()
	resp, line, raw := serve(t, http.NewServeMux(), httptest.NewRequest(http.MethodGet, "/a%0Ab%3Ftoken=s3cr3t", nil))
	assert.Equal(t, 404, resp.StatusCode)
	assert.Nil(t, line.Route)
	assert.NotContains(t, raw, "s3cr3t")
	assert.Equal(t, "/a\nb?token=***", line.Path)

	_, line, _ = serve(t, http.NewServeMux(), httptest.NewRequest(http.MethodGet, "/"+strings.Repeat("é", 2000), nil))
	assert.Equal(t, "/"+strings.Repeat("é", 511), line.Path, "at most 1024 bytes, cut between characters")
}

func TestPanicGoesOnUntouched(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"boom", http.ErrAbortHandler, errors.New("x"), new(int)} {
		h := logging.AccessLog(nil, logging.AccessConfig{})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(value) }))
		assert.PanicsWithValue(t, value, func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		})
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		h := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{})), logging.AccessConfig{})(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(1500 * time.Microsecond) }))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		assert.Contains(t, w.only(t), `"duration_ms":1.5,`)
	})
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		sent   []string
		cfg    logging.AccessConfig
		accept bool
	}{
		{"none", nil, logging.AccessConfig{}, false},
		{"a UUID", []string{"0af76519-16cd-43dd-8448-eb211c80319c"}, logging.AccessConfig{}, true},
		{"every character", []string{"aZ09-_.:+/="}, logging.AccessConfig{}, true},
		{"128 characters", []string{strings.Repeat("a", 128)}, logging.AccessConfig{}, true},
		{"129 characters", []string{strings.Repeat("a", 129)}, logging.AccessConfig{}, false},
		{"empty", []string{""}, logging.AccessConfig{}, false},
		{"two", []string{"a", "b"}, logging.AccessConfig{}, false},
		{"a space", []string{"a b"}, logging.AccessConfig{}, false},
		{"a line break", []string{"a\r\nSet-Cookie: b"}, logging.AccessConfig{}, false},
		{"a quote", []string{`a"`}, logging.AccessConfig{}, false},
		{"not ASCII", []string{"é"}, logging.AccessConfig{}, false},
		{"not to be believed", []string{"abc"}, logging.AccessConfig{IgnoreRequestID: true}, false},
		{"another header", []string{"abc"}, logging.AccessConfig{RequestIDHeader: "X-Correlation-Id"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			header := "X-Request-Id"
			if tt.cfg.RequestIDHeader != "" {
				header = tt.cfg.RequestIDHeader
			}
			var w writes
			logger := slog.New(logging.NewHandler(&w, logging.Config{}))
			var seen string
			h := logging.AccessLog(logger, tt.cfg)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen = logging.RequestID(r.Context())
				logger.InfoContext(r.Context(), "inside")
			}))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if tt.sent != nil {
				r.Header[header] = tt.sent
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if tt.accept {
				assert.Equal(t, tt.sent[0], seen)
			} else {
				assert.Regexp(t, `^[0-9a-f]{32}$`, seen)
			}
			assert.Equal(t, []string{seen}, rec.Header().Values(header))
			lines := w.lines(t)
			require.Len(t, lines, 2)
			for _, line := range lines {
				assert.Contains(t, line, `"request_id":"`+seen+`"`)
			}
		})
	}
	assert.Empty(t, logging.RequestID(t.Context()))
}

func TestAdd(t *testing.T) {
	t.Parallel()
	var w writes
	logger := slog.New(logging.NewHandler(&w, logging.Config{}))
	var late context.Context
	h := logging.AccessLog(logger, logging.AccessConfig{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := logging.With(r.Context(), slog.String("only", "here")) // a derived context reaches the line too
		late = ctx                                                    //nolint:fatcontext // to be used after the request
		logging.Add(ctx, slog.String("tenant_id", "t_1"), slog.String("api_key", "s3cr3t"))
		logging.Add(ctx)
		logger.InfoContext(ctx, "inside")
		logging.Add(ctx, slog.String("tenant_id", "t_2"), slog.String("route", "POST /x"))
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { logging.Add(ctx, slog.Int(fmt.Sprintf("n_%d", i), i)) })
		}
		wg.Wait()
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(logging.With(r.Context(), slog.String("region", "eu"))))
	logging.Add(late, slog.Int("late", 1))
	logging.Add(t.Context(), slog.Int("nowhere", 1))

	lines := w.lines(t)
	require.Len(t, lines, 2)
	assert.NotContains(t, lines[0], "tenant_id")
	assert.Contains(t, lines[0], `"only":"here"`)
	line := lines[1]
	assert.Contains(t, line, `"region":"eu"`)
	assert.Contains(t, line, `"tenant_id":"t_2","api_key":"***","route":"POST /x"`)
	assert.NotContains(t, line, "t_1")
	assert.NotContains(t, line, "only")
	assert.NotContains(t, line, "s3cr3t")
	for i := range 50 {
		assert.Contains(t, line, fmt.Sprintf(`"n_%d":%d`, i, i))
	}
}

func TestSkipAndNesting(t *testing.T) {
	t.Parallel()
	var w writes
	logger := slog.New(logging.NewHandler(&w, logging.Config{}))
	mid := logging.AccessLog(logger, logging.AccessConfig{Skip: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/health") }})
	h := mid(mid(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logging.Add(r.Context(), slog.String("id", logging.RequestID(r.Context())))
	})))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/health/live", nil))
	assert.Empty(t, w.lines(t))
	assert.Empty(t, rec.Header())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	line := w.only(t)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &got))
	assert.Equal(t, got["request_id"], got["id"])
}

func TestClient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		remote string
		cfg    logging.AccessConfig
		want   string
	}{
		{"192.0.2.7:1234", logging.AccessConfig{}, `"client":"192.0.2.7"`},
		{"[2001:db8::1]:1234", logging.AccessConfig{}, `"client":"2001:db8::1"`},
		{"[fe80::1%eth0]:1234", logging.AccessConfig{}, `"client":"fe80::1"`},
		{"[::ffff:192.0.2.7]:1234", logging.AccessConfig{}, `"client":"192.0.2.7"`},
		{"@", logging.AccessConfig{}, ``},
		{"192.0.2.7:1234", logging.AccessConfig{Client: func(*http.Request) string { return "198.51.100.1" }}, `"client":"198.51.100.1"`},
		{"192.0.2.7:1234", logging.AccessConfig{Client: func(*http.Request) string { return "" }}, ``},
	} {
		var w writes
		h := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{})), tt.cfg)(http.NotFoundHandler())
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tt.remote
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		h.ServeHTTP(httptest.NewRecorder(), r)
		line := w.only(t)
		assert.NotContains(t, line, "203.0.113.9")
		if tt.want == "" {
			assert.NotContains(t, line, "client")
		} else {
			assert.Contains(t, line, tt.want)
		}
	}
}

func TestQuietLogger(t *testing.T) {
	t.Parallel()
	var w writes
	h := logging.AccessLog(slog.New(logging.NewHandler(&w, logging.Config{Level: slog.LevelError})), logging.AccessConfig{})(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/bad" {
				w.WriteHeader(http.StatusBadGateway)
			}
		}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/bad", nil))
	assert.Contains(t, w.only(t), `"status":502`)
}

// Those outside know only the request that they passed on.
func TestRequestIsHandedBack(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("a", "b"))
	require.NoError(t, form.Close())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /upload", func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseMultipartForm(1 << 10) })
	r := httptest.NewRequest(http.MethodPost, "/upload", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	logging.AccessLog(nil, logging.AccessConfig{})(mux).ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, "POST /upload", r.Pattern)
	require.NotNil(t, r.MultipartForm)
	assert.Equal(t, []string{"b"}, r.MultipartForm.Value["a"])
}

func TestWriterKeepsItsCapabilities(t *testing.T) {
	t.Parallel()
	h := logging.AccessLog(nil, logging.AccessConfig{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, canHijack := w.(http.Hijacker)
		assert.False(t, canHijack, "a recorder cannot")
		assert.NoError(t, http.NewResponseController(w).Flush())
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	h = logging.AccessLog(nil, logging.AccessConfig{})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, canHijack := w.(http.Hijacker)
		assert.True(t, canHijack)
	}))
	h.ServeHTTP(hijacker{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))
}

type hijacker struct{ http.ResponseWriter }

func (hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }
