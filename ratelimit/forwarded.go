package ratelimit

import (
	"net/netip"
	"strings"
)

// lastForwarded cuts the last element off a Forwarded header (RFC 7239 section 4).
//
// Elements to the left may be a client's and malformed, with a quote that is
// never closed, say. So the list is scanned from its end, where it is known
// to be outside of quotes, and nothing left of a well-formed element bears on
// how that element is read.
func lastForwarded(list string) (rest string, addr netip.Addr, more bool) {
	comma := lastComma(list)
	return list[:max(comma, 0)], forwardedFor(list[comma+1:]), comma >= 0
}

// lastComma is the index of the last comma outside of quotes, or -1.
//
// A quote is part of a quoted string when an odd number of backslashes stands
// before it: the run of them cannot reach beyond the opening quote, which
// follows an equals sign.
func lastComma(list string) int {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch list[i] {
		case ',':
			if !quoted {
				return i
			}
		case '"':
			run := len(list[:i]) - len(strings.TrimRight(list[:i], `\`))
			if run%2 == 0 {
				quoted = !quoted
			}
		}
	}
	return -1
}

// forwardedFor is the address that an element gives for its client, invalid
// unless the element is well-formed and has exactly one: not without for, with
// two of them, with "unknown" or an obfuscated name. Beyond the grammar, space
// around semicolons is accepted.
func forwardedFor(element string) netip.Addr {
	var addr netip.Addr
	found := false
	for more := true; more; {
		element = trimOWS(element)
		name := element[:tokenLen(element)]
		element = element[len(name):]
		if name != "" {
			value, rest, ok := cutValue(element)
			if !ok {
				return netip.Addr{}
			}
			element = trimOWS(rest)
			if strings.EqualFold(name, "for") {
				if found {
					return netip.Addr{}
				}
				addr, found = parseNode(unescape(value)), true
			}
		}
		if element != "" && element[0] != ';' {
			return netip.Addr{}
		}
		_, element, more = strings.Cut(element, ";")
	}
	return addr
}

// cutValue reads "=" and a token or a quoted string (RFC 9110 section 5.6.4),
// whose escapes are left in value.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, "=") {
		return "", "", false
	}
	s = s[1:]
	if !strings.HasPrefix(s, `"`) {
		n := tokenLen(s)
		return s[:n], s[n:], n > 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", "", false
}

// unescape resolves the escapes that cutValue leaves. An address needs none, so
// they are rare.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	plain := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		plain = append(plain, s[i])
	}
	return string(plain)
}

// tokenLen is the length of the token (RFC 9110 section 5.6.2) that s begins with.
func tokenLen(s string) int {
	for i := range len(s) {
		c, lower := s[i], s[i]|0x20
		if (lower < 'a' || lower > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return i
		}
	}
	return len(s)
}
