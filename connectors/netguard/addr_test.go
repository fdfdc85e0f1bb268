package netguard_test

import (
	"encoding/csv"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/netguard"
)

// The registries as IANA publishes them; to follow them, put the new files there.
var registries = []string{
	"testdata/iana-ipv4-special-registry-1.csv", // https://www.iana.org/assignments/iana-ipv4-special-registry/
	"testdata/iana-ipv6-special-registry-1.csv", // https://www.iana.org/assignments/iana-ipv6-special-registry/
}

// What is refused and in neither registry.
var unlisted = prefixes("224.0.0.0/4", "ff00::/8", "168.63.129.16/32", "::/3", "4000::/2", "8000::/1")

var (
	mapped = netip.MustParsePrefix("::ffff:0:0/96")
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
)

// registered returns the blocks of both registries, those that are globally
// reachable among them.
func registered(tb testing.TB) []netip.Prefix {
	tb.Helper()
	var out []netip.Prefix
	for _, name := range registries {
		f, err := os.Open(name)
		require.NoError(tb, err)
		rows, err := csv.NewReader(f).ReadAll()
		require.NoError(tb, err)
		require.NoError(tb, f.Close())
		for _, row := range rows[1:] {
			for field := range strings.SplitSeq(row[0], ",") {
				text, _, _ := strings.Cut(strings.TrimSpace(field), " ") // a footnote follows
				p, err := netip.ParsePrefix(text)
				require.NoError(tb, err)
				out = append(out, p)
			}
		}
	}
	require.Len(tb, out, 26+25)
	return out
}

// special is the verdict that the registries give about an address.
func special(blocks []netip.Prefix, a netip.Addr) bool {
	switch {
	case mapped.Contains(a), a.Is4In6():
		return special(blocks, a.Unmap())
	case nat64.Contains(a):
		b := a.As16()
		return special(blocks, netip.AddrFrom4([4]byte(b[12:])))
	}
	for _, p := range blocks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func TestRegistriesAtTheirBoundaries(t *testing.T) {
	t.Parallel()
	g := guard(t, netguard.Config{})
	blocks := append(registered(t), unlisted...)
	for _, p := range blocks {
		require.Equal(t, p.Masked(), p)
		first, end := p.Addr(), last(p)
		for _, a := range []netip.Addr{first, end, first.Next(), end.Prev()} {
			if p.Contains(a) && p != nat64 && p != mapped {
				assert.False(t, permits(t, g, a.String()), "%v of %v", a, p)
			}
		}
		for _, a := range []netip.Addr{first, end, first.Prev(), end.Next()} {
			if a.IsValid() { // there is nothing before 0.0.0.0
				assert.Equal(t, special(blocks, a), !permits(t, g, a.String()), "%v, at a boundary of %v", a, p)
			}
		}
	}
}

// A wrong row that no boundary shows would be seen from here.
func TestRegistriesInSteps(t *testing.T) {
	t.Parallel()
	g := guard(t, netguard.Config{})
	blocks := append(registered(t), unlisted...)
	for i := range 1 << 16 {
		hi, lo := byte(i>>8), byte(i)
		var six [16]byte
		six[0], six[1], six[2], six[3], six[15] = hi, lo, lo, hi, 9
		for _, a := range []netip.Addr{
			netip.AddrFrom4([4]byte{hi, lo, 0, 0}), netip.AddrFrom4([4]byte{hi, lo, 255, 255}),
			netip.AddrFrom4([4]byte{192, hi, lo, 1}), netip.AddrFrom16(six),
		} {
			if special(blocks, a) == permits(t, g, a.String()) {
				require.Fail(t, "disagrees with the registries", "%v", a)
			}
		}
	}
}

// The same as a list to read: the first address of each block, the last one, and
// whether the one before and the one after are permitted.
func TestBlocks(t *testing.T) {
	t.Parallel()
	const yes, no = true, false
	tests := []struct {
		first, last   string
		before, after bool
	}{
		{"0.0.0.0", "0.255.255.255", no, yes},
		{"10.0.0.0", "10.255.255.255", yes, yes},
		{"100.64.0.0", "100.127.255.255", yes, yes},
		{"127.0.0.0", "127.255.255.255", yes, yes},
		{"168.63.129.16", "168.63.129.16", yes, yes},
		{"169.254.0.0", "169.254.255.255", yes, yes},
		{"172.16.0.0", "172.31.255.255", yes, yes},
		{"192.0.0.0", "192.0.0.255", yes, yes},
		{"192.0.2.0", "192.0.2.255", yes, yes},
		{"192.31.196.0", "192.31.196.255", yes, yes},
		{"192.52.193.0", "192.52.193.255", yes, yes},
		{"192.88.99.0", "192.88.99.255", yes, yes},
		{"192.168.0.0", "192.168.255.255", yes, yes},
		{"192.175.48.0", "192.175.48.255", yes, yes},
		{"198.18.0.0", "198.19.255.255", yes, yes},
		{"198.51.100.0", "198.51.100.255", yes, yes},
		{"203.0.113.0", "203.0.113.255", yes, yes},
		{"224.0.0.0", "255.255.255.255", yes, no},

		{"::", "::fffe:ffff:ffff", no, no},
		{"::1:0:0:0", "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", no, no},
		{"64:ff9b::1:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", no, yes},
		{"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", yes, yes},
		{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", yes, yes},
		{"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", yes, yes},
		{"2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", yes, yes},
		{"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", yes, yes},
		{"4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", yes, no},
	}
	g := guard(t, netguard.Config{})
	for _, tt := range tests {
		first, end := netip.MustParseAddr(tt.first), netip.MustParseAddr(tt.last)
		assert.False(t, permits(t, g, tt.first), "%v", first)
		assert.False(t, permits(t, g, tt.last), "%v", end)
		for at, want := range map[netip.Addr]bool{first.Prev(): tt.before, end.Next(): tt.after} {
			if at.IsValid() {
				assert.Equal(t, want, permits(t, g, at.String()), "%v", at)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		addr string
		want bool
	}{
		{"8.8.8.8", true},
		{"93.184.215.14", true},
		{"2606:4700:4700::1111", true},
		{"2a00:1450:4001:827::200e", true},
		{"2000::", true},

		// Metadata and platform services of clouds.
		{"169.254.169.254", false},
		{"169.254.170.2", false},
		{"100.100.100.200", false},
		{"192.0.0.192", false},
		{"168.63.129.16", false},
		{"fd00:ec2::254", false},
		{"fd20:ce::254", false},
		{"fd00:42::42", false},

		// IPv4-mapped is IPv4.
		{"::ffff:8.8.8.8", true},
		{"::ffff:127.0.0.1", false},
		{"::ffff:a9fe:a9fe", false},
		{"0:0:0:0:0:FFFF:7F00:0001", false},
		// IPv4-compatible, and translated (RFC 2765).
		{"::7f00:1", false},
		{"::8.8.8.8", false},
		{"::ffff:0:127.0.0.1", false},
		// NAT64.
		{"64:ff9b::8.8.8.8", true},
		{"64:ff9b::7f00:1", false},
		{"64:ff9b::169.254.169.254", false},
		{"64:ff9b::168.63.129.16", false},
		{"64:ff9b::0.0.0.0", false},
		{"64:ff9b:0:0:0:1::8.8.8.8", false},
		{"64:ff9b:1::8.8.8.8", false},
		{"64:ff9b:1:fffe::127.0.0.1", false},
		// 6to4 and Teredo.
		{"2002:7f00:1::", false},
		{"2002:a9fe:a9fe::1", false},
		{"2002:808:808::1", false},
		{"2001:0:4136:e378:8000:63bf:80ff:fffe", false},
		{"2001:0:4136:e378:8000:63bf:f7f7:f7f7", false},
		// ISATAP.
		{"2a00:1450:4001:827:0:5efe:10.0.0.1", false},
		{"2a00:1450:4001:827:200:5efe:169.254.169.254", false},
		{"2a00:1450:4001:827:0:5efe:8.8.8.8", true},
		{"2a00:1450:4001:827:100:5efe:10.0.0.1", true}, // no identifier of ISATAP
		{"2a00:1450:4001:827:1:5efe:10.0.0.1", true},
		{"fe80::5efe:8.8.8.8", false},

		{"fe80::1%eth0", false},
		{"2606:4700:4700::1111%eth0", false},
		{"::ffff:8.8.8.8%eth0", false},
		{"fec0::1", false},
		{"ff02::1", false},
		{"5f00::1", false},
	}
	g := guard(t, netguard.Config{})
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, permits(t, g, tt.addr))
		})
	}
}

func TestAllowAndDeny(t *testing.T) {
	t.Parallel()
	g := guard(t, netguard.Config{
		Allow: prefixes("10.0.0.0/8", "::ffff:192.168.1.0/120", "fd00::/8", "fe80::/10", "198.51.100.7/32"),
		Deny:  prefixes("10.9.0.0/16", "9.9.9.0/24", "2606:4700::/32"),
		NAT64: prefixes("2a00:64::/96"),
	})
	tests := []struct {
		addr string
		want bool
	}{
		{"10.0.0.0", true},
		{"10.255.255.255", true},
		{"::ffff:10.1.2.3", true},
		{"11.0.0.0", true},
		{"172.16.0.1", false},
		{"192.168.1.255", true},
		{"192.168.2.0", false},
		{"fd12::1", true},
		{"fc00::1", false},
		{"198.51.100.7", true},
		{"198.51.100.8", false},

		{"fe80::1", true},
		{"fe80::1%eth0", false}, // never with a zone

		{"10.9.1.1", false}, // Deny counts more
		{"9.9.9.9", false},
		{"9.9.8.255", true},
		{"2606:4700:4700::1111", false},
		{"64:ff9b::9.9.9.9", false},
		{"2a00:64::9.9.9.9", false},
		{"2a00::200:5efe:9.9.9.9", false},

		{"64:ff9b::10.0.0.1", false}, // Allow is about the address that is dialled
		{"2a00:64::10.0.0.1", false},
		{"2a00:64::8.8.8.8", true},
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, permits(t, g, tt.addr))
		})
	}
}

// RFC 6052, section 2.4, with its own examples of 192.0.2.33.
func TestTranslationPrefixes(t *testing.T) {
	t.Parallel()
	tests := []struct{ prefix, refused, permitted string }{
		{"2a0b:db8::/32", "2a0b:db8:c000:221::", "2a0b:db8:808:808::"},
		{"2a0b:db8:100::/40", "2a0b:db8:1c0:2:21::", "2a0b:db8:108:808:8::"},
		{"2a0b:db8:122::/48", "2a0b:db8:122:c000:2:2100::", "2a0b:db8:122:808:8:800::"},
		{"2a0b:db8:122:300::/56", "2a0b:db8:122:3c0:0:221::", "2a0b:db8:122:308:8:808::"},
		{"2a0b:db8:122:344::/64", "2a0b:db8:122:344:c0:2:2100::", "2a0b:db8:122:344:8:808:800::"},
		{"2a0b:db8:122:344::/96", "2a0b:db8:122:344::192.0.2.33", "2a0b:db8:122:344::8.8.8.8"},
		{"fd64::/96", "fd64::192.0.2.33", "fd64::8.8.8.8"}, // special by itself
	}
	for _, tt := range tests {
		t.Run(tt.prefix, func(t *testing.T) {
			t.Parallel()
			g := guard(t, netguard.Config{NAT64: prefixes(tt.prefix)})
			assert.False(t, permits(t, g, tt.refused))
			assert.True(t, permits(t, g, tt.permitted))
		})
	}
}

// Read with the shorter prefix, both addresses of the longer one would be 8.8.8.8.
func TestTheLongestTranslationPrefixCounts(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"2a0b:db8::/32", "2a0b:db8:808:808::/96"}, {"2a0b:db8:808:808::/96", "2a0b:db8::/32"}} {
		g := guard(t, netguard.Config{NAT64: prefixes(order...)})
		assert.False(t, permits(t, g, "2a0b:db8:808:808::10.0.0.1"), order)
		assert.True(t, permits(t, g, "2a0b:db8:808:808::8.8.8.8"), order)
		assert.False(t, permits(t, g, "2a0b:db8:a00:1::"), order)
	}
}

func TestDetailNamesTheBlock(t *testing.T) {
	t.Parallel()
	g := guard(t, netguard.Config{Deny: prefixes("9.9.9.9/32")})
	for addr, want := range map[string]string{
		"10.0.0.1":             "10.0.0.1:443: private use",
		"::ffff:10.0.0.1":      "[::ffff:10.0.0.1]:443: private use",
		"168.63.129.16":        "168.63.129.16:443: Azure platform",
		"255.255.255.255":      "255.255.255.255:443: reserved or broadcast",
		"64:ff9b::169.254.0.1": "[64:ff9b::a9fe:1]:443: link local",
		"::":                   "[::]:443: unspecified",
		"::1":                  "[::1]:443: loopback",
		"fd00::1":              "[fd00::1]:443: unique local",
		"fe80::1":              "[fe80::1]:443: link local",
		"fe80::1%eth0":         "[fe80::1%eth0]:443: it has a zone",
		"ff02::1":              "[ff02::1]:443: multicast",
		"fec0::1":              "[fec0::1]:443: outside of 2000::/3",
		"9.9.9.9":              "9.9.9.9:443: listed in Config.Deny",
	} {
		err := g.Control(t.Context(), "tcp", net.JoinHostPort(addr, "443"), nil)
		require.Error(t, err)
		assert.Equal(t, "netguard: blocked: "+want, detail(t, err))
	}
}
