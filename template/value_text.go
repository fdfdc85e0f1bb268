package template

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnescaped appends the text of a JSON string, given without its quotes.
func appendUnescaped(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		r, size := unescape(s[i:])
		dst = utf8.AppendRune(dst, r)
		s = s[i+size:]
	}
}

// countUnescaped counts the code points that appendUnescaped would append.
func countUnescaped(s string) (n int) {
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return n + utf8.RuneCountInString(s)
		}
		n += utf8.RuneCountInString(s[:i]) + 1
		_, size := unescape(s[i:])
		s = s[i+size:]
	}
}

// unescape reads the escape that s begins with (RFC 8259, section 7). Half of a
// surrogate pair is U+FFFD.
func unescape(s string) (r rune, size int) {
	if len(s) < 2 {
		return utf8.RuneError, len(s)
	}
	switch c := s[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r = codeUnit(s)
		if !utf16.IsSurrogate(r) {
			return r, min(6, len(s))
		}
		if len(s) >= 12 {
			if pair := utf16.DecodeRune(r, codeUnit(s[6:])); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, min(6, len(s))
	default:
		return rune(c), 2
	}
}

// codeUnit returns the value of the \uXXXX that s begins with, and U+FFFD if it
// does not.
func codeUnit(s string) (r rune) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return utf8.RuneError
	}
	for i := 2; i < 6; i++ {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return utf8.RuneError
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendJSONText appends s as the inside of a JSON string. Each byte that is
// not UTF-8 becomes U+FFFD.
func appendJSONText(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		return appendJSONEscaped(dst, s)
	}
	from := 0
	for i, r := range s {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
			dst = appendJSONEscaped(dst, s[from:i])
			dst = append(dst, "\ufffd"...)
			from = i + 1
		}
	}
	return appendJSONEscaped(dst, s[from:])
}

func appendJSONEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for {
		i := plainRun(s, inJSON)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return dst
		}
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		s = s[i+1:]
	}
}

// appendCompact appends JSON without the space between its tokens.
func appendCompact(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		switch s[i] {
		case '"':
			i = skipString(s, i)
		case ' ', '\t', '\r', '\n':
			dst = append(dst, s[from:i]...)
			i++
			from = i
		default:
			i++
		}
	}
	return append(dst, s[from:]...)
}
