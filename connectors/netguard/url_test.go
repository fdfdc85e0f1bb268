package netguard_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

const (
	badPort   = "netguard: the port is not permitted"
	badHost   = "netguard: the host is neither a name nor an IP address in its usual form"
	badScheme = "netguard: the scheme of the URL is neither https nor http"
	badUser   = "netguard: the URL contains user information"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	long := label + "." + label + "." + label + "." + strings.Repeat("a", 57) + ".com"
	require.Len(t, long, 253)
	tests := []struct{ url, want string }{
		{"https://example.com/hook?a=b#c", ""},
		{"http://example.com", ""},
		{"HTTPS://EXAMPLE.com./", ""},
		{"https://example.com:443/", ""},
		{"https://example.com:80/", ""},
		{"https://example.com:/", ""},
		{"https://a_b.x-1.example.com/", ""},
		{"https://xn--bcher-kva.example/", ""},
		{"https://intranet/", ""}, // what it means, the lookup tells
		{"https://1.2.3.example/", ""},
		{"https://0x7f.example/", ""},
		{"https://0xg/", ""},
		{"https://8.8.8.8/", ""},
		{"https://[2606:4700:4700::1111]:443/", ""},
		{"https://[::ffff:8.8.8.8]/", ""},
		{"https://[64:FF9B::8.8.8.8]/", ""},
		{"https://" + long + "/", ""},

		{"ftp://example.com/", badScheme},
		{"file:///etc/passwd", badScheme},
		{"gopher://127.0.0.1:6379/_", badScheme},
		{"unix:///var/run/docker.sock", badScheme},
		{"//example.com/", badScheme},
		{"example.com", badScheme},
		{"", badScheme},
		{"https://user:pw@example.com/", badUser},
		{"https://example.com@127.0.0.1/", badUser},
		{"https://@example.com/", badUser},
		{"https:example.com", "netguard: the URL is not a usual one"},

		{"https://example.com:22/", badPort},
		{"https://example.com:8443/", badPort},
		{"https://example.com:0/", badPort},
		{"https://example.com:0443/", badPort},
		{"https://example.com:65979/", badPort}, // 443 modulo 65536
		{"https://127.0.0.1:8443/", badPort},

		{"https://127.0.0.1/", public},
		{"https://10.0.0.1/", public},
		{"https://169.254.169.254/latest/meta-data/", public},
		{"https://0.0.0.0/", public},
		{"https://255.255.255.255/", public},
		{"https://224.0.0.1/", public},
		{"https://[::1]/", public},
		{"https://[::]/", public},
		{"https://[::ffff:127.0.0.1]/", public},
		{"https://[0000:0000:0000:0000:0000:FFFF:7F00:0001]/", public},
		{"https://[64:ff9b::127.0.0.1]/", public},
		{"https://[2002:7f00:1::]/", public},
		{"https://[fe80::1%25eth0]/", public},
		{"https://[fe80::1%25%65th0]/", public},
		{"https://[2606:4700:4700::1111%25lo]/", public},
		{"https://localhost/", public},
		{"https://LocalHost./", public},
		{"https://a.b.localhost/", public},
		{"https://notlocalhost/", ""},

		{"https://127.0.0.1./", badHost},
		{"https://8.8.8.8./", badHost},
		{"https://0177.0.0.1/", badHost},
		{"https://127.0.0.01/", badHost},
		{"https://0x7f.0.0.1/", badHost},
		{"https://0x7f000001/", badHost},
		{"https://0X7F000001/", badHost},
		{"https://127.0.0.0x1/", badHost},
		{"https://127.0.0.0x/", badHost},
		{"https://2130706433/", badHost},
		{"https://017700000001/", badHost},
		{"https://127.1/", badHost},
		{"https://0/", badHost},
		{"https://1.1.1.256/", badHost},
		{"https://1.2.3.4.5/", badHost},
		{"https://example.1/", badHost},
		{"https://%C2%B1/", badHost},
		{"https://%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1/", badHost},
		{"https://①②⑦.⓪.⓪.①/", badHost},
		{"https://１２７.0.0.1/", badHost},
		{"https://ｌｏｃａｌｈｏｓｔ/", badHost},
		{"https://127。0。0。1/", badHost},
		{"https://bücher.example/", badHost},
		{"https://a%25b/", badHost},
		{"https://exa mple.com/", ""}, // no URL to net/url
		{"https:///path", badHost},
		{"https://:443/", badHost},
		{"https://./", badHost},
		{"https://example..com/", badHost},
		{"https://.example.com/", badHost},
		{"https://example.com../", badHost},
		{"https://a*b.example/", badHost},
		{"https://a,b.example/", badHost},
		{"https://" + label + "a.example/", badHost},
		{"https://" + long + "m/", badHost},
	}
	g := guard(t, netguard.Config{})
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(tt.url)
			if err != nil {
				assert.Empty(t, tt.want)
				return
			}
			err = g.CheckURL(u)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
			assertRefusal(t, err)
		})
	}
}

// A URL need not come from url.Parse.
func TestCheckURLMadeByHand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		url  *url.URL
		ok   bool
	}{
		{"nil", nil, false},
		{"zero", &url.URL{}, false},
		{"usual", &url.URL{Scheme: "https", Host: "example.com"}, true},
		{"scheme in upper case", &url.URL{Scheme: "HTTPS", Host: "example.com"}, false},
		{"opaque", &url.URL{Scheme: "https", Host: "example.com", Opaque: "//127.0.0.1/"}, false},
		{"named port", &url.URL{Scheme: "https", Host: "example.com:https"}, false},
		{"percent", &url.URL{Scheme: "https", Host: "127.0.0.%31"}, false},
		{"no brackets", &url.URL{Scheme: "https", Host: "::1"}, false},
		{"half brackets", &url.URL{Scheme: "https", Host: "[::1"}, false},
		{"text after brackets", &url.URL{Scheme: "https", Host: "[2606:4700:4700::1111]x"}, false},
		{"two hosts", &url.URL{Scheme: "https", Host: "example.com/@127.0.0.1"}, false},
		{"line break", &url.URL{Scheme: "https", Host: "example.com\r\nHost: a"}, false},
		{"zone", &url.URL{Scheme: "https", Host: "[fe80::1%25eth0]"}, false},
		{"zone without a name", &url.URL{Scheme: "https", Host: "[fe80::1%]"}, false},
	}
	g := guard(t, netguard.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := g.CheckURL(tt.url)
			if tt.ok {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assertRefusal(t, err)
		})
	}
}

func TestCheckURLKnowsTheConfig(t *testing.T) {
	t.Parallel()
	g := guard(t, netguard.Config{Allow: prefixes("127.0.0.0/8", "10.0.0.0/8"), Deny: prefixes("9.9.9.9/32"), AnyPort: true})
	for address, want := range map[string]string{
		"http://127.0.0.1:8080/":          "",
		"http://localhost:8080/":          "",
		"http://10.1.2.3:65535/":          "",
		"http://[::ffff:10.1.2.3]:65535/": "",
		"http://[::1]:8080/":              public,
		"http://192.168.0.1:8080/":        public,
		"http://9.9.9.9:8080/":            public,
		"http://example.com:0/":           badPort,
		"http://example.com:65536/":       badPort,
	} {
		err := g.CheckURL(parse(t, address))
		if want == "" {
			require.NoError(t, err, address)
		} else {
			require.EqualError(t, err, want, address)
		}
	}
	for _, one := range []string{"127.0.0.1/32", "::1/128"} {
		g := guard(t, netguard.Config{Allow: prefixes(one)})
		require.NoError(t, g.CheckURL(parse(t, "http://localhost/")), "it may be %s", one)
	}
}
