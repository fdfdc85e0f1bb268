package ratelimit_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

var escapeQuoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// appended makes of what the client sent and of the entries that proxies add
// the header that arrives: in the same line or in lines of their own.
func appended(sent string, newLines bool, entries ...string) []string {
	if newLines {
		return append([]string{sent}, entries...)
	}
	return []string{sent + ", " + strings.Join(entries, ", ")}
}

// untrusted is an address out of raw as the fuzzer has it, outside of
// 10.0.0.0/8, or invalid.
func untrusted(raw []byte) netip.Addr {
	addr, _ := netip.AddrFromSlice(raw)
	if netip.MustParsePrefix("10.0.0.0/8").Contains(addr.Unmap()) {
		return netip.Addr{}
	}
	return addr
}

// bracketed is addr with a port.
func bracketed(addr netip.Addr) string { return netip.AddrPortFrom(addr, 4711).String() }

// Whatever a client sends, the result is the address that the proxy appended.
func FuzzXForwardedFor(f *testing.F) {
	f.Add("192.0.2.1", []byte{203, 0, 113, 7}, false, false)
	f.Add("10.0.0.9,", []byte("\x20\x01\x0d\xb8aaaabbbbcccc"), true, true)
	f.Add("\x00[", []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02\x03\x04"), true, false)
	res := newIPResolver(f, ratelimit.IPConfig{}, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, sent string, raw []byte, port, newLines bool) {
		got, err := res.Addr(ipRequest(proxy, "X-Forwarded-For", sent))
		require.NoError(t, err)
		assertClient(t, got)

		addr := untrusted(raw)
		if !addr.IsValid() {
			return
		}
		entry := addr.String()
		if port {
			entry = bracketed(addr)
		}
		for _, entries := range [][]string{{entry}, {entry, "10.0.0.3", "::ffff:10.0.0.2"}} {
			got, err := res.Addr(ipRequest(proxy, "X-Forwarded-For", appended(sent, newLines, entries...)...))
			require.NoError(t, err)
			assert.Equal(t, addr.Unmap(), got)
		}
	})
}

// The same, with a part of the proxy's own element chosen by the client.
func FuzzForwarded(f *testing.F) {
	f.Add(`for="`, "example.com", []byte{203, 0, 113, 7}, false, false)
	f.Add(`for="\`, `a",for=6.6.6.6;x="b`, []byte("\x20\x01\x0d\xb8aaaabbbbcccc"), true, true)
	f.Add(`for=192.0.2.1;x="\\\`, `\",for=6.6.6.6;x="\`, []byte{203, 0, 113, 7}, true, false)
	res := newIPResolver(f, ratelimit.IPConfig{Forwarded: true}, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, sent, host string, raw []byte, forLast, newLines bool) {
		addr := untrusted(raw)
		if !addr.IsValid() {
			return
		}
		node, name := `for="`+bracketed(addr)+`"`, `host="`+escapeQuoted.Replace(host)+`"`
		entry := node + ";" + name
		if forLast {
			entry = name + ";" + node
		}
		for _, entries := range [][]string{{entry}, {entry, name + ";for=10.0.0.3", "for=10.0.0.2;" + name}} {
			got, err := res.Addr(ipRequest(proxy, "Forwarded", appended(sent, newLines, entries...)...))
			require.NoError(t, err)
			assert.Equal(t, addr.Unmap(), got)
		}
	})
}

// Headers as they come: when the result is an untrusted address, nothing to
// the left of it changes it.
func FuzzForwardedRaw(f *testing.F) {
	f.Add("for=192.0.2.1", `for="203.0.113.7";x="\"`, "for=10.0.0.2")
	f.Add(`for="`, `";for=203.0.113.7`, `x=",";for=10.0.0.2`)
	f.Add(`x=\`, `",for=203.0.113.7;x="`, `\",for=10.0.0.2`)
	f.Add("192.0.2.1", "203.0.113.7:1,", "10.0.0.2")
	resolvers := map[string]*ratelimit.IPResolver{
		"X-Forwarded-For": newIPResolver(f, ratelimit.IPConfig{}, "10.0.0.0/8"),
		"Forwarded":       newIPResolver(f, ratelimit.IPConfig{Forwarded: true}, "10.0.0.0/8"),
	}
	f.Fuzz(func(t *testing.T, sent, left, right string) {
		for header, res := range resolvers {
			want, err := res.Addr(ipRequest(proxy, header, left, right))
			require.NoError(t, err)
			assertClient(t, want)
			if netip.MustParsePrefix("10.0.0.0/8").Contains(want) {
				continue
			}
			for _, lines := range [][]string{{sent, left, right}, {sent + "," + left, right}} {
				got, err := res.Addr(ipRequest(proxy, header, lines...))
				require.NoError(t, err)
				assert.Equal(t, want, got, header)
			}
		}
	})
}

// RemoteAddr comes from net/http, but middleware may have set it.
func FuzzPeer(f *testing.F) {
	f.Add("[fe80::1%eth0]:80")
	f.Add("203.0.113.7:80")
	f.Add("@")
	key := ratelimit.ByIP(newIPResolver(f, ratelimit.IPConfig{IPv6Prefix: 128}))
	f.Fuzz(func(t *testing.T, peer string) {
		got, err := key(ipRequest(peer, "X"))
		if want, parseErr := netip.ParseAddrPort(peer); parseErr == nil {
			require.NoError(t, err)
			assert.Equal(t, want.Addr().WithZone("").Unmap().String(), strings.TrimSuffix(got, "/128"))
		}
		assert.Equal(t, err != nil, got == "")
	})
}

func assertClient(t *testing.T, addr netip.Addr) {
	t.Helper()
	assert.True(t, addr.IsValid())
	assert.Empty(t, addr.Zone())
	assert.False(t, addr.Is4In6())
}
