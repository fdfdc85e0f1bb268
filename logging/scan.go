package logging

import "strings"

// text writes s as a JSON string without the secrets that can be told from
// their surroundings.
func (l *line) text(s string) {
	if len(s) > 1 && l.jsonText(s) {
		return
	}
	l.buf = append(l.buf, '"')
	done := 0
	for {
		start, end := l.keys.nextSecret(s, done)
		if start == end {
			break
		}
		l.hits++
		l.buf = appendEscaped(l.buf, s[done:start])
		l.buf = append(l.buf, "***"...)
		done = end
	}
	l.buf = appendEscaped(l.buf, s[done:])
	l.buf = append(l.buf, '"')
}

// jsonText writes s when it is a JSON object or array in which something is to
// be masked. It stays a string.
func (l *line) jsonText(s string) bool {
	switch s[0] {
	case '{', '[', ' ', '\t', '\r', '\n':
	default:
		return false
	}
	b := []byte(s)
	if !jsonDocument(b) {
		return false
	}
	size, hits := len(l.buf), l.hits
	l.json(b)
	masked := string(l.buf[size:])
	l.buf = l.buf[:size]
	if l.hits == hits {
		return false
	}
	l.buf = append(l.buf, '"')
	l.buf = appendEscaped(l.buf, masked)
	l.buf = append(l.buf, '"')
	return true
}

// nextSecret finds the first part of s from done on that is to be masked. There
// is none when start and end are equal.
func (k *keys) nextSecret(s string, done int) (start, end int) {
	for i := done; i < len(s); i++ {
		switch s[i] {
		case '=', ':':
			start, end = k.pair(s, done, i)
		case '/':
			start, end = inURL(s, i)
		default:
			continue
		}
		if start < end && start >= done {
			return start, end
		}
	}
	return 0, 0
}

// pair finds the value of a listed key that ends before the separator s[i].
func (k *keys) pair(s string, done, i int) (start, end int) {
	to := i
	if to > done && quote(s[to-1]) {
		to--
		if to > done && s[to-1] == '\\' {
			to--
		}
	}
	from := to
	for from > done && keyByte(s[from-1]) {
		from--
	}
	if from == to || !k.match(s[from:to]) {
		return 0, 0
	}
	start = i + 1
	if s[i] == ':' {
		spaces := len(s[start:]) - len(strings.TrimLeft(s[start:], " "))
		switch {
		case spaces == 0, to < i: // a dump of a struct, or JSON
		case scheme(s[start+spaces:]) > 0:
		default:
			return 0, 0 // prose: "invalid token: expired"
		}
		start += spaces
		if strings.HasPrefix(s[start:], "//") {
			return 0, 0 // the key is the scheme of a URL
		}
	}
	return valueIn(s, start)
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

func wordEnd(s string) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c == '&', quote(c), c == '\\' && i+1 < len(s) && quote(s[i+1]):
			return i
		}
	}
	return len(s)
}

func quote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

func keyByte(c byte) bool {
	return alphanumeric(c) || c == '_' || c == '-' || c == '.' || c == '%' || c >= 0x80
}
