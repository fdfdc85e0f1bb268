package health_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// web serves h until the test ends, and breaks off what still runs then.
func web(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		cfg     health.HTTPConfig
		outcome health.Outcome
		reason  string
		text    string // after "health: GET URL: "
	}{
		{"200", status(200), health.HTTPConfig{}, health.OutcomeOK, "", ""},
		{"204", status(204), health.HTTPConfig{}, health.OutcomeOK, "", ""},
		{"299", status(299), health.HTTPConfig{}, health.OutcomeOK, "", ""},
		{"early hints", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(200) }, health.HTTPConfig{}, health.OutcomeOK, "", ""},
		{"redirect", status(302), health.HTTPConfig{}, health.OutcomeFailed, "status", "status 302"},
		{"redirect nowhere", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://[hunter2")
			w.WriteHeader(307)
		}, health.HTTPConfig{}, health.OutcomeFailed, "status", "status 307"},
		{"404", status(404), health.HTTPConfig{}, health.OutcomeFailed, "status", "status 404"},
		{"500", status(500), health.HTTPConfig{}, health.OutcomeFailed, "status", "status 500"},
		{"599", status(599), health.HTTPConfig{}, health.OutcomeFailed, "status", "status 599"},
		{"redirect expected", status(302), health.HTTPConfig{MaxStatus: 399}, health.OutcomeOK, "", ""},
		{"below the range", status(200), health.HTTPConfig{MinStatus: 401, MaxStatus: 401}, health.OutcomeFailed, "status", "status 200"},
		{"in the range", status(401), health.HTTPConfig{MinStatus: 401, MaxStatus: 401}, health.OutcomeOK, "", ""},
		{"endless body", endless, health.HTTPConfig{}, health.OutcomeOK, "", ""},
		{"slow body", slow, health.HTTPConfig{}, health.OutcomeTimeout, "timeout", "context deadline exceeded"},
		{"body breaks off", breaksOff, health.HTTPConfig{}, health.OutcomeFailed, "other", "unexpected EOF"},
		{"slow body of a failure", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			slow(w, r)
		}, health.HTTPConfig{}, health.OutcomeFailed, "status", "status 500"},
		{"silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, health.HTTPConfig{}, health.OutcomeTimeout, "timeout", "context deadline exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			timeout := 5 * time.Second
			if tc.outcome == health.OutcomeTimeout {
				timeout = tinyTimeout
			}
			base := web(t, tc.handler)
			c := health.HTTP(base+"/path?q=1", tc.cfg)
			got := checkedAs(t, c, timeout)
			assert.Equal(t, tc.outcome, got.Outcome)
			assert.Equal(t, tc.reason, got.Reason)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			err := c.Check(ctx)
			if tc.text == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "health: GET "+base+": "+tc.text)
		})
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for chunk := make([]byte, 4096); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func slow(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func breaksOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "part")
}

func TestHTTPServersThatSpeakSomethingElse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		scheme string
		handle func(net.Conn)
		reason string
		text   string
	}{
		{"garbage", "http", says("hunter2\r\n\r\n"), "other", "no valid HTTP answer"},
		{"endless header", "http", func(conn net.Conn) {
			answers(conn, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(conn, "A: "+strings.Repeat("b", 1000)+"\r\n"); err != nil {
					return
				}
			}
		}, "other", "no valid HTTP answer"},
		{"hangs up", "http", hangUp, "other", "EOF"},
		{"plain text for TLS", "https", says("HTTP/1.1 400 Bad Request\r\n\r\n"), "tls", "tls: first record does not look like a TLS handshake"},
		{"TLS handshake breaks off", "https", hangUp, "other", "EOF"},
		{"TLS handshake never ends", "https", silent, "timeout", "context deadline exceeded"},
		{"unknown authority", "https", shakesHands(newAuthority(t, nil, time.Now().Add(time.Hour)).issue(time.Now().Add(time.Hour))), "tls", "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			timeout := 5 * time.Second
			if tc.reason == "timeout" {
				timeout = tinyTimeout
			}
			s := serve(t, tc.handle)
			c := health.HTTP(tc.scheme+"://"+s.addr(), health.HTTPConfig{})
			assert.Equal(t, tc.reason, checkedAs(t, c, timeout).Reason)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			require.EqualError(t, c.Check(ctx), "health: GET "+tc.scheme+"://"+s.addr()+": "+tc.text)
			assert.Eventually(t, func() bool { return s.open.Load() == 0 }, 5*time.Second, time.Millisecond, "connections are closed")
		})
	}
	assert.Equal(t, "refused", checkedAs(t, health.HTTP("http://"+refusing, health.HTTPConfig{}), 0).Reason)
	assert.Equal(t, "refused", checkedAs(t, health.HTTP("https://"+refusing, health.HTTPConfig{}), 0).Reason)
}

func TestHTTPRequest(t *testing.T) {
	t.Parallel()
	var got atomic.Pointer[http.Request]
	base := web(t, func(_ http.ResponseWriter, r *http.Request) { got.Store(r) })
	withUser := strings.Replace(base, "http://", "http://us%40er:pa%2Fss@", 1)
	ask := func(rawURL string, cfg health.HTTPConfig) *http.Request {
		require.NoError(t, health.HTTP(rawURL, cfg).Check(t.Context()))
		return got.Load()
	}

	r := ask(base+"/a%2Fb?q=1#fragment", health.HTTPConfig{})
	assert.Equal(t, "GET", r.Method)
	assert.Equal(t, "/a%2Fb?q=1", r.RequestURI)
	assert.Equal(t, "Bracework-Health (https://github.com/bracework/bracework)", r.UserAgent())
	assert.Equal(t, "http://"+r.Host, base)
	assert.True(t, r.Close, "the connection is not kept")
	assert.Empty(t, r.Header.Get("Accept-Encoding"))
	assert.Empty(t, r.Header.Get("Authorization"))

	r = ask(withUser, health.HTTPConfig{Method: "HEAD"})
	assert.Equal(t, "HEAD", r.Method)
	user, password, _ := r.BasicAuth()
	assert.Equal(t, "us@er pa/ss", user+" "+password)

	header := http.Header{"Authorization": {"Bearer t"}, "user-agent": {"me"}, "Host": {"name.test"}, "X-A": {"1", "2"}}
	c := health.HTTP(withUser, health.HTTPConfig{Header: header})
	header["X-A"][0] = "changed"
	require.NoError(t, c.Check(t.Context()))
	r = got.Load()
	assert.Equal(t, "Bearer t", r.Header.Get("Authorization"))
	assert.Equal(t, "me", r.UserAgent())
	assert.Equal(t, "name.test", r.Host)
	assert.Equal(t, []string{"1", "2"}, r.Header["X-A"])
	assert.Len(t, header, 4, "the caller's header is left alone")
}

// roundTripper is a transport of the caller's.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestHTTPTransport(t *testing.T) {
	t.Parallel()
	var seen []*http.Request
	c := health.HTTP("https://u:p@api.test/x", health.HTTPConfig{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r)
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})})
	require.NoError(t, c.Check(t.Context()))
	require.NoError(t, c.Check(t.Context()))
	require.Len(t, seen, 2)
	assert.NotSame(t, seen[0], seen[1])
	assert.NotSame(t, seen[0].URL, seen[1].URL)
	assert.Equal(t, "https://api.test/x", seen[0].URL.String(), "the password is in the header field only")

	for _, tc := range []struct {
		err    error
		reason string
		text   string
	}{
		{errors.New("hunter2"), "other", "no valid HTTP answer"},
		{&url.Error{Op: "Get", URL: "https://api.test/?hunter2", Err: errors.New("hunter2")}, "other", "no valid HTTP answer"},
		{&url.Error{Op: "Get", URL: "https://api.test/?hunter2", Err: io.EOF}, "other", "EOF"},
		{&url.Error{Op: "Get", URL: "https://api.test/?hunter2", Err: context.Canceled}, "other", "context canceled"},
		{&url.Error{Op: "Get", URL: "https://api.test/?hunter2", Err: &net.DNSError{Err: "no such host", Name: "api.test"}}, "dns", "lookup api.test: no such host"},
		{&url.Error{Op: "Get", URL: "https://api.test/?hunter2", Err: http.ErrSchemeMismatch}, "tls", http.ErrSchemeMismatch.Error()},
		{&url.Error{Op: "Get", URL: "https://api.test/?hunter2", Err: &tls.CertificateVerificationError{Err: errDown}}, "tls", "tls: failed to verify certificate: down"},
		{&url.Error{Op: "Get", URL: "https://api.test/?hunter2", Err: slowError{}}, "timeout", "i/o timeout"},
	} {
		c := health.HTTP("https://api.test/", health.HTTPConfig{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, tc.err
		})})
		assert.Equal(t, tc.reason, checkedAs(t, c, 0).Reason, "%v", tc.err)
		assert.EqualError(t, c.Check(t.Context()), "health: GET https://api.test: "+tc.text)
	}
}

type slowError struct{}

func (slowError) Error() string   { return "hunter2" }
func (slowError) Timeout() bool   { return true }
func (slowError) Temporary() bool { return true }

func TestHTTPS(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, nil, time.Now().Add(time.Hour))
	srv := httptest.NewUnstartedServer(status(200))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{root.issue(time.Now().Add(time.Hour))}}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	trusted := root.trusted()
	trusted.NextProtos = []string{"h2", "http/1.1"} // those of a configuration that also serves other uses
	require.NoError(t, health.HTTP(srv.URL, health.HTTPConfig{TLS: trusted}).Check(t.Context()))
	named := root.trusted()
	named.ServerName = "name.test"
	require.NoError(t, health.HTTP(srv.URL, health.HTTPConfig{TLS: named}).Check(t.Context()))
	named.ServerName = "other.test"
	require.ErrorContains(t, health.HTTP(srv.URL, health.HTTPConfig{TLS: named}).Check(t.Context()), "other.test")
}

// What the environment says of proxies holds for the application, not for a
// check of the thing itself. The unspecified address leads to this machine, but
// unlike a loopback one it is not exempt from proxies.
func TestHTTPIgnoresProxies(t *testing.T) {
	proxy := web(t, status(200))
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	assert.Equal(t, "refused", checkedAs(t, health.HTTP("http://0.0.0.0:1", health.HTTPConfig{}), 0).Reason)
}

func TestHTTPMisconfigured(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		url  string
		cfg  health.HTTPConfig
		want string
	}{
		{"", health.HTTPConfig{}, "the URL does not begin with http:// or https://"},
		{"api.test", health.HTTPConfig{}, "the URL does not begin with http:// or https://"},
		{"ftp://u:hunter2@api.test", health.HTTPConfig{}, "the URL does not begin with http:// or https://"},
		{"http:api.test", health.HTTPConfig{}, "URL: no host"},
		{"http://", health.HTTPConfig{}, "URL: no host"},
		{"http://:80/hunter2", health.HTTPConfig{}, "URL: no host"},
		{"http://u:hunter2@api.test:port", health.HTTPConfig{}, "malformed URL"},
		{"http://u:hun\x7fter2@api.test", health.HTTPConfig{}, "malformed URL"},
		{"http://u:hunter2%zz@api.test", health.HTTPConfig{}, "malformed URL"},
		{"http://api.test:0", health.HTTPConfig{}, "URL: port is not a number from 1 to 65535"},
		{"http://api.test:65536", health.HTTPConfig{}, "URL: port is not a number from 1 to 65535"},
		{"http://api.test", health.HTTPConfig{Method: "POST"}, `method "POST": want GET or HEAD`},
		{"http://api.test", health.HTTPConfig{Method: "get"}, `method "get": want GET or HEAD`},
		{"http://api.test", health.HTTPConfig{MinStatus: 199}, "status 199 to 299: want a range within 200 to 599"},
		{"http://api.test", health.HTTPConfig{MaxStatus: 600}, "status 200 to 600: want a range within 200 to 599"},
		{"http://api.test", health.HTTPConfig{MinStatus: 300}, "status 300 to 299: want a range within 200 to 599"},
		{"http://api.test", health.HTTPConfig{MinStatus: -1}, "status -1 to 299: want a range within 200 to 599"},
		{"http://api.test", health.HTTPConfig{Header: http.Header{"": {"v"}}}, `header field "": malformed name`},
		{"http://api.test", health.HTTPConfig{Header: http.Header{"A B": {"v"}}}, `header field "A B": malformed name`},
		{"http://api.test", health.HTTPConfig{Header: http.Header{"A": {"hunter2\r\nB: c"}}}, `header field "A": control character in its value`},
		{"http://api.test", health.HTTPConfig{TLS: &tls.Config{}, Transport: roundTripper(nil)}, "TLS and Transport exclude each other"},
	} {
		c := health.HTTP(tc.url, tc.cfg)
		_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: c})
		require.EqualError(t, err, `health: check "x": `+tc.want)
		require.EqualError(t, c.Check(t.Context()), "health: "+tc.want)
	}
	for _, rawURL := range []string{"http://api.test", "https://api.test:8443/x?y", "http://[::1]:80", "http://u:p@api.test", "http://api.test:"} {
		_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: health.HTTP(rawURL, health.HTTPConfig{})})
		require.NoError(t, err, rawURL)
	}
}

func TestHTTPLeavesNothing(t *testing.T) {
	t.Parallel()
	up := serve(t, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) // it would keep the connection
	c := health.HTTP("http://"+up.addr(), health.HTTPConfig{})
	assertNothingLeft(t, c, 1000, 5*time.Second, up)
	assertConcurrent(t, c)
	endless := serve(t, func(conn net.Conn) {
		answers(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for chunk := make([]byte, 4096); ; {
			if _, err := conn.Write(chunk); err != nil {
				return
			}
		}
	})
	c = health.HTTP("http://"+endless.addr(), health.HTTPConfig{})
	assertNothingLeft(t, c, 100, 5*time.Second, endless)
	require.NoError(t, c.Check(t.Context()))
	assert.Eventually(t, func() bool { return endless.open.Load() == 0 }, 5*time.Second, time.Millisecond, "closed while the context goes on")
	mute := serve(t, silent)
	for _, scheme := range []string{"http://", "https://"} {
		c := health.HTTP(scheme+mute.addr(), health.HTTPConfig{})
		assertNothingLeft(t, c, 100, 2*time.Millisecond, mute)
		assertPromptWhenCancelled(t, c)
	}
}
