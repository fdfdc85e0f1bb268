package httprequest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
)

func port(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u.Port()
}

// neighbour is a server at an address that is refused, and must see nothing.
func neighbour(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("no such address on this system: ", err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a refused address was called")
	}))
	_ = srv.Listener.Close()
	srv.Listener = ln
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

// Whether an address is refused, a name unknown, a port closed or a host silent,
// the customer sees the same.
func TestTheNetworkCannotBeListed(t *testing.T) {
	t.Parallel()
	inside := neighbour(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	dns := &names{addrs: map[string][]string{
		"inside.example":  {"127.0.0.2"},
		"private.example": {"10.0.0.1"},
		"closed.example":  {"127.0.0.1"},
	}}
	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	tests := []struct {
		name, url string
		resolver  *net.Resolver
		kind      connectors.Kind
	}{
		{"a refused address", inside, nil, connectors.KindBlocked},
		{"localhost by another name", "http://[::1]:" + port(t, inside), nil, connectors.KindBlocked},
		{"a name with a refused address", "http://inside.example:" + port(t, inside), dns.resolver(), connectors.KindBlocked},
		{"a name with a private address", "http://private.example", dns.resolver(), connectors.KindBlocked},
		{"no such name", "http://other.example", dns.resolver(), connectors.KindNetwork},
		{"a closed port", closed.URL, nil, connectors.KindNetwork},
		{"a closed port of a name", "http://closed.example:" + port(t, closed.URL), dns.resolver(), connectors.KindNetwork},
		{"nobody answers", "https://slow.example", silent, connectors.KindTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := connector(t, httprequest.Config{Client: client(t, connectors.ClientConfig{Guard: local(t, tt.resolver), Timeout: 2 * time.Second})})
			result, err := c.Execute(t.Context(), action(`{"url":"`+tt.url+`/x","body":{}}`))
			e := typed(t, err)
			assert.Equal(t, tt.kind, e.Kind)
			assert.True(t, e.Unsent)
			assert.Equal(t, "the host cannot be reached", result.Message)
			assert.Equal(t, "unreachable", result.Code)
			host := strings.TrimPrefix(strings.TrimPrefix(tt.url, "http://"), "https://")
			assert.Equal(t, "httprequest: execute: "+host+": the host cannot be reached (unreachable)", err.Error())
		})
	}
}

// A name that is public when its URL is checked, and private when it is called.
func TestRebinding(t *testing.T) {
	t.Parallel()
	inside := neighbour(t)
	rec := receive(t, nil)
	dns := &names{addrs: map[string][]string{"rebind.example": {"127.0.0.1", "127.0.0.2"}}}
	shared := client(t, connectors.ClientConfig{Guard: local(t, dns.resolver())})
	c := connector(t, httprequest.Config{Client: shared})
	_, err := c.Execute(t.Context(), action(`{"url":"http://rebind.example:`+port(t, rec.URL)+`/"}`))
	require.NoError(t, err)
	assert.Len(t, rec.requests(), 1)
	_, err = c.Execute(t.Context(), action(`{"url":"http://rebind.example:`+port(t, inside)+`/"}`))
	e := typed(t, err)
	assert.Equal(t, connectors.KindBlocked, e.Kind)
	assert.Equal(t, "unreachable", e.Code)
}

func TestThePortCannotBeChosen(t *testing.T) {
	t.Parallel()
	e := refusedBy(t, unused(t, httprequest.Config{}), action(`{"url":"https://a.example:6379/"}`))
	assert.Equal(t, "the port is not permitted", e.Message)
}

// The host was reached, so that to say what is wrong with it tells no more.
func TestCertificates(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = discard()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	_, err := connector(t, httprequest.Config{}).Execute(t.Context(), action(`{"url":"`+srv.URL+`"}`))
	e := typed(t, err)
	assert.Equal(t, "certificate", e.Code)
	assert.Equal(t, "the certificate is not valid", e.Message)
}

func TestBreakersAreHeard(t *testing.T) {
	t.Parallel()
	c := stub(t, httprequest.Config{}, func(*http.Request) (*http.Response, error) {
		return nil, &connectors.Error{Kind: connectors.KindOpen, Message: "the circuit is open", RetryAfter: time.Minute, Unsent: true}
	})
	_, err := c.Execute(t.Context(), action(`{"url":"https://a.example/"}`))
	e := typed(t, err)
	assert.Equal(t, connectors.KindOpen, e.Kind)
	assert.Equal(t, time.Minute, e.RetryDelay())
	assert.Empty(t, e.Code)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	target := receive(t, nil)
	for _, cfg := range []httprequest.Config{{}, {FollowRedirects: true}} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			if cfg.FollowRedirects && method == "GET" {
				continue
			}
			for _, status := range []int{301, 302, 303, 307, 308} {
				rec := receive(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", target.URL)
					w.WriteHeader(status)
				})
				resp, err := connector(t, cfg).Do(t.Context(), httprequest.Request{Method: method, URL: rec.URL})
				assert.Equal(t, "redirect", typed(t, err).Code)
				assert.Equal(t, target.URL, resp.Header.Get("Location"))
				assert.Len(t, rec.requests(), 1)
			}
		}
	}
	assert.Empty(t, target.requests())
}

func TestRedirectsThatAreFollowed(t *testing.T) {
	t.Parallel()
	other := receive(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") })
	inside := neighbour(t)
	tests := []struct {
		name, location string
		hops           int // to the first receiver
		status         int
		body, code     string
	}{
		{"relative", "/end", 2, 200, "end", ""},
		{"with a fragment", "/end#x", 2, 200, "end", ""},
		{"another host", other.URL + "/x", 1, 200, "other", ""},
		{"in a circle", "", 4, 0, "", "url_refused"},
		{"a refused address", inside, 1, 0, "", "unreachable"},
		{"a metadata service", "http://169.254.169.254/latest/", 1, 0, "", "unreachable"},
		{"a name with a refused address", "http://inside.example:" + port(t, inside), 1, 0, "", "unreachable"},
		{"no such name", "http://other.example/", 1, 0, "", "unreachable"},
		{"a number", "http://2130706433/", 1, 0, "", "url_refused"},
		{"another scheme", "file:///etc/passwd", 1, 0, "", "invalid_url"},
		{"user information", "http://" + token + "@127.0.0.1/", 1, 0, "", "invalid_url"},
		{"malformed", "http://%zz" + token, 1, 0, "", "redirect"},
		{"nowhere", "-", 1, 302, "", "redirect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := receive(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/end":
					_, _ = io.WriteString(w, "end")
					return
				case tt.location == "":
					w.Header().Set("Location", "/again")
				case tt.location != "-":
					w.Header().Set("Location", tt.location)
				}
				w.WriteHeader(302)
			})
			dns := &names{addrs: map[string][]string{"inside.example": {"127.0.0.2"}}}
			c := connector(t, httprequest.Config{
				FollowRedirects: true, Guard: local(t, dns.resolver()),
				Secret: func(context.Context, string, string) (connectors.Secret, error) {
					return connectors.NewSecret(token), nil
				},
			})
			resp, err := c.Do(t.Context(), httprequest.Request{
				Method: "GET", URL: rec.URL + "/start", Header: http.Header{"X-Key": {token}, "Accept": {"a/b"}},
				Secrets: map[string]string{"Authorization": "s"},
			})
			assert.Len(t, rec.requests(), tt.hops)
			for i, got := range rec.requests() {
				assert.Equal(t, token, got.header.Get("Authorization"), "hop %d", i)
				assert.Empty(t, got.header.Get("Referer"))
			}
			if tt.code != "" {
				e := typed(t, err)
				assert.Equal(t, tt.code, e.Code)
				assert.False(t, e.Unsent, "the first receiver has seen it")
				assert.Equal(t, rec.Listener.Addr().String(), e.Host)
				assert.NotContains(t, err.Error(), token)
				assert.Equal(t, tt.status == 0, resp == nil)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.status, resp.Status)
			assert.Equal(t, tt.body, string(resp.Body))
		})
	}
	t.Cleanup(func() {
		got := other.only(t)
		assert.Equal(t, other.Listener.Addr().String(), got.host)
		assert.Equal(t, "a/b", got.header.Get("Accept"))
		for _, field := range []string{"Authorization", "X-Key", "Referer"} {
			assert.Empty(t, got.header.Get(field), field)
		}
	})
}
