package netguard

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// CheckURL refuses a URL for what its text says: the scheme, user information,
// the port, and the host if it is an address or localhost. It looks up no name
// and opens no connection, so nil does not mean that the host is permitted.
// [Guard.Control] decides that when it is called. The error is an [*Error] that
// is [ErrBlocked].
//
// A host has to be an IP address in the form that [netip.ParseAddr] reads, or a
// name of ASCII letters, digits, hyphens and underscores that does not end in a
// number. A port has to be written without leading zeros.
func (g *Guard) CheckURL(u *url.URL) error {
	switch {
	case u == nil:
		return refuse(badURL, "no URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse(badScheme, "scheme %q", u.Scheme)
	case u.User != nil:
		return refuse(badUser, "user information for host %q", u.Host)
	case u.Opaque != "":
		return refuse(badURL, "opaque URL with host %q", u.Host)
	}
	if err := g.checkHost(u.Hostname(), effectivePort(u)); err != nil {
		return err
	}
	return nil
}

// effectivePort returns the port to which net/http connects.
func effectivePort(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// checkHost refuses what can be refused without looking up host.
func (g *Guard) checkHost(host, port string) *Error {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || port[0] == '0' || !g.permitsPort(uint16(n)) {
		return refuse(badPort, "port %q of host %q", port, host)
	}
	if !isName(host) {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return refuse(badHost, "host %q", host)
		}
		if why := g.judge(addr); why != "" {
			return refuse(unreachable, "%q: %s", host, why)
		}
		return nil
	}
	if isLocalhost(host) && g.judge(netip.AddrFrom4([4]byte{127, 0, 0, 1})) != "" && g.judge(netip.IPv6Loopback()) != "" {
		return refuse(unreachable, "%q: loopback", host)
	}
	return nil
}

// isLocalhost reports whether a name is loopback by RFC 6761, section 6.3. That
// spares the customer an address that fails later; other names are not known.
func isLocalhost(host string) bool {
	const name = "localhost"
	host = strings.TrimSuffix(host, ".")
	at := len(host) - len(name)
	return at >= 0 && strings.EqualFold(host[at:], name) && (at == 0 || host[at-1] == '.')
}

// isName reports whether host can be nothing but a name. What ends in a number is
// an IPv4 address to inet_aton, getaddrinfo and browsers, in octal, hexadecimal
// and with fewer than four parts too; no top-level domain is a number (RFC 1123,
// section 2.1).
func isName(host string) bool {
	const longest = 253 // RFC 1035, section 2.3.4, as text
	host = strings.TrimSuffix(host, ".")
	if len(host) > longest {
		return false
	}
	var last string
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return false
		}
		last = label
	}
	return !isNumber(last)
}

func isLabel(s string) bool {
	const longest = 63 // RFC 1035, section 2.3.4
	if s == "" || len(s) > longest {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// isNumber reports whether s is a decimal, octal or hexadecimal number in C.
func isNumber(s string) bool {
	digits := "0123456789"
	if len(s) >= 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s, digits = s[2:], "0123456789abcdefABCDEF"
	}
	return strings.Trim(s, digits) == ""
}
