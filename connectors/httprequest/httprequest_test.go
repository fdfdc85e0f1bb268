package httprequest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
	"github.com/bracework/bracework/connectors/netguard"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	unguarded, guarded := client(t, connectors.ClientConfig{}), client(t, connectors.ClientConfig{Guard: local(t, nil)})
	tests := []struct {
		name string
		cfg  httprequest.Config
		want string // in the error; empty: none
	}{
		{"the zero value", httprequest.Config{}, ""},
		{"a guarded client", httprequest.Config{Client: guarded}, ""},
		{"an unguarded client", httprequest.Config{Client: unguarded}, "no ClientConfig.Guard"},
		{"one that is wanted", httprequest.Config{Client: unguarded, Unguarded: true}, ""},
		{"unguarded", httprequest.Config{Unguarded: true}, ""},
		{"two guards", httprequest.Config{Client: guarded, Guard: local(t, nil)}, "Config.Guard"},
		{"a guard for nothing", httprequest.Config{Unguarded: true, Guard: local(t, nil)}, "Config.Guard"},
		{"CONNECT", httprequest.Config{Methods: []string{"GET", "connect"}}, "Config.Methods"},
		{"TRACE", httprequest.Config{Methods: []string{"TRACE"}}, "Config.Methods"},
		{"no method", httprequest.Config{Methods: []string{"G T"}}, "Config.Methods"},
		{"a negative limit", httprequest.Config{MaxRequestBody: -1}, "MaxRequestBody"},
		{"no field", httprequest.Config{IdempotencyHeader: "a b"}, "IdempotencyHeader"},
		{"a reserved field", httprequest.Config{IdempotencyHeader: "Host"}, "IdempotencyHeader"},
		{"a key that the client does not know", httprequest.Config{Idempotent: true, IdempotencyHeader: "X-Request-Id"}, "Config.Idempotent"},
		{"one that it knows", httprequest.Config{Idempotent: true, IdempotencyHeader: "x-idempotency-key"}, ""},
		{"unguarded redirects", httprequest.Config{Unguarded: true, FollowRedirects: true}, "FollowRedirects"},
		{"a private test", httprequest.Config{TestURL: "http://10.0.0.1/"}, "TestURL: the host cannot be reached"},
		{"a malformed test", httprequest.Config{TestURL: "x"}, "TestURL: the URL must begin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := httprequest.New(tt.cfg)
			if tt.want == "" {
				require.NoError(t, err)
				assert.Equal(t, "httprequest", c.Name())
				return
			}
			require.ErrorContains(t, err, tt.want)
			assert.True(t, strings.HasPrefix(err.Error(), "httprequest: "))
		})
	}
}

// What is sent is what the configuration says, and its body byte by byte.
func TestExecuteSends(t *testing.T) {
	t.Parallel()
	const (
		asJSON = "application/json"
		asText = "text/plain; charset=utf-8"
	)
	tests := []struct {
		name, config string // config goes on after the URL
		method, body string
		header       map[string]string
	}{
		{"nothing but a URL", ``, "POST", "", map[string]string{"Content-Type": "", "Content-Length": "0"}},
		{"a document", `,"body":{"z":1,"a":2}`, "POST", `{"z":1,"a":2}`, map[string]string{"Content-Type": asJSON}},
		{"numbers", `,"body":{"f":1.10,"i":9007199254740993,"e":1E400,"n":-0}`, "POST", `{"f":1.10,"i":9007199254740993,"e":1E400,"n":-0}`, nil},
		{"white space and escapes", `,"body":[ 1,` + "\n\t" + `"\u00fc<>\/ü" ]`, "POST", "[ 1,\n\t" + `"\u00fc<>\/ü" ]`, nil},
		{"a member twice", `,"body":{"a":1,"a":2}`, "POST", `{"a":1,"a":2}`, nil},
		{"a number", `,"body":12.50`, "POST", `12.50`, map[string]string{"Content-Type": asJSON}},
		{"false", `,"body":false`, "POST", `false`, map[string]string{"Content-Type": asJSON}},
		{"null", `,"body":null`, "POST", ``, map[string]string{"Content-Type": ""}},
		{"a text", `,"body":"<a b=\"1\">\u00fc</a>"`, "POST", `<a b="1">ü</a>`, map[string]string{"Content-Type": asText}},
		{"an empty text", `,"body":""`, "POST", ``, map[string]string{"Content-Type": ""}},
		{"a form", `,"body":"a=1&b=2","headers":{"content-type":"application/x-www-form-urlencoded"}`, "POST", `a=1&b=2`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{"a method", `,"method":"put","body":{}`, "PUT", `{}`, nil},
		{"a PATCH", `,"method":"PATCH","body":{},"headers":{"Content-Type":"application/merge-patch+json"}`, "PATCH", `{}`, map[string]string{"Content-Type": "application/merge-patch+json"}},
		{"DELETE", `,"method":"DELETE"`, "DELETE", "", nil},
		{"GET", `,"method":"GET","body":null`, "GET", "", map[string]string{"Content-Type": "", "Content-Length": ""}},
		{"scalars", `,"headers":{"X-N":12.50,"X-B":true,"X-S":"a b","X-Null":null,"X-Empty":""}`, "POST", "", map[string]string{"X-N": "12.50", "X-B": "true", "X-S": "a b", "X-Null": ""}},
		{"nulls", `,"headers":null,"secret_headers":null,"method":null`, "POST", "", nil},
		{"other members", `,"Method":"DELETE","URL":"http://10.0.0.1/","Body":1`, "POST", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := receive(t, nil)
			c := connector(t, httprequest.Config{})
			r, err := c.Execute(t.Context(), action(`{"url":"`+rec.URL+`/a%2Fb?q=%20&x"`+tt.config+`}`))
			require.NoError(t, err)
			assert.True(t, r.Success)
			assert.Equal(t, "answered with status 200", r.Message)
			assert.Empty(t, r.Code)
			got := rec.only(t)
			assert.Equal(t, tt.method, got.method)
			assert.Equal(t, "/a%2Fb?q=%20&x", got.target)
			assert.Equal(t, strings.TrimPrefix(rec.URL, "http://"), got.host)
			assert.Equal(t, tt.body, got.body)
			for field, want := range tt.header {
				assert.Equal(t, want, got.header.Get(field), field)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		kind   connectors.Kind // empty: a success
		code   string
		wait   time.Duration
	}{
		{200, "", "", 0},
		{202, "", "", 0},
		{204, "", "", 0},
		{299, "", "", 0},
		{301, connectors.KindInvalid, "redirect", 0},
		{304, connectors.KindInvalid, "redirect", 0},
		{307, connectors.KindInvalid, "redirect", 0},
		{400, connectors.KindInvalid, "http_400", 0},
		{401, connectors.KindAuth, "http_401", 0},
		{404, connectors.KindNotFound, "http_404", 0},
		{408, connectors.KindTimeout, "http_408", 0},
		{410, connectors.KindGone, "http_410", 0},
		{413, connectors.KindTooLarge, "http_413", 0},
		{422, connectors.KindInvalid, "http_422", 0},
		{429, connectors.KindRateLimited, "http_429", time.Hour},
		{500, connectors.KindServer, "http_500", 0},
		{503, connectors.KindServer, "http_503", time.Hour},
	}
	for _, tt := range tests {
		t.Run(http.StatusText(tt.status), func(t *testing.T) {
			t.Parallel()
			rec := receive(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.2/"+token)
				w.Header().Set("Retry-After", "86400")
				w.Header().Set("X-Note", "kept")
				w.Header().Set("Set-Cookie", "s="+token)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "answer")
			})
			c := connector(t, httprequest.Config{})
			result, err := c.Execute(t.Context(), action(`{"url":"`+rec.URL+`"}`))
			resp, doErr := c.Do(t.Context(), httprequest.Request{URL: rec.URL})
			assert.Len(t, rec.requests(), 2)

			require.NotNil(t, resp)
			assert.Equal(t, tt.status, resp.Status)
			assert.Equal(t, "kept", resp.Header.Get("X-Note"))
			assert.Empty(t, resp.Header.Values("Set-Cookie"))
			if tt.status != 204 && tt.status != 304 {
				assert.Equal(t, "answer", string(resp.Body))
			}
			assert.False(t, resp.Truncated)
			if tt.kind == "" {
				require.NoError(t, err)
				require.NoError(t, doErr)
				return
			}
			for op, err := range map[string]error{"execute": err, "do": doErr} {
				e := typed(t, err)
				assert.Equal(t, tt.kind, e.Kind)
				assert.Equal(t, tt.code, e.Code)
				assert.Equal(t, tt.status, e.Status)
				assert.Equal(t, tt.wait, e.RetryAfter)
				assert.Equal(t, op, e.Op)
				assert.Equal(t, rec.Listener.Addr().String(), e.Host)
				assert.False(t, e.Unsent)
				assert.NotContains(t, err.Error(), "answer")
			}
			assert.Equal(t, tt.code, result.Code)
			assert.False(t, result.Success)
		})
	}
}

func TestHugeAnswersAreCut(t *testing.T) {
	t.Parallel()
	rec := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 4 << 10 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<10))
		}
	})
	for _, limit := range []int64{1, 1000, 1 << 20} {
		c := connector(t, httprequest.Config{Client: client(t, connectors.ClientConfig{Guard: local(t, nil), MaxBody: limit})})
		resp, err := c.Do(t.Context(), httprequest.Request{URL: rec.URL})
		require.NoError(t, err)
		assert.True(t, resp.Truncated)
		assert.Len(t, resp.Body, int(limit))
		_, err = c.Execute(t.Context(), action(`{"url":"`+rec.URL+`"}`))
		require.NoError(t, err)
	}
}

func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	for name, text := range map[string]string{
		"silence":     "",
		"slow header": "HTTP/1.1 200 OK\r\nX: ",
		"slow body":   "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connector(t, httprequest.Config{Client: client(t, connectors.ClientConfig{Guard: local(t, nil), Timeout: limit})})
			url := serve(t, text)
			start := time.Now()
			resp, err := c.Do(t.Context(), httprequest.Request{URL: url})
			assert.InDelta(t, limit, time.Since(start), float64(200*time.Millisecond))
			e := typed(t, err)
			assert.Equal(t, connectors.KindTimeout, e.Kind)
			assert.NotEqual(t, "unreachable", e.Code)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			if name == "slow body" {
				require.NotNil(t, resp)
				assert.Equal(t, "12", string(resp.Body))
			}

			start = time.Now()
			_, err = c.Execute(t.Context(), action(`{"url":"`+url+`"}`))
			assert.InDelta(t, limit, time.Since(start), float64(200*time.Millisecond))
			if name == "slow body" {
				require.NoError(t, err, "the receiver has accepted the request")
			} else {
				assert.Equal(t, connectors.KindTimeout, typed(t, err).Kind)
			}
		})
	}
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	c := connector(t, httprequest.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := c.Execute(ctx, action(`{"url":"`+serve(t, "")+`"}`))
	assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)
	require.ErrorIs(t, err, context.Canceled)

	_, err = c.Do(ctx, httprequest.Request{URL: "http://127.0.0.1:1/"})
	e := typed(t, err)
	assert.Equal(t, connectors.KindCanceled, e.Kind)
	assert.True(t, e.Unsent)
}

func TestTest(t *testing.T) {
	t.Parallel()
	r := unused(t, httprequest.Config{}).Test(t.Context())
	assert.True(t, r.Success)
	assert.Contains(t, r.Message, "nothing was tested")

	for status, code := range map[int]string{204: "", 302: "", 405: "", 501: "", 404: "http_404", 401: "http_401", 500: "http_500"} {
		rec := receive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		r := connector(t, httprequest.Config{
			TestURL: rec.URL + "/up",
			Secret: func(context.Context, string, string) (connectors.Secret, error) {
				return connectors.NewSecret(token), nil
			},
			Sign: func(*http.Request, []byte) error { return nil },
		}).Test(t.Context())
		assert.Equal(t, code == "", r.Success, status)
		assert.Equal(t, code, r.Code, status)
		got := rec.only(t)
		assert.Equal(t, "HEAD", got.method)
		assert.Equal(t, "/up", got.target)
		assert.Empty(t, got.header.Get("Idempotency-Key"))
	}

	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	r = connector(t, httprequest.Config{TestURL: closed.URL}).Test(t.Context())
	assert.Equal(t, "unreachable", r.Code)
}

// Without a guard of one's own, the network of the process is closed.
func TestTheDefaultIsGuarded(t *testing.T) {
	t.Parallel()
	rec := receive(t, nil)
	c, err := httprequest.New(httprequest.Config{})
	require.NoError(t, err)
	_, err = c.Execute(t.Context(), action(`{"url":"`+strings.ReplaceAll(rec.URL, "127.0.0.1", "localhost")+`"}`))
	assert.Equal(t, connectors.KindBlocked, typed(t, err).Kind)

	everyPort, err := netguard.New(netguard.Config{AnyPort: true})
	require.NoError(t, err)
	_, err = connector(t, httprequest.Config{Guard: everyPort}).Execute(t.Context(), action(`{"url":"`+rec.URL+`"}`))
	assert.Equal(t, "unreachable", typed(t, err).Code)
	assert.Empty(t, rec.requests())

	_, err = connector(t, httprequest.Config{Unguarded: true}).Execute(t.Context(), action(`{"url":"`+rec.URL+`"}`))
	require.NoError(t, err)
	assert.Len(t, rec.requests(), 1)
}
