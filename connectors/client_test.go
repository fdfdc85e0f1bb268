package connectors_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

const switches = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"

func readSome(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }

// says is a server that reads a request and answers with text.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		readSome(c)
		_, _ = io.WriteString(c, text)
	}
}

// hangsUp is a server that does f and closes the connection.
func hangsUp(f func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		f(c)
		_ = c.Close()
	}
}

func resets(c net.Conn) {
	says(head + "Content-Length: 10\r\n\r\n12")(c)
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func endless(c net.Conn) {
	says(head + "\r\n")(c)
	for part := make([]byte, 64<<10); ; {
		if _, err := c.Write(part); err != nil {
			return
		}
	}
}

func bomb(t *testing.T) func(net.Conn) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(make([]byte, 8<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return says(fmt.Sprintf("%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", head, b.Len(), b.String()))
}

func nobody(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return "http://" + ln.Addr().String()
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		base   string
		kind   connectors.Kind
		is     error
		unsent bool
		slow   bool // ends by the timeout, not before
	}{
		{"nobody listens", nobody(t), connectors.KindNetwork, syscall.ECONNREFUSED, true, false},
		{"accepts and is silent", raw(t, func(net.Conn) {}), connectors.KindTimeout, context.DeadlineExceeded, false, true},
		{"header does not end", raw(t, says(head)), connectors.KindTimeout, context.DeadlineExceeded, false, true},
		{"body stalls", raw(t, says(head+"Content-Length: 10\r\n\r\n12")), connectors.KindTimeout, context.DeadlineExceeded, false, true},
		{"body ends early", raw(t, hangsUp(says(head+"Content-Length: 10\r\n\r\n12"))), connectors.KindNetwork, io.ErrUnexpectedEOF, false, false},
		{"reset in the body", raw(t, resets), connectors.KindNetwork, syscall.ECONNRESET, false, false},
		{"closes without an answer", raw(t, hangsUp(readSome)), connectors.KindNetwork, io.EOF, false, false},
		{"not HTTP", raw(t, hangsUp(says("hello "+token+"\r\n\r\n"))), connectors.KindNetwork, nil, false, false},
		{"bad status line", raw(t, hangsUp(says("HTTP/1.1 abc "+token+"\r\n\r\n"))), connectors.KindNetwork, nil, false, false},
		{"bad chunk", raw(t, hangsUp(says(head+"Transfer-Encoding: chunked\r\n\r\n"+token+"\r\n"))), connectors.KindNetwork, nil, false, false},
		{"no gzip", raw(t, hangsUp(says(head+"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"+strings.Repeat("x", 20)))), connectors.KindNetwork, gzip.ErrHeader, false, false},
		{"endless body", raw(t, endless), connectors.KindTooLarge, nil, false, false},
		{"gzip bomb", raw(t, bomb(t)), connectors.KindTooLarge, nil, false, false},
		{"huge header", raw(t, hangsUp(says(head+"X: "+strings.Repeat("x", 100<<10)+"\r\n\r\n"))), connectors.KindTooLarge, nil, false, false},
		{"switches protocols", raw(t, says(switches)), connectors.KindServer, nil, false, false},
		{"TLS is asked of a plain server", strings.Replace(raw(t, hangsUp(says(head+"\r\n"))), "http:", "https:", 1), connectors.KindNetwork, nil, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limit := time.Minute
			if tt.slow {
				limit = 300 * time.Millisecond
			}
			c := client(t, connectors.ClientConfig{Timeout: limit})
			start := time.Now()
			_, _, err := post(t.Context(), c, tt.base)
			took := time.Since(start)
			e := typed(t, err)
			assert.Equal(t, tt.kind, e.Kind, e.Error())
			assert.Equal(t, tt.unsent, e.Unsent)
			_, host, _ := strings.Cut(tt.base, "://")
			assert.Equal(t, host, e.Host)
			assert.NotEmpty(t, e.Message)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
			if tt.slow {
				assert.GreaterOrEqual(t, took, limit)
			}
			assert.Less(t, took, 10*time.Second)
		})
	}
}

func TestCallerCancels(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]func(net.Conn){
		"before the header": readSome,
		"within the body":   says(head + "Content-Length: 10\r\n\r\n12"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			var at atomic.Pointer[time.Time]
			base := raw(t, func(c net.Conn) {
				server(c)
				now := time.Now()
				at.Store(&now)
				cancel(errors.New("because of " + token))
			})
			_, _, err := post(ctx, client(t, connectors.ClientConfig{}), base)
			assert.Less(t, time.Since(*at.Load()), time.Second) // TestCancelIsImmediate is exact
			e := typed(t, err)
			assert.Equal(t, connectors.KindCanceled, e.Kind)
			assert.False(t, e.Retryable())
			assert.False(t, e.Permanent())
			require.ErrorIs(t, err, context.Canceled)
		})
	}
	t.Run("before the call", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := post(ctx, client(t, connectors.ClientConfig{}), raw(t, func(net.Conn) { t.Error("connected") }))
		e := typed(t, err)
		assert.Equal(t, connectors.KindCanceled, e.Kind)
		assert.True(t, e.Unsent)
	})
	t.Run("a deadline of the caller is a timeout", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, _, err := post(ctx, client(t, connectors.ClientConfig{}), raw(t, readSome))
		assert.Equal(t, connectors.KindTimeout, typed(t, err).Kind)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAStatusIsNeverAnError(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[string]int{"/204": 204, "/404": 404, "/500": 500}[r.URL.Path])
	}))
	t.Cleanup(srv.Close)
	c := client(t, connectors.ClientConfig{})
	for _, status := range []int{204, 404, 500} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/%d", srv.URL, status), nil)
		require.NoError(t, err)
		resp, err := c.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, status, resp.StatusCode)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed, Referer %q", r.Referer())
	}))
	t.Cleanup(target.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{target.URL, "/"} { // the second would be a loop
			hits := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				hits++
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			}))
			t.Cleanup(srv.Close)
			got, _, err := post(t.Context(), client(t, connectors.ClientConfig{}), srv.URL)
			require.NoError(t, err)
			assert.Equal(t, status, got)
			assert.Equal(t, 1, hits)
		}
	}
}

func TestBodyAtTheCap(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") }))
	t.Cleanup(srv.Close)
	for limit, kind := range map[int64]connectors.Kind{4: connectors.KindTooLarge, 5: "", 6: "", math.MaxInt64: ""} {
		_, body, err := post(t.Context(), client(t, connectors.ClientConfig{MaxBody: limit}), srv.URL)
		if kind == "" {
			require.NoError(t, err)
			assert.Equal(t, "12345", body)
			continue
		}
		assert.Equal(t, kind, typed(t, err).Kind)
		assert.Equal(t, "1234", body, "what is allowed arrives")
	}
}

func TestRequestIsPreparedAndNotModified(t *testing.T) {
	t.Parallel()
	var got http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(srv.Close)
	target, err := url.Parse(srv.URL)
	require.NoError(t, err)
	for _, tt := range []struct {
		cfg  connectors.ClientConfig
		h    http.Header
		want string
	}{
		{connectors.ClientConfig{}, nil, "Bracework (https://github.com/bracework/bracework)"},
		{connectors.ClientConfig{UserAgent: "mine"}, http.Header{}, "mine"},
		{connectors.ClientConfig{UserAgent: "mine"}, http.Header{"User-Agent": {"its"}}, "its"},
	} {
		r := &http.Request{Method: http.MethodGet, URL: target, Header: tt.h}
		before := tt.h.Clone()
		resp, err := client(t, tt.cfg).Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, tt.want, got.Get("User-Agent"))
		assert.Equal(t, before, r.Header)
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	c := client(t, connectors.ClientConfig{})
	u := func(s string) *url.URL {
		u, err := url.Parse(s)
		require.NoError(t, err)
		return u
	}
	for name, r := range map[string]*http.Request{
		"no URL":           {},
		"no host":          {URL: u("https:///" + token)},
		"other scheme":     {URL: u("ftp://127.0.0.1/" + token)},
		"user information": {URL: u("https://u:" + token + "@127.0.0.1/")},
		"bad method":       {Method: "A B", URL: u("http://127.0.0.1/" + token)},
		"bad header":       {URL: u("http://127.0.0.1/" + token), Header: http.Header{"X": {"a\n" + token}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := &closing{}
			r.Body = body
			_, err := c.Do(r)
			e := typed(t, err)
			assert.Equal(t, connectors.KindInvalid, e.Kind)
			assert.True(t, e.Permanent())
			assert.True(t, e.Unsent)
			assert.True(t, body.closed.Load(), "the body is closed")
		})
	}
}

type closing struct{ closed atomic.Bool }

func (*closing) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closing) Close() error           { c.closed.Store(true); return nil }

func TestUnsentOverHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 2, r.ProtoMajor)
		if r.Header.Get("Break") != "" {
			panic(http.ErrAbortHandler)
		}
	}))
	srv.Config.ErrorLog = silentLog()
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := client(t, connectors.ClientConfig{})
	_, _, err := post(t.Context(), c, srv.URL)
	e := typed(t, err)
	assert.True(t, e.Unsent, "an unknown certificate ends the handshake")
	assert.Equal(t, "the certificate is not valid", e.Message)

	c = client(t, connectors.ClientConfig{})
	connectors.TransportOf(c).TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	for range 2 { // on a new connection, and on a reused one
		_, _, err = post(t.Context(), c, srv.URL)
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader("body"))
		require.NoError(t, err)
		r.Header.Set("Break", "1")
		_, err = c.Do(r)
		e := typed(t, err)
		assert.False(t, e.Unsent)
		assert.Equal(t, connectors.KindNetwork, e.Kind)
	}
}

func TestNewClientRefuses(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]connectors.ClientConfig{
		"Timeout":     {Timeout: -1},
		"MaxBody":     {MaxBody: -1},
		"RetryBudget": {RetryBudget: math.NaN()},
		"Wrap":        {Wrap: func(http.RoundTripper) http.RoundTripper { return nil }},
	} {
		_, err := connectors.NewClient(cfg)
		require.ErrorContains(t, err, "connectors: ClientConfig."+field)
	}
}
