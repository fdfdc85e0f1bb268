package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

// lines parses what was logged.
func lines(t *testing.T, b *bytes.Buffer) (out []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(b.Bytes()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal(line, &m), string(line))
		out = append(out, m)
	}
	return out
}

func TestSlogtest(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	err := slogtest.TestHandler(logging.NewHandler(&buf, logging.Config{}), func() []map[string]any {
		all := lines(t, &buf)
		for _, m := range all {
			for ours, theirs := range map[string]string{"timestamp": slog.TimeKey, "message": slog.MessageKey} {
				if v, ok := m[ours]; ok {
					m[theirs] = v
					delete(m, ours)
				}
			}
		}
		return all
	})
	require.NoError(t, err)
}

func TestSchemaToTheByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var buf bytes.Buffer
		log := slog.New(logging.NewHandler(&buf, logging.Config{Level: slog.LevelDebug}))
		time.Sleep(123 * time.Millisecond)
		ctx := logging.With(logging.With(t.Context(), slog.String("tenant_id", "t1")), slog.String("user_id", "u1"))
		log.LogAttrs(ctx, slog.LevelWarn, "Workflow\nexecuted", slog.String("workflow_id", "wf_123"), slog.Duration("duration_ms", 12500*time.Microsecond), slog.Any("error", errors.New("x")))
		assert.Equal(t, `{"timestamp":"2000-01-01T00:00:00.123Z","level":"warn","message":"Workflow\nexecuted","workflow_id":"wf_123","duration_ms":12.5,"error":"x","tenant_id":"t1","user_id":"u1"}`+"\n", buf.String()) //nolint:testifylint // bytes
	})
}

func TestNamesThatAreMasked(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"password": true, "Password": true, "user_password": true, "db.password": true, "X-Api-Key": true, "apiKey": true, "api_key": true,
		"accessToken": true, "access-token": true, "Authorization": true, "Proxy-Authorization": true, "Set-Cookie": true, "cookie": true,
		"client_secret": true, "webhook_url": true, "WEBHOOK_URL": true, "private key": true, "custom_pin": true, "APIKey": true,
		"tokens": true, "credentials": true, "jwt": true, "session_id": true, "bearer": true,
		"author": false, "token_count": false, "passport_office": false, "secretary": false, "key": false, "api": false, "mytoken": false,
		"cookies_accepted": false, "pinned": false, "": false, "_": false,
	} {
		var buf bytes.Buffer
		log := slog.New(logging.NewHandler(&buf, logging.Config{MaskKeys: []string{"Custom-Pin"}}))
		log.LogAttrs(t.Context(), slog.LevelInfo, "m", slog.String("x", "y"), slog.String(key, "hunter2"))
		assert.Equal(t, want, !strings.Contains(buf.String(), "hunter2"), "%q %s", key, buf.String())
	}
}

type secret string

func (secret) LogValue() slog.Value { return slog.StringValue("***") }

func TestSecretsOnEveryRoute(t *testing.T) {
	t.Parallel()
	const s = "hunter2"
	var buf bytes.Buffer
	base := slog.New(logging.NewHandler(&buf, logging.Config{}))
	deep := any(map[string]any{"token": s})
	for range 100 {
		deep = map[string]any{"a": []any{deep}}
	}
	attrs := []slog.Attr{
		slog.String("password", s), slog.Int("token", 5), slog.Any("secret", []string{s}),
		slog.Group("db", slog.String("password", s), slog.Group("x", slog.String("api_key", s))),
		slog.Any("header", http.Header{"Authorization": {"Bearer " + s}, "Accept": {"a", "b"}}),
		slog.Any("query", url.Values{"token": {s}}),
		slog.Any("map", map[string]any{"a": map[string]any{"password": s, "n": 1}, "l": []any{map[string]string{"token": s}}}),
		slog.Any("strings", map[string]string{"token": s, "ok": "yes"}),
		slog.Any("raw", json.RawMessage(`{"a":{"password":"`+s+`"},"big":12345678901234567890}`)),
		slog.Any("broken", json.RawMessage(`{"password":"`+s)),
		slog.Any("typed", secret(s)), slog.Any("typed_in_map", map[string]any{"x": secret(s)}),
		slog.Any("deep", deep),
	}
	base.LogAttrs(t.Context(), slog.LevelInfo, "record", attrs...)
	slog.New(base.Handler().WithAttrs(attrs)).LogAttrs(t.Context(), slog.LevelInfo, "with")
	slog.New(base.Handler().WithGroup("g")).LogAttrs(logging.With(t.Context(), attrs...), slog.LevelInfo, "context")
	assert.NotContains(t, buf.String(), s)
	all := lines(t, &buf)
	require.Len(t, all, 3)
	assert.Equal(t, map[string]any{"Authorization": []any{"***"}, "Accept": []any{"a", "b"}}, all[0]["header"])
	assert.Equal(t, map[string]any{"token": "***", "ok": "yes"}, all[0]["strings"])
	assert.Contains(t, buf.String(), "12345678901234567890")
}

type hostile struct{}

func (hostile) LogValue() slog.Value         { panic("x") }
func (hostile) MarshalJSON() ([]byte, error) { panic("x") }
func (hostile) Error() string                { panic("x") }

type panicsInJSON struct{}

func (panicsInJSON) MarshalJSON() ([]byte, error) { panic("x") }

func TestAlwaysOneValidLine(t *testing.T) {
	t.Parallel()
	cycle := map[string]any{}
	cycle["self"] = cycle
	var buf bytes.Buffer
	log := slog.New(logging.NewHandler(&buf, logging.Config{}))
	values := []any{hostile{}, panicsInJSON{}, cycle, "a\r\nb\x00\xff", func() {}, make(chan int), (*hostile)(nil), nil, []any{hostile{}}, json.RawMessage("{")}
	for _, v := range values {
		log.LogAttrs(t.Context(), slog.LevelInfo, "m\r\n\xff", slog.Any("v", v))
	}
	assert.Len(t, lines(t, &buf), len(values))
}

func access(t *testing.T, h http.HandlerFunc, edit func(*http.Request)) (*http.Response, map[string]any) {
	t.Helper()
	var buf bytes.Buffer
	log := slog.New(logging.NewHandler(&buf, logging.Config{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", h)
	r := httptest.NewRequest(http.MethodGet, "/things/7?token=hunter2", nil)
	if edit != nil {
		edit(r)
	}
	rec := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }()
		logging.AccessLog(log, logging.AccessConfig{})(mux).ServeHTTP(rec, r)
	}()
	assert.NotContains(t, buf.String(), "hunter2")
	all := lines(t, &buf)
	require.NotEmpty(t, all)
	return rec.Result(), all[len(all)-1]
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		h      http.HandlerFunc
		status float64
		bytes  float64
	}{
		"implicit 200": {func(http.ResponseWriter, *http.Request) {}, 200, 0},
		"body":         {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "abc") }, 200, 3},
		"explicit":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404, 0},
		"panic":        {func(http.ResponseWriter, *http.Request) { panic("hunter2") }, 500, 0},
		"abort":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 500, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, line := access(t, tt.h, nil)
			assert.Equal(t, "Request", line["message"])
			assert.Equal(t, "GET", line["method"])
			assert.Equal(t, "GET /things/{id}", line["route"])
			assert.Equal(t, "/things/7", line["path"])
			assert.InDelta(t, tt.status, line["status"], 0)
			assert.InDelta(t, tt.bytes, line["bytes"], 0)
			assert.Equal(t, "192.0.2.1", line["client"])
			assert.Len(t, line["request_id"], 32)
			assert.Equal(t, line["request_id"], resp.Header.Get("X-Request-Id"))
			assert.Contains(t, line, "duration_ms")
		})
	}
}

func TestAccessLogPanicsGoOn(t *testing.T) {
	t.Parallel()
	h := logging.AccessLog(slog.New(slog.DiscardHandler), logging.AccessConfig{})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) })
}

func TestAddAndRequestID(t *testing.T) {
	t.Parallel()
	h := func(_ http.ResponseWriter, r *http.Request) { logging.Add(r.Context(), slog.String("tenant_id", "t1")) }
	_, line := access(t, h, func(r *http.Request) { r.Header.Set("X-Request-Id", "req-1.A_b") })
	assert.Equal(t, "t1", line["tenant_id"])
	assert.Equal(t, "req-1.A_b", line["request_id"])
	for _, bad := range []string{"a b", "a\"", strings.Repeat("a", 65), "é"} {
		_, line = access(t, h, func(r *http.Request) { r.Header.Set("X-Request-Id", bad) })
		assert.Len(t, line["request_id"], 32)
	}
	logging.Add(t.Context(), slog.String("a", "b")) // no access log: nothing
}

func TestAccessLogSkip(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	log := slog.New(logging.NewHandler(&buf, logging.Config{}))
	h := logging.AccessLog(log, logging.AccessConfig{Skip: func(r *http.Request) bool { return r.URL.Path == "/health" }})(http.NotFoundHandler())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/health", nil))
	assert.Zero(t, buf.Len())
}

func FuzzMask(f *testing.F) {
	f.Add("user_password", "v")
	f.Add("X-Api-Key", "\xff\n")
	f.Fuzz(func(t *testing.T, key, value string) {
		var buf bytes.Buffer
		log := slog.New(logging.NewHandler(&buf, logging.Config{}))
		log.LogAttrs(context.Background(), slog.LevelInfo, "m", slog.String("v", value), slog.String(key, value), slog.Any("m", map[string]any{key: value}))
		assert.True(t, json.Valid(buf.Bytes()))
		assert.Equal(t, 1, bytes.Count(buf.Bytes(), []byte("\n")))
	})
}

func Example() {
	var buf bytes.Buffer
	log := slog.New(logging.NewHandler(&buf, logging.Config{}))
	ctx := logging.With(context.Background(), slog.String("tenant_id", "acme"))
	log.LogAttrs(ctx, slog.LevelInfo, "Workflow executed",
		slog.Duration("duration_ms", 150*time.Millisecond), slog.String("api_key", "sk-123"))
	_, rest, _ := strings.Cut(buf.String(), ",")
	fmt.Print(rest)
	// Output: "level":"info","message":"Workflow executed","duration_ms":150,"api_key":"***","tenant_id":"acme"}
}
