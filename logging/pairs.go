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
		n := spaces(s[start:])
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
	case s[i] == ':' && hasSuffixFold(s[from:to], "cookie") && assigns(s[start:]):
		return start, start + cookies(s[start:], hasSuffixFold(s[from:to], "set-cookie"))
	case prose && scheme(s[start:]) == 0 && !credential(s[start:end]):
		return 0, 0 // "invalid token: expired"
	}
	return start, end
}

// cookies is the length of the cookies that s begins with: of one with its
// attributes, without them.
func cookies(s string, one bool) int {
	n := wordEnd(s)
	for !one && strings.HasPrefix(s[n:], "; ") && assigns(s[n+2:]) {
		n += 2 + wordEnd(s[n+2:])
	}
	return n
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
	depth := 0
	for i := range len(s) {
		switch s[i] {
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
