package netguard_test

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

// The forms of an IPv4 address within IPv6, x standing for its place.
func embeddings(v4 netip.Addr) map[string]netip.Addr {
	b := v4.As4()
	six := func(prefix string, at int, flip byte) netip.Addr {
		a := netip.MustParseAddr(prefix).As16()
		for i := range b {
			a[at+i] = b[i] ^ flip
		}
		return netip.AddrFrom16(a)
	}
	local := netip.MustParseAddr("2a00:1450:4001:827::").As16()
	local[9], local[10], local[11], local[12], local[13] = b[0], b[1], b[2], b[3], 0
	return map[string]netip.Addr{
		"mapped":              six("::ffff:0:0", 12, 0),
		"compatible":          six("::", 12, 0),
		"translated":          six("::ffff:0:0:0", 12, 0),
		"6to4":                six("2002::1", 2, 0),
		"Teredo client":       six("2001:0:4136:e378:8000:63bf::", 12, 0xff),
		"Teredo server":       six("2001:0::1", 4, 0),
		"NAT64":               six("64:ff9b::", 12, 0),
		"NAT64 local":         six("64:ff9b:1::", 12, 0),
		"NAT64 local, deeper": six("64:ff9b:1:ab:cd:ef::", 12, 0),
		"NAT64 own":           six("2a00:64::", 12, 0),
		"NAT64 own, /64":      netip.AddrFrom16(local),
		"ISATAP":              six("2a00:1450:4001:829:0:5efe::", 12, 0),
		"ISATAP, global":      six("2a00:1450:4001:829:200:5efe::", 12, 0),
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"8.8.8.8", "127.0.0.1", "169.254.169.254", "168.63.129.16", "192.88.99.1", "9.9.9.9", "::1", "::ffff:10.0.0.1",
		"2606:4700::1", "2002:a00:1::", "64:ff9b::a00:1", "2a00::5efe:a00:1", "fe80::1", "2001:db8::1", "3fff::", "4000::",
	} {
		a := netip.MustParseAddr(s)
		f.Add(a.AsSlice())
	}
	g := guard(f, netguard.Config{Deny: prefixes("9.9.9.0/24"), NAT64: prefixes("2a00:64::/96", "2a00:1450:4001:827::/64")})
	plain := guard(f, netguard.Config{})
	blocks := append(registered(f), unlisted...)
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		ok = permits(t, g, a.String())
		if ok {
			assert.False(t, special(blocks, a), "%v is special", a)
		}
		if !special(blocks, a) && !isISATAP(a) {
			assert.True(t, permits(t, plain, a.String()), "%v is ordinary", a)
		}
		for _, form := range []string{a.StringExpanded(), strings.ToUpper(a.String()), netip.AddrFrom16(a.As16()).String()} {
			assert.Equal(t, ok, permits(t, g, form), "%v as %s", a, form)
		}
		assert.False(t, permits(t, g, netip.AddrFrom16(a.As16()).WithZone("eth0").String()), "%v with a zone", a)
		err := g.CheckURL(&url.URL{Scheme: "https", Host: bracketed(a)})
		assert.Equal(t, ok, err == nil, "%v in a URL", a)

		if v4 := a.Unmap(); v4.Is4() {
			for name, e := range embeddings(v4) {
				if !ok {
					assert.False(t, permits(t, g, e.String()), "%v as %s: %v", v4, name, e)
				}
			}
			for _, name := range []string{"mapped", "NAT64", "NAT64 own", "NAT64 own, /64", "ISATAP", "ISATAP, global"} {
				assert.Equal(t, ok, permits(t, g, embeddings(v4)[name].String()), "%v as %s", v4, name)
			}
		}
	})
}

func isISATAP(a netip.Addr) bool {
	b := a.As16()
	return a.Is6() && (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

func FuzzControl(f *testing.F) {
	for _, s := range []string{"8.8.8.8:443", "[::1]:80", "[fe80::1%eth0]:80", "[fe80::1%25]:80", "127.1:80", "", ":", "[::ffff:8.8.8.8]:443", "[:80"} {
		f.Add("tcp", s)
	}
	f.Add("unix", "/run/x")
	g := guard(f, netguard.Config{})
	blocks := append(registered(f), unlisted...)
	f.Fuzz(func(t *testing.T, network, address string) {
		err := g.Control(t.Context(), network, address, nil)
		if err != nil {
			assertRefusal(t, err)
			return
		}
		to, err := netip.ParseAddrPort(address)
		require.NoError(t, err)
		assert.False(t, special(blocks, to.Addr()))
		assert.Empty(t, to.Addr().Zone())
		assert.Contains(t, []uint16{80, 443}, to.Port())
		assert.Contains(t, []string{"tcp", "tcp4", "tcp6"}, network)
	})
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://example.com/hook", "http://example.com.:80", "https://0177.0.0.1/", "https://2130706433", "https://127.1/", "https://0x7f.1/",
		"https://[::1]/", "https://[fe80::1%25eth0]/", "https://u:p@example.com/", "https://①.example/", "https://%41.example/", "file:///etc/passwd",
		"https://example.com:0443/", "https://localhost/", "https://8.8.8.8/", "//x", "https:x", "https://[::ffff:8.8.8.8]:443/", "https://a_b.example/",
	} {
		f.Add(s)
	}
	g := guard(f, netguard.Config{})
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		err = g.CheckURL(u)
		if err != nil {
			assertRefusal(t, err)
			assert.NotContains(t, strings.TrimPrefix(err.Error(), "netguard: "), ": ", "a fixed text")
		}
		for _, same := range []string{strings.ToUpper(u.Host), strings.ToLower(u.Host)} {
			other := *u
			other.Host = same
			assert.Equal(t, err == nil, g.CheckURL(&other) == nil, "%q and %q", u.Host, same)
		}
		if err != nil {
			return
		}
		assert.Contains(t, []string{"http", "https"}, u.Scheme)
		assert.Nil(t, u.User)
		assert.Contains(t, []string{"", "80", "443"}, u.Port())
		again, err := url.Parse(u.String())
		require.NoError(t, err)
		require.NoError(t, g.CheckURL(again), "what is permitted stays so once it was stored")
		assert.Equal(t, u.Host, again.Host)

		host := u.Hostname()
		if a, err := netip.ParseAddr(host); err == nil {
			assert.True(t, permits(t, g, a.String()))
			return
		}
		assert.Nil(t, net.ParseIP(host))
		assert.NotEqual(t, "localhost", strings.ToLower(host))
		name := strings.TrimSuffix(host, ".")
		assert.Regexp(t, `^[-_.A-Za-z0-9]+$`, name)
		assert.NotRegexp(t, `(^|\.)(0[xX][0-9a-fA-F]*|[0-9]+)$`, name)
	})
}
