package template

import (
	"fmt"
	"strings"
)

// URLQuery is for a name or value in the query of a URL, and in a form body. As
// [net/url.QueryEscape], it keeps letters, digits and - _ . ~ of ASCII, writes
// a space as +, and any other byte as %XX.
func URLQuery(dst, s []byte) ([]byte, error) { return appendURLQuery(dst, stringOf(s)), nil }

// URLPath is for one segment of a URL's path. It keeps letters, digits and
// - _ . ~ of ASCII and writes any other byte, the slash too, as %XX.
//
// A value that is, or has between slashes of either kind, the segment . or ..
// is an error that wraps [ErrUnsafe]. There is no escape for it: %2E%2E means
// the same as .. (RFC 3986, section 6.2.2), and browsers and proxies resolve it.
func URLPath(dst, s []byte) ([]byte, error) { return appendURLPath(dst, stringOf(s)) }

// isUnreserved is the rule of RFC 3986, section 2.3.
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

func appendURLQuery(dst []byte, s string) []byte {
	for {
		i := plainRun(s, inURL)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return dst
		}
		if s[i] == ' ' {
			dst = append(dst, '+')
		} else {
			dst = appendPercent(dst, s[i])
		}
		s = s[i+1:]
	}
}

func appendURLPath(dst []byte, s string) ([]byte, error) {
	if hasDotSegment(s) {
		return dst, fmt.Errorf("%w: dot segment in the path of a URL", ErrUnsafe)
	}
	for {
		i := plainRun(s, inURL)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return dst, nil
		}
		dst = appendPercent(dst, s[i])
		s = s[i+1:]
	}
}

func appendPercent(dst []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	return append(dst, '%', hex[c>>4], hex[c&15])
}

func hasDotSegment(s string) bool {
	for i := 0; ; i++ {
		n := strings.IndexByte(s[i:], '.')
		if n < 0 {
			return false
		}
		i += n
		if i > 0 && !isSlash(s[i-1]) {
			continue
		}
		end := i + 1
		if end < len(s) && s[end] == '.' {
			end++
		}
		if end == len(s) || isSlash(s[end]) {
			return true
		}
	}
}

func isSlash(c byte) bool { return c == '/' || c == '\\' }
