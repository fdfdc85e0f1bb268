package netguard_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

func requests(t *testing.T, urls ...string) []*http.Request {
	t.Helper()
	var out []*http.Request
	for _, u := range urls {
		out = append(out, &http.Request{URL: parse(t, u), Header: http.Header{}})
	}
	return out
}

func TestCheckRedirectRefuses(t *testing.T) {
	t.Parallel()
	const a = "https://a.example/"
	tests := []struct {
		name, to string
		via      []string
		want     string
	}{
		{"another host", "https://b.example/", []string{a}, ""},
		{"an upgrade", a, []string{"http://a.example/"}, ""},
		{"the third", a, []string{a, a, a}, ""},
		{"no redirect at all", "http://a.example/", nil, ""},
		{"the fourth", a, []string{a, a, a, a}, "netguard: too many redirects"},
		{"a downgrade", "http://a.example/", []string{a}, "netguard: the redirect leads from https to http"},
		{"a downgrade after an upgrade", "http://a.example/", []string{"http://a.example/", a}, "netguard: the redirect leads from https to http"},
		{"a private address", "https://10.0.0.1/", []string{a}, public},
		{"the metadata service", "http://169.254.169.254/latest/", []string{"http://a.example/"}, public},
		{"an embedded address", "https://[::ffff:127.0.0.1]/", []string{a}, public},
		{"a zone", "https://[fe80::1%25eth0]/", []string{a}, public},
		{"another scheme", "file:///etc/passwd", []string{a}, badScheme},
		{"another port", "https://a.example:6379/", []string{a}, badPort},
		{"user information", "https://u@a.example/", []string{a}, badUser},
		{"a number", "https://2130706433/", []string{a}, badHost},
	}
	g := guard(t, netguard.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := g.CheckRedirect(requests(t, tt.to)[0], requests(t, tt.via...))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
			assertRefusal(t, err)
		})
	}
	err := g.CheckRedirect(&http.Request{}, requests(t, a))
	require.ErrorIs(t, err, netguard.ErrBlocked)
}

func TestCheckRedirectKeepsSecretsWithTheirHost(t *testing.T) {
	t.Parallel()
	const a, b = "https://a.example/", "https://b.example/"
	all := []string{"Accept", "Authorization", "Content-Type", "Cookie", "User-Agent", "X-Api-Key"}
	some := []string{"Accept", "Content-Type", "User-Agent"}
	tests := []struct {
		name, to string
		via      []string
		want     []string
	}{
		{"the same host", "https://A.example:443/x", []string{a}, all},
		{"an upgrade", a, []string{"http://a.example/"}, all},
		{"another host", b, []string{a}, some},
		{"a host below", "https://x.a.example/", []string{a}, some},
		{"another port", "https://a.example:8443/", []string{a}, some},
		{"back again", a, []string{a, b}, some},
		{"on within the other", b, []string{a, b}, some},
	}
	g := guard(t, netguard.Config{AnyPort: true})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := requests(t, tt.to)[0]
			for _, name := range append(all, "Referer") {
				r.Header.Set(name, "x")
			}
			require.NoError(t, g.CheckRedirect(r, requests(t, tt.via...)))
			assert.Equal(t, tt.want, slices.Sorted(maps.Keys(r.Header)))
		})
	}
}

// A server that redirects to wherever its query says.
func redirector(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.FormValue("to") != "":
			w.Header().Set("Location", r.FormValue("to"))
			w.WriteHeader(http.StatusFound)
		default:
			_, _ = w.Write([]byte(r.Header.Get("Referer") + r.Header.Get("X-Api-Key") + "ok"))
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestRedirectsOfAServer(t *testing.T) {
	t.Parallel()
	srv := redirector(t)
	port := unvisited(t, refused)
	z := &zone{hosts: map[string][][]netip.Addr{"inside.test": lists(refused), "inside.too.test": lists("127.0.0.3 ::1")}}
	g := local(t, z.resolver())
	tests := []struct{ name, to, want string }{
		{"to itself", srv.URL + "/there", ""},
		{"relative", "/there", ""},
		{"three times", "/?to=/%3Fto=/there", ""},
		{"four times", "/?to=/%3Fto=/%253Fto=/there", "netguard: too many redirects"},
		{"to a refused address", "http://" + refused + ":" + port + "/", public},
		{"to a name of one", "http://inside.test:" + port + "/", public},
		{"to a name of several", "http://inside.too.test:" + port + "/", public},
		{"to a name that does not exist", "http://nobody.test/", public},
		{"to a mapped address", "http://[::ffff:" + refused + "]:" + port + "/", public},
		{"to a file", "file:///etc/passwd", badScheme},
		{"with user information", "http://u:p@" + allowed + "/", badUser},
		{"to a number", "http://2130706433:" + port + "/", badHost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body, err := get(t, client(t, g, nil), srv.URL+"/?to="+url.QueryEscape(tt.to))
			if tt.want == "" {
				require.NoError(t, err)
				assert.Equal(t, "ok", body, "no Referer")
				return
			}
			var below *url.Error
			require.ErrorAs(t, err, &below)
			require.EqualError(t, below.Err, tt.want)
			assert.Equal(t, tt.name != "to a name that does not exist", errors.Is(err, netguard.ErrBlocked))
		})
	}
}
