package ratelimit

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxHops bounds the work for one request. Real chains have a handful of hops.
const maxHops = 64

// lastHop cuts the last entry off a list. addr is invalid when the entry names
// no address, more is false when it was the only one.
type lastHop = func(list string) (rest string, addr netip.Addr, more bool)

// walk follows the hops from the peer towards the client, to the first that is
// not trusted. The lines of a header are one list (RFC 9110 section 5.3).
func (x *IPResolver) walk(client netip.Addr, lines []string, last lastHop) netip.Addr {
	hops := 0
	for _, list := range slices.Backward(lines) {
		for more := true; more; {
			var addr netip.Addr
			list, addr, more = last(list)
			if !addr.IsValid() {
				return client
			}
			client = addr
			if hops++; hops == maxHops || !x.trusts(addr) {
				return client
			}
		}
	}
	return client
}

func lastXForwardedFor(list string) (rest string, addr netip.Addr, more bool) {
	comma := strings.LastIndexByte(list, ',')
	return list[:max(comma, 0)], parseNode(trimOWS(list[comma+1:])), comma >= 0
}

// parseNode reads an address that may have a port, brackets and a zone, as in
// RemoteAddr, in X-Forwarded-For and in a node of RFC 7239 section 6. The result
// is unmapped and without a zone, or invalid.
func parseNode(s string) netip.Addr {
	host, port, v6 := s, "", false
	if strings.HasPrefix(s, "[") {
		v6 = true
		var closed bool
		if host, port, closed = strings.Cut(s[1:], "]"); !closed {
			return netip.Addr{}
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') {
		host, port = s[:i], s[i:]
	}
	if port != "" && !validPort(port) {
		return netip.Addr{}
	}
	// The zone goes before parsing, since netip would intern it.
	if bare, zone, ok := strings.Cut(host, "%"); ok {
		if zone == "" {
			return netip.Addr{}
		}
		host, v6 = bare, true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || v6 && addr.Is4() {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// validPort reports whether s is a colon and a port: a number, or the
// obfuscated form of RFC 7239 section 6.3, which begins with an underscore.
func validPort(s string) bool {
	if len(s) < 2 || s[0] != ':' {
		return false
	}
	if s = s[1:]; s[0] == '_' {
		return len(s) > 1 && tokenLen(s) == len(s)
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// trimOWS drops optional whitespace (RFC 9110 section 5.6.3).
func trimOWS(s string) string { return strings.Trim(s, " \t") }
