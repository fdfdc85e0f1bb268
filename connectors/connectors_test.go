package connectors_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

const token = "T0KEN-do-not-print"

func TestSecretMasksItself(t *testing.T) {
	t.Parallel()
	s := connectors.NewSecret(token)
	type holder struct {
		Public  connectors.Secret
		private connectors.Secret
		p       *connectors.Secret
	}
	h := holder{s, s, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p", "%T"} {
		fmt.Fprintf(&out, verb+verb+verb, s, h, &h)
	}
	fmt.Fprintln(&out, s, h, fmt.Errorf("x: %v", h))
	for _, v := range []any{s, h, map[string]any{"s": s}} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(b)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Any("s", s), slog.Any("h", h))
	slog.New(slog.NewTextHandler(&out, nil)).LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Any("s", s), slog.Any("h", h))
	assert.NotContains(t, out.String(), token)
	assert.NotContains(t, out.String(), fmt.Sprintf("%x", token))
	assert.Equal(t, "***", s.String())
	assert.Equal(t, token, s.Reveal())

	var zero connectors.Secret
	assert.True(t, zero.IsZero())
	assert.True(t, connectors.NewSecret("").IsZero())
	assert.Empty(t, zero.Reveal()+zero.String())
}

func client(t *testing.T, cfg connectors.ClientConfig) *connectors.Client {
	t.Helper()
	c, err := connectors.NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// get reads the whole answer of a URL with the token in its path and query.
func get(ctx context.Context, c *connectors.Client, base string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/"+token+"?key="+token, strings.NewReader("body"))
	if err != nil {
		return 0, nil, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// raw serves each connection with f, on loopback.
func raw(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
				<-stop
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

func TestEveryCallEndsWithATypedCleanError(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	read := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }
	bomb := func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(make([]byte, 64<<20))
		_ = z.Close()
		return b.Bytes()
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	tests := []struct {
		name   string
		base   string
		kind   connectors.Kind
		unsent bool
		slow   bool // ends by the timeout
	}{
		{"nobody listens", "http://" + closed.Addr().String(), connectors.KindNetwork, true, false},
		{"accepts and is silent", raw(t, func(net.Conn) {}), connectors.KindTimeout, false, true},
		{"header never ends", raw(t, func(c net.Conn) { read(c); _, _ = io.WriteString(c, head) }), connectors.KindTimeout, false, true},
		{"body stalls", raw(t, func(c net.Conn) { read(c); _, _ = io.WriteString(c, head+"Content-Length: 10\r\n\r\n12") }), connectors.KindTimeout, false, true},
		{"body breaks", raw(t, func(c net.Conn) {
			read(c)
			_, _ = io.WriteString(c, head+"Content-Length: 10\r\n\r\n12")
			_ = c.Close()
		}), connectors.KindNetwork, false, false},
		{"closes at once", raw(t, func(c net.Conn) { read(c); _ = c.Close() }), connectors.KindNetwork, false, false},
		{"no HTTP", raw(t, func(c net.Conn) { read(c); _, _ = io.WriteString(c, "hello "+token+"\r\n\r\n"); _ = c.Close() }), connectors.KindNetwork, false, false},
		{"endless body", raw(t, func(c net.Conn) {
			read(c)
			_, _ = io.WriteString(c, head+"\r\n")
			for {
				if _, err := c.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}), connectors.KindTooLarge, false, false},
		{"gzip bomb", raw(t, func(c net.Conn) {
			read(c)
			_, _ = fmt.Fprintf(c, "%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", head, len(bomb))
			_, _ = c.Write(bomb)
		}), connectors.KindTooLarge, false, false},
		{"huge header", raw(t, func(c net.Conn) {
			read(c)
			_, _ = io.WriteString(c, head+"X: "+strings.Repeat("x", 100<<10)+"\r\n\r\n")
			_ = c.Close()
		}), connectors.KindNetwork, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := client(t, connectors.ClientConfig{Timeout: 300 * time.Millisecond})
			start := time.Now()
			_, _, err := get(t.Context(), c, tt.base)
			took := time.Since(start)
			e, ok := errors.AsType[*connectors.Error](err)
			require.True(t, ok, "%T %v", err, err)
			assert.Equal(t, tt.kind, e.Kind, e.Error())
			assert.Equal(t, tt.unsent, e.Unsent)
			if tt.slow {
				assert.GreaterOrEqual(t, took, 300*time.Millisecond)
				assert.Less(t, took, 2*time.Second, "with room for a busy machine")
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			for err := error(e); err != nil; err = errors.Unwrap(err) {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), token)
			}
		})
	}
}

func TestCallerCancels(t *testing.T) {
	t.Parallel()
	c := client(t, connectors.ClientConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	base := raw(t, func(net.Conn) { cancel() })
	start := time.Now()
	_, _, err := get(ctx, c, base)
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok)
	assert.Equal(t, connectors.KindCanceled, e.Kind)
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(start), time.Second)
}

func TestAStatusIsNoErrorAndRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		assert.Contains(t, r.Header.Get("User-Agent"), "Bracework")
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)
	status, _, err := get(t.Context(), client(t, connectors.ClientConfig{}), srv.URL)
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, status)
	assert.Equal(t, 1, hits)
}

func TestBodyAtTheCap(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") }))
	t.Cleanup(srv.Close)
	_, body, err := get(t.Context(), client(t, connectors.ClientConfig{MaxBody: 5}), srv.URL)
	require.NoError(t, err)
	assert.Equal(t, "12345", string(body))
	_, body, err = get(t.Context(), client(t, connectors.ClientConfig{MaxBody: 4}), srv.URL)
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok)
	assert.Equal(t, connectors.KindTooLarge, e.Kind)
	assert.Equal(t, "1234", string(body))
}

func TestDuration(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(connectors.Result{Success: true, Message: "m", Duration: connectors.Duration(150*time.Millisecond + 1), Timestamp: time.Unix(0, 0).UTC()})
	require.NoError(t, err)
	assert.Equal(t, `{"success":true,"message":"m","duration":"150ms","timestamp":"1970-01-01T00:00:00Z"}`, string(b)) //nolint:testifylint // the order is the contract's
}

// fake is a connector that would use the network if it could.
type fake struct{ c *connectors.Client }

func (fake) Name() string { return "fake" }
func (f fake) Execute(context.Context, connectors.Action) (connectors.Result, error) {
	return connectors.NewResult(time.Now(), "done", nil), nil
}

func (f fake) Plan(ctx context.Context, a connectors.Action) (connectors.Plan, error) {
	if bytes.Contains(a.Config, []byte("cheat")) {
		_, _, err := get(ctx, f.c, "http://127.0.0.1:1")
		return connectors.Plan{}, err
	}
	return connectors.Plan{Summary: "would do " + string(a.Config)}, nil
}
func (fake) Test(context.Context) connectors.Result { return connectors.Result{} }

func registry(t *testing.T) *connectors.Registry {
	t.Helper()
	f := fake{client(t, connectors.ClientConfig{})}
	g, err := connectors.NewRegistry(connectors.RegistryConfig{
		Resolve: func(_ context.Context, actionType string) (connectors.Connector, error) {
			if actionType != "fake" {
				return nil, connectors.ErrUnknownAction
			}
			return f, nil
		},
		Render: func(_ context.Context, config, payload []byte) ([]byte, error) {
			if !bytes.Contains(payload, []byte("name")) {
				return nil, errors.New("missing: name")
			}
			return bytes.ReplaceAll(config, []byte("{{name}}"), []byte("Alex")), nil
		},
		Paths: func(config []byte) ([]string, error) {
			if bytes.Contains(config, []byte("{{name}}")) {
				return []string{"name"}, nil
			}
			return nil, nil
		},
	})
	require.NoError(t, err)
	return g
}

func TestDryRunHandler(t *testing.T) {
	t.Parallel()
	h := registry(t).DryRunHandler()
	tests := []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"plain", "POST", "/", `{"action_type":"fake","config_json":"{\"a\":\"x\"}"}`, 200, `would do {\"a\":\"x\"}"`},
		{"without a payload the paths are listed", "POST", "/?mode=plan", `{"action_type":"fake","config_json":"{\"a\":\"{{name}}\"}"}`, 200, `the payload must have name"`},
		{"with a payload it is rendered", "POST", "/", `{"action_type":"fake","config_json":"{\"a\":\"{{name}}\"}","payload":{"name":1}}`, 200, `would do {\"a\":\"Alex\"}"`},
		{"missing path", "POST", "/", `{"action_type":"fake","config_json":"{\"a\":\"{{name}}\"}","payload":{}}`, 200, `"success":false,"message":"missing: name"`},
		{"no connection is opened", "POST", "/", `{"action_type":"fake","config_json":"{\"cheat\":1}"}`, 200, `"code":"dry_run"`},
		{"unknown action", "POST", "/", `{"action_type":"nope","config_json":"{}"}`, 400, "#action-type-unknown"},
		{"config is an array", "POST", "/", `{"action_type":"fake","config_json":"[]"}`, 400, "#dry-run-invalid"},
		{"config is no JSON", "POST", "/", `{"action_type":"fake","config_json":"{"}`, 400, "#dry-run-invalid"},
		{"config is an object", "POST", "/", `{"action_type":"fake","config_json":{}}`, 400, "#dry-run-invalid"},
		{"no config", "POST", "/", `{"action_type":"fake"}`, 400, "#dry-run-invalid"},
		{"no JSON", "POST", "/", `nope`, 400, "#dry-run-invalid"},
		{"empty", "POST", "/", ``, 400, "#dry-run-invalid"},
		{"other mode", "POST", "/?mode=send", `{"action_type":"fake","config_json":"{}"}`, 400, "#dry-run-invalid"},
		{"too large", "POST", "/", strings.Repeat("x", 1<<20+1), 413, "#request-body-too-large"},
		{"wrong method", "GET", "/", ``, 405, "#method-not-allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body)))
			assert.Equal(t, tt.status, rec.Code)
			assert.Contains(t, rec.Body.String(), tt.want)
			assert.Equal(t, tt.status == 200, rec.Header().Get("X-Dry-Run") == "true")
			assert.Equal(t, tt.status == 200, strings.Contains(rec.Body.String(), `"dry_run":true`))
			if tt.status == 405 {
				assert.Equal(t, "POST", rec.Header().Get("Allow"))
			}
		})
	}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	g := registry(t)
	r, err := g.Execute(t.Context(), connectors.Action{Type: "fake", Config: []byte(`{}`)})
	require.NoError(t, err)
	assert.True(t, r.Success)
	_, err = g.Execute(t.Context(), connectors.Action{Type: "nope"})
	require.ErrorIs(t, err, connectors.ErrUnknownAction)
}

func FuzzDryRun(f *testing.F) {
	f.Add([]byte(`{"action_type":"fake","config_json":"{}","payload":null}`))
	f.Add([]byte(`{"action_type":"fake","config_json":" {} "}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := connectors.NewRegistry(connectors.RegistryConfig{Resolve: func(context.Context, string) (connectors.Connector, error) { return fake{}, nil }})
		require.NoError(t, err)
		if bytes.Contains(body, []byte("cheat")) {
			return
		}
		rec := httptest.NewRecorder()
		g.DryRunHandler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		assert.True(t, json.Valid(rec.Body.Bytes()))
	})
}

func ExampleSecret() {
	s := connectors.NewSecret("https://hooks.slack.com/services/T000/B000/XXXX")
	fmt.Printf("%v %+v %s\n", s, struct{ URL connectors.Secret }{s}, fmt.Errorf("post to %v failed", s))
	// Output: *** {URL:***} post to *** failed
}
