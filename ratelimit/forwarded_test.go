package ratelimit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/ratelimit"
)

func TestIPResolverForwarded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		// As proxies write it.
		{"no header", nil, "10.0.0.1"},
		{"token", []string{"for=203.0.113.7"}, "203.0.113.7"},
		{"all parameters", []string{"by=10.0.0.1;for=203.0.113.7;host=example.com;proto=https"}, "203.0.113.7"},
		{"any case", []string{"FOR=203.0.113.7;Proto=http"}, "203.0.113.7"},
		{"quoted", []string{`for="203.0.113.7"`}, "203.0.113.7"},
		{"quoted with port", []string{`for="203.0.113.7:4711"`}, "203.0.113.7"},
		{"obfuscated port", []string{`for="203.0.113.7:_a.b-c"`}, "203.0.113.7"},
		{"IPv6", []string{`for="[2001:db8::1]"`}, "2001:db8::1"},
		{"IPv6 with port", []string{`For="[2001:db8::1]:4711"`}, "2001:db8::1"},
		{"mapped", []string{`for="[::ffff:203.0.113.7]"`}, "203.0.113.7"},
		{"escapes in the address", []string{`for="\[2001\:db8::\1\]"`}, "2001:db8::1"},
		{"two hops", []string{"for=203.0.113.7, for=10.0.0.2;by=10.0.0.1"}, "203.0.113.7"},
		{"two lines", []string{"for=203.0.113.7", "for=10.0.0.3,for=10.0.0.2"}, "203.0.113.7"},
		{"all trusted", []string{"for=10.0.0.3", "for=10.0.0.2"}, "10.0.0.3"},
		{"spaces", []string{"\tfor=203.0.113.7 ; proto=http ,\tfor=10.0.0.2 "}, "203.0.113.7"},
		{"empty parameters", []string{";for=203.0.113.7;;"}, "203.0.113.7"},
		{"comma and semicolon in quotes", []string{`for=203.0.113.7;host="a,b;for=192.0.2.1,c"`}, "203.0.113.7"},
		{"backslashes at the end of a quoted string", []string{`for=192.0.2.1;x="\\\\", for=203.0.113.7;x="\\"`}, "203.0.113.7"},
		{"quotes at the ends of a quoted string", []string{`for=203.0.113.7;x="\"\\\""`}, "203.0.113.7"},
		{"unknown parameters", []string{"x-fore=192.0.2.1;for=203.0.113.7;fo=192.0.2.2"}, "203.0.113.7"},

		// Entries that name no address.
		{"unknown", []string{"for=203.0.113.7, for=unknown, for=10.0.0.2"}, "10.0.0.2"},
		{"obfuscated", []string{`for=203.0.113.7, for="_gazonk"`}, "10.0.0.1"},
		{"without for", []string{"for=203.0.113.7, proto=http, for=10.0.0.2"}, "10.0.0.2"},
		{"for twice", []string{"for=203.0.113.7;For=203.0.113.7, for=10.0.0.2"}, "10.0.0.2"},
		{"unknown, then for", []string{"for=unknown;for=203.0.113.7"}, "10.0.0.1"},
		{"empty element", []string{"for=203.0.113.7,,for=10.0.0.2"}, "10.0.0.2"},
		{"empty header", []string{""}, "10.0.0.1"},
		{"empty value", []string{"for="}, "10.0.0.1"},
		{"empty quoted value", []string{`for=""`}, "10.0.0.1"},
		{"no value", []string{"for"}, "10.0.0.1"},
		{"no name", []string{"=203.0.113.7"}, "10.0.0.1"},
		{"a bare address", []string{"203.0.113.7"}, "10.0.0.1"},
		{"spaces around the equals sign", []string{"for = 203.0.113.7"}, "10.0.0.1"},
		{"IPv6 without quotes", []string{"for=[2001:db8::1]"}, "10.0.0.1"},
		{"text after the address", []string{"for=203.0.113.7 x"}, "10.0.0.1"},
		{"text after the quotes", []string{`for="203.0.113.7"x`}, "10.0.0.1"},
		{"quote that is not closed", []string{`for="203.0.113.7`}, "10.0.0.1"},
		{"quote closed by an escape", []string{`for="203.0.113.7\"`}, "10.0.0.1"},
		{"port that is no port", []string{`for="203.0.113.7:http"`}, "10.0.0.1"},
		{"obfuscated port without a name", []string{`for="203.0.113.7:_"`}, "10.0.0.1"},
		{"obfuscated port with a space", []string{`for="203.0.113.7:_a b"`}, "10.0.0.1"},
		{"empty value elsewhere", []string{"for=203.0.113.7;host="}, "10.0.0.1"},
		{"malformed elsewhere", []string{"for=203.0.113.7;host=a:b"}, "10.0.0.1"},

		// Clients that write to the left of what the proxy appends.
		{"spoofed", []string{"for=192.0.2.1, for=203.0.113.7"}, "203.0.113.7"},
		{"spoofed in a line of its own", []string{"for=192.0.2.1", "for=203.0.113.7"}, "203.0.113.7"},
		{"open quote", []string{`for=", for=203.0.113.7`}, "203.0.113.7"},
		{"open quote, quoted address", []string{`for=", for="203.0.113.7:80"`}, "203.0.113.7"},
		{"open quote in a line of its own", []string{`for="192.0.2.1`, "for=203.0.113.7"}, "203.0.113.7"},
		{"open quote and an escape", []string{`for="\, for="[2001:db8::7]";host="a"`}, "2001:db8::7"},
		{"open quote and a backslash", []string{`for=192.0.2.1;x="\`, `for="203.0.113.7"`}, "203.0.113.7"},
		{"open quote before two hops", []string{`x=", for="203.0.113.7", for="10.0.0.2"`}, "203.0.113.7"},
		{"a lone quote", []string{`",for=203.0.113.7`}, "203.0.113.7"},
		{"an element in the host", []string{`for=203.0.113.7;host="a\",for=6.6.6.6;x=\"b"`}, "203.0.113.7"},
		{"an element in the host, for last", []string{`host="a\",for=6.6.6.6;x=\"b";for=203.0.113.7`}, "203.0.113.7"},
		{"an element in the host, ended by backslashes", []string{`host="\\\",for=6.6.6.6;x=\"\\";for=203.0.113.7`}, "203.0.113.7"},
		{"a host that seems to end", []string{`for=203.0.113.7;host="\\\""`}, "203.0.113.7"},
		{"open quote, and an element in the host", []string{`for=", host="a\",for=6.6.6.6;x=\"b";for=203.0.113.7`}, "203.0.113.7"},
		{"a trusted address in the host", []string{`for=192.0.2.1, host="a\",for=10.0.0.2;x=\"b";for=203.0.113.7`}, "203.0.113.7"},
		{"100,000 commas", []string{strings.Repeat(",", 100_000) + "for=203.0.113.7"}, "203.0.113.7"},
		{"100,000 quotes", []string{strings.Repeat(`"`, 100_001) + ",for=203.0.113.7"}, "203.0.113.7"},
		{"100,000 backslashes", []string{strings.Repeat(`\`, 100_001) + `",for="203.0.113.7"`}, "203.0.113.7"},
		{"100,000 trusted", []string{"for=203.0.113.7" + strings.Repeat(",for=10.0.0.2", 100_000)}, "10.0.0.2"},
	}
	res := newIPResolver(t, ratelimit.IPConfig{Forwarded: true}, "10.0.0.0/8")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := ipRequest(proxy, "Forwarded", tt.lines...)
			r.Header.Set("X-Forwarded-For", "192.0.2.99")
			assert.Equal(t, tt.want, addrOf(t, res, r))

			r.RemoteAddr = client
			assert.Equal(t, "203.0.113.7", addrOf(t, res, r), "an untrusted peer is the client")
		})
	}
}
