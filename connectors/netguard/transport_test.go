package netguard_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

// server answers with the version of HTTP that was spoken.
func server(t *testing.T, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	start(srv)
	t.Cleanup(srv.Close)
	return srv
}

func http2(srv *httptest.Server) {
	srv.EnableHTTP2 = true
	srv.StartTLS()
}

func TestEndToEnd(t *testing.T) {
	t.Parallel()
	trusting := func(srv *httptest.Server) *tls.Config {
		return srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	}
	used := func(srv *httptest.Server) *http.Transport { // what it does by itself is in its TLSClientConfig
		tr := (&http.Transport{}).Clone()
		tr.TLSClientConfig.RootCAs = trusting(srv).RootCAs
		return tr
	}
	ownHTTP2 := func(srv *httptest.Server) *http.Transport {
		return &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: trusting(srv).RootCAs, NextProtos: []string{"h2", "http/1.1"}},
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{
				"h2": func(string, *tls.Conn) http.RoundTripper { return failing{} },
			},
		}
	}
	tests := []struct {
		name  string
		start func(*httptest.Server)
		base  func(*httptest.Server) *http.Transport
		want  string
	}{
		{"no base", (*httptest.Server).Start, func(*httptest.Server) *http.Transport { return nil }, "HTTP/1.1"},
		{"empty base", (*httptest.Server).Start, func(*httptest.Server) *http.Transport { return &http.Transport{} }, "HTTP/1.1"},
		{"TLS", (*httptest.Server).StartTLS, func(srv *httptest.Server) *http.Transport {
			return &http.Transport{TLSClientConfig: trusting(srv)}
		}, "HTTP/1.1"},
		{"HTTP/2", http2, func(srv *httptest.Server) *http.Transport {
			return &http.Transport{TLSClientConfig: trusting(srv), ForceAttemptHTTP2: true}
		}, "HTTP/2.0"},
		{"HTTP/2 of a base in use", http2, used, "HTTP/2.0"},
		{"HTTP/2 from elsewhere", http2, ownHTTP2, "HTTP/2.0"},
		{"HTTP/2 switched off", http2, func(srv *httptest.Server) *http.Transport {
			return &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: trusting(srv).RootCAs}, ForceAttemptHTTP2: true,
				TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
			}
		}, "HTTP/1.1"},
		{"HTTP/2 by Protocols", http2, func(srv *httptest.Server) *http.Transport {
			p := new(http.Protocols)
			p.SetHTTP2(true)
			return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusting(srv).RootCAs}, Protocols: p}
		}, "HTTP/2.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := server(t, tt.start)
			base := tt.base(srv)
			c := client(t, guard(t, netguard.Config{Allow: prefixes("127.0.0.0/8"), AnyPort: true}), base)
			for range 2 { // over a new connection, and over a kept one
				body, err := get(t, c, srv.URL)
				require.NoError(t, err)
				assert.Equal(t, tt.want, body)
			}
			_, err := get(t, client(t, guard(t, netguard.Config{AnyPort: true}), base), srv.URL)
			require.ErrorIs(t, err, netguard.ErrBlocked)
			require.EqualError(t, err, `Get "`+srv.URL+`": `+public)
		})
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("not the guard's")
}

// Whatever of a base would connect past the guard is left behind.
func TestTransportDropsOtherWaysOut(t *testing.T) {
	t.Parallel()
	proxy := server(t, (*httptest.Server).Start)
	asked := func(*http.Request) (*url.URL, error) {
		t.Error("the proxy was asked for")
		return url.Parse(proxy.URL)
	}
	past := func(context.Context, string, string) (net.Conn, error) {
		t.Error("connected past the guard")
		return nil, errors.New("past the guard")
	}
	plain := func(network, address string) (net.Conn, error) { return past(t.Context(), network, address) }
	base := &http.Transport{
		Proxy: asked, DialContext: past, DialTLSContext: past,
		Dial: plain, DialTLS: plain, //nolint:staticcheck // they are still called
		ResponseHeaderTimeout: 7 * time.Second,
	}
	base.RegisterProtocol("file", http.NewFileTransport(http.Dir(".")))
	g := local(t, nil)
	tr := g.Transport(base)
	assert.Nil(t, tr.Proxy)
	assert.Nil(t, tr.DialTLSContext)
	assert.Nil(t, tr.Dial)    //nolint:staticcheck // it is still called
	assert.Nil(t, tr.DialTLS) //nolint:staticcheck // it is still called
	assert.Equal(t, 7*time.Second, tr.ResponseHeaderTimeout, "the rest is kept")
	assert.NotNil(t, base.Proxy, "base is not changed")
	assert.NotNil(t, base.DialTLSContext)

	srv := server(t, (*httptest.Server).Start)
	c := client(t, g, base)
	body, err := get(t, c, srv.URL)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1", body)
	for _, address := range []string{"http://" + refused + "/", "https://" + refused + "/", "http://[::1]/"} {
		_, err := get(t, c, address)
		require.ErrorIs(t, err, netguard.ErrBlocked)
	}
	_, err = get(t, c, "file:///go.mod")
	require.ErrorContains(t, err, "unsupported protocol scheme")
}

func TestTransportHasLimits(t *testing.T) {
	t.Parallel()
	tr := guard(t, netguard.Config{}).Transport(nil)
	assert.Equal(t, 3*time.Second, tr.TLSHandshakeTimeout)
	assert.Equal(t, 8*time.Second, tr.ResponseHeaderTimeout)
	assert.Equal(t, 90*time.Second, tr.IdleConnTimeout)
	assert.Equal(t, 32, tr.MaxIdleConnsPerHost)
	assert.Equal(t, 128, tr.MaxConnsPerHost)
	assert.EqualValues(t, 64<<10, tr.MaxResponseHeaderBytes)
	assert.True(t, tr.ForceAttemptHTTP2)
	assert.Nil(t, tr.Proxy, "nor that of the environment")
}

// The name in a URL in another script is converted by net/http, to an address
// even.
func TestNamesInOtherScripts(t *testing.T) {
	t.Parallel()
	z := &zone{hosts: map[string][][]netip.Addr{"xn--bcher-kva.test": lists(allowed)}}
	c := client(t, local(t, z.resolver()), nil)
	for _, address := range []string{"http://１２７.0.0.2/", "http://①②⑦.⓪.⓪.②/", "http://127。0。0。2/"} {
		_, err := get(t, c, address)
		require.ErrorIs(t, err, netguard.ErrBlocked, address)
	}
	assert.Empty(t, z.lookups())
	_, err := get(t, c, "http://bücher.test:1/")
	require.Error(t, err)
	require.NotErrorIs(t, err, netguard.ErrBlocked)
	assert.Equal(t, []string{"xn--bcher-kva.test"}, z.lookups())
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	srv := server(t, (*httptest.Server).Start)
	port := unvisited(t, refused)
	z := &zone{hosts: map[string][][]netip.Addr{"mixed.test": lists(refused + " ::1 " + allowed), "inside.test": lists(refused)}}
	g := local(t, z.resolver())
	c := client(t, g, &http.Transport{DisableKeepAlives: true})
	mixed := "http://mixed.test:" + parse(t, srv.URL).Port() + "/"
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 5 {
				resp, err := c.Get(mixed)
				if assert.NoError(t, err) {
					_ = resp.Body.Close()
				}
				_, err = c.Get("http://inside.test:" + port + "/")
				assert.ErrorIs(t, err, netguard.ErrBlocked)
			}
		})
	}
	wg.Wait()
}
