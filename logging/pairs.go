package logging

import (
	"net/url"
	"strings"
)

// pair finds the value of a listed key that ends before the separator s[i], or
// the token of a bot that does.
func (sc *scanner) pair(s string, done, i int) (start, end int) {
	from, to := keyBefore(s, done, i)
	v := sc.verdict(s[from:to])
	if v == shown {
		if s[i] == ':' {
			return telegramBot(s, i)
		}
		return 0, 0
	}
	start = i + 1
	prose := false
	if s[i] == ':' {
		blank := " \t"
		if to < i { // JSON, over several lines perhaps
			blank = " \t\r\n"
		}
		n := len(s[start:]) - len(strings.TrimLeft(s[start:], blank))
		prose = n > 0 && to == i // else it is a dump of a struct, or JSON
		start += n
		if strings.HasPrefix(s[start:], "//") {
			return 0, 0 // the key is the scheme of a URL
		}
	}
	start, end = valueIn(s, start)
	switch {
	case v == counted && number(s[start:end]):
		return 0, 0
	case s[i] == ':' && !enclosed(s, start) && hasSuffixFold(s[from:to], "cookie") && cookie(s[start:]):
		if hasSuffixFold(s[from:to], "set-cookie") { // its attributes are no secret
			return start, start + wordEnd(s[start:])
		}
		return start, start + fieldEnd(s[start:], s[:from])
	case s[i] == ':' && !enclosed(s, start) && hasSuffixFold(s[from:to], "authorization") && foreign(s[start:]):
		return start, start + fieldEnd(s[start:], s[:from])
	case s[i] == '=' && !enclosed(s, start) && hasSuffixFold(s[from:to], "authorization") && foreign(s[start:]):
		n := strings.IndexByte(s[start:], ' ') + 1
		return start, start + n + wordEnd(s[start+n:])
	case prose && scheme(s[start:]) == 0 && !credential(s[start:end]):
		return 0, 0 // "invalid token: expired"
	}
	return start, end
}

// enclosed reports whether the value at s[start] is in quotes.
func enclosed(s string, start int) bool { return start > 0 && quote(s[start-1]) }

// fieldEnd is the length of the value of a header field that s begins with: to
// the end of the line, or to the quote that stands before the field, at the end
// of before.
func fieldEnd(s, before string) int {
	ends := "\r\n"
	if n := len(before); n > 0 && quote(before[n-1]) {
		ends += before[n-1:]
	}
	n := strings.IndexAny(s, ends)
	for _, escape := range [...]string{`\r`, `\n`} { // in a line that was quoted
		if i := strings.Index(s, escape); i >= 0 && (n < 0 || i < n) {
			n = i
		}
	}
	if n < 0 {
		return len(s)
	}
	return n
}

// cookie reports whether s begins with the name of a cookie, a token (RFC 6265
// section 4.1.1), and an equals sign.
func cookie(s string) bool {
	for i := 0; i < len(s) && i < 256; i++ {
		switch c := s[i]; {
		case c == '=':
			return i > 0
		case c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<>?@[\]{}`, c) >= 0:
			return false
		}
	}
	return false
}

// foreign reports whether s begins with the scheme of an Authorization header
// that scheme does not know, and credentials.
func foreign(s string) bool {
	if scheme(s) > 0 {
		return false
	}
	n := 0
	for n < len(s) && n < 32 && (alphanumeric(s[n]) || s[n] == '-') {
		n++
	}
	if n == 0 || n == len(s) || s[n] != ' ' {
		return false
	}
	rest := strings.TrimLeft(s[n:], " ")
	if name, value, ok := strings.Cut(rest[:min(len(rest), 64)], "="); ok && value != "" && quote(value[0]) && !strings.Contains(name, " ") {
		return true // Digest username="..."
	}
	return credential(rest[:wordEnd(rest)])
}

// keyBefore is the key that ends before the separator s[i].
func keyBefore(s string, done, i int) (from, to int) {
	to = i
	if to > done && s[to-1] == ' ' { // only behind a quoted key
		if n := len(strings.TrimRight(s[done:to], " ")); n > 0 && quote(s[done+n-1]) {
			to = done + n
		}
	}
	if to > done && quote(s[to-1]) {
		to--
		if to > done && s[to-1] == '\\' {
			to--
		}
	}
	from = to
	for from > done && keyByte(s[from-1]) {
		from--
	}
	return from, to
}

func (sc *scanner) verdict(key string) verdict {
	if strings.IndexByte(key, '%') >= 0 {
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain // user%5Bpassword%5D
		}
	}
	return sc.keys.verdict(key)
}

// valueIn is the value that begins at s[start]: what is quoted or in brackets, or
// a word, and the one after it when it is the scheme of an Authorization header.
func valueIn(s string, start int) (from, to int) {
	rest := s[start:]
	if rest == "" {
		return 0, 0
	}
	escaped := len(rest) > 1 && rest[0] == '\\' && quote(rest[1])
	switch {
	case escaped:
		return start + 2, start + 2 + closing(rest[2:], rest[:2])
	case quote(rest[0]):
		return start + 1, start + 1 + closing(rest[1:], rest[:1])
	case rest[0] == '[', rest[0] == '{':
		return start, start + bracketEnd(rest)
	}
	n := scheme(rest)
	return start, start + n + wordEnd(rest[n:])
}

// closing is where the closing delimiter stands in s, unless a backslash that
// is not part of it stands before it.
func closing(s, delimiter string) int {
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], delimiter) {
			return i
		}
		if s[i] == '\\' {
			i++
		}
	}
	return len(s)
}

// bracketEnd is the length of what is in the brackets that s begins with, or of
// all of s.
func bracketEnd(s string) int {
	depth, closed := 0, true
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"': // a bracket in a string is none; after a string without its end there are no more
			if !closed {
				continue
			}
			n := closing(s[i+1:], `"`)
			if closed = n < len(s[i+1:]); closed {
				i += n + 1
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// scheme is the length of the scheme of an Authorization header, with the spaces
// behind it, that s begins with.
func scheme(s string) int {
	for _, name := range [...]string{"Bearer ", "Basic ", "Token "} {
		if len(s) > len(name) && strings.EqualFold(s[:len(name)], name) {
			return len(s) - len(strings.TrimLeft(s[len(name):], " "))
		}
	}
	return 0
}

// wordEnd is the length of the value that s begins with and that nothing
// encloses.
func wordEnd(s string) int {
	n := 0
	for ; n < len(s); n++ {
		c := s[n]
		if c <= ' ' || c == '&' || quote(c) || c == '\\' && n+1 < len(s) && quote(s[n+1]) || c == ';' && assigns(s[n+1:]) {
			break
		}
	}
	return unclosed(s[:n])
}

// unclosed is the length of s without what closes a bracket or a sentence at its
// end, unless s is nothing else.
func unclosed(s string) int {
	if n := len(strings.TrimRight(s, ";,.)]}>")); n > 0 {
		return n
	}
	return len(s)
}

// assigns reports whether s begins with a key and an equals sign, as after the
// semicolon in Password=x;Database=y.
func assigns(s string) bool {
	for i := 0; i < len(s) && i < 64; i++ {
		switch c := s[i]; {
		case c == '=':
			return i > 0
		case !alphanumeric(c) && c != '_' && c != ' ':
			return false
		}
	}
	return false
}

func number(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) && s[i] != '.' {
			return false
		}
	}
	return s != ""
}

func quote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

func keyByte(c byte) bool {
	return alphanumeric(c) || c == '_' || c == '-' || c == '.' || c == '%' || c >= 0x80
}
