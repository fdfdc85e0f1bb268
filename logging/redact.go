package logging

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// redact returns line, which is JSON without white space, with each literal
// masked that stands in it from the byte from on, where a key or value begins.
// What it returns is JSON as well: within a string only the literal is replaced,
// and a number that contains one becomes a string.
func (l *literals) redact(line []byte, from int) []byte {
	out := append(make([]byte, 0, len(line)+64), line[:from]...)
	keys := 0
	for i := from; i < len(line); {
		switch c := line[i]; {
		case c == '"':
			end := i + stringEnd(line[i:])
			size := len(out)
			out = append(out, '"')
			out = l.redactString(out, line[i+1:end-1])
			if end < len(line) && line[end] == ':' && len(out)-size != end-1-i {
				// Two keys with different secrets must not become one.
				if keys++; keys > 1 {
					out = strconv.AppendInt(out, int64(keys), 10)
				}
			}
			out = append(out, '"')
			i = end
		case c == '-' || digit(c):
			end := i + valueEnd(line[i:])
			if l.in(line[i:end]) {
				out = append(out, `"***"`...)
			} else {
				out = append(out, line[i:end]...)
			}
			i = end
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// redactString appends the inside of a string.
func (l *literals) redactString(out, s []byte) []byte {
	done := 0
	for _, found := range l.find(s) {
		out = append(append(out, s[done:found.start]...), mask...)
		done = found.end
	}
	return append(out, s[done:]...)
}

// spans returns where literals are in a text that is not escaped.
func (l *literals) spans(s string) []span {
	escaped := appendEscaped(nil, s)
	found := l.find(escaped)
	i, e := 0, 0
	to := func(end int) int {
		for e < end {
			i, e = step(s, escaped, i, e)
		}
		return i
	}
	for n := range found {
		found[n] = span{to(found[n].start), to(found[n].end)}
	}
	return found
}

// step returns where the next character of s begins, and where in its escaped
// form.
func step(s string, escaped []byte, i, e int) (nextI, nextE int) {
	if s[i] < utf8.RuneSelf {
		return i + 1, e + escapeSize(escaped[e:])
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	switch {
	case escaped[e] == '\\':
		return i + size, e + escapeSize(escaped[e:])
	case r == utf8.RuneError && size == 1:
		return i + 1, e + utf8.RuneLen(utf8.RuneError)
	}
	return i + size, e + size
}

// escapeSize is the length of the character, or escape sequence, that s begins
// with; of a character outside of ASCII it is that of its first byte.
func escapeSize(s []byte) int {
	switch {
	case s[0] != '\\':
		return 1
	case bytes.HasPrefix(s, []byte(`\u`)):
		return min(6, len(s))
	}
	return min(2, len(s))
}
