package netguard

import (
	"net/netip"
	"slices"
)

// block is a range of addresses in which no customer has a server.
type block struct {
	prefix netip.Prefix
	name   string
}

// special returns the refused blocks: those of the IANA special-purpose
// registries that lie in no larger one, and what is no unicast address at all.
func special() []block {
	blocks := []struct{ prefix, name string }{
		{"0.0.0.0/8", "this network"},
		{"10.0.0.0/8", "private use"},
		{"100.64.0.0/10", "shared address space"},
		{"127.0.0.0/8", "loopback"},
		{"168.63.129.16/32", "Azure platform"},
		{"169.254.0.0/16", "link local"},
		{"172.16.0.0/12", "private use"},
		{"192.0.0.0/24", "IETF protocol assignments"},
		{"192.0.2.0/24", "documentation"},
		{"192.31.196.0/24", "AS112"},
		{"192.52.193.0/24", "AMT"},
		{"192.88.99.0/24", "6to4 relay anycast"},
		{"192.168.0.0/16", "private use"},
		{"192.175.48.0/24", "AS112"},
		{"198.18.0.0/15", "benchmarking"},
		{"198.51.100.0/24", "documentation"},
		{"203.0.113.0/24", "documentation"},
		{"224.0.0.0/4", "multicast"},
		{"240.0.0.0/4", "reserved or broadcast"},

		// All of IPv6 but 2000::/3, with names for what is met most.
		{"::/128", "unspecified"},
		{"::1/128", "loopback"},
		{"fc00::/7", "unique local"},
		{"fe80::/10", "link local"},
		{"ff00::/8", "multicast"},
		{"::/3", "outside of 2000::/3"},
		{"4000::/2", "outside of 2000::/3"},
		{"8000::/1", "outside of 2000::/3"},

		{"2001::/23", "IETF protocol assignments, Teredo"},
		{"2001:db8::/32", "documentation"},
		{"2002::/16", "6to4"},
		{"2620:4f:8000::/48", "AS112"},
		{"3fff::/20", "documentation"},
	}
	out := make([]block, len(blocks))
	for i, b := range blocks {
		out[i] = block{netip.MustParsePrefix(b.prefix), b.name}
	}
	return out
}

// judge returns why a is refused, or nothing.
func (g *Guard) judge(a netip.Addr) string {
	switch {
	case len(g.blocks) == 0:
		return "the Guard was not made by New"
	case a.Zone() != "": // Unmap would drop it
		return "it has a zone"
	}
	if a = a.Unmap(); contains(g.allow, a) && !contains(g.deny, a) {
		return ""
	}
	return g.refused(a)
}

// refused is judge without Allow, which is not meant for what an address carries.
func (g *Guard) refused(a netip.Addr) string {
	if contains(g.deny, a) {
		return "listed in Config.Deny"
	}
	for _, p := range g.nat64 {
		if p.Contains(a) {
			return g.refused(translated(a, p.Bits())) // IPv4, so not again
		}
	}
	for _, b := range g.blocks {
		if b.prefix.Contains(a) {
			return b.name
		}
	}
	if inner, ok := tunnelled(a); ok {
		return g.refused(inner)
	}
	return ""
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// translated returns the IPv4 address to which NAT64 translates a, of a prefix
// of so many bits (RFC 6052, section 2.2): it follows the prefix, around byte 8.
func translated(a netip.Addr, bits int) netip.Addr {
	b := a.As16()
	var v4 [4]byte
	next := bits / 8
	for i := range v4 {
		if next == 8 {
			next++
		}
		v4[i] = b[next]
		next++
	}
	return netip.AddrFrom4(v4)
}

// tunnelled returns the IPv4 address at the end of an ISATAP address, whose
// interface identifier is 0:5efe or 200:5efe and that address (RFC 5214,
// section 6.1).
func tunnelled(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return a, false
	}
	b := a.As16()
	if b[8]&^2 != 0 || b[9] != 0 || b[10] != 0x5e || b[11] != 0xfe {
		return a, false
	}
	return netip.AddrFrom4([4]byte(b[12:])), true
}
