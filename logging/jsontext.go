package logging

import (
	"bytes"
	"encoding/json"
)

// jsonDocument reports whether b is a JSON object or array.
func jsonDocument(b []byte) bool {
	b = skipSpace(b)
	return len(b) > 1 && (b[0] == '{' || b[0] == '[') && json.Valid(b)
}

// json writes b, which is valid JSON, without white space and masked.
func (l *line) json(b []byte) { l.jsonValue(skipSpace(b)) }

// jsonValue writes the value that b begins with and returns what follows it.
func (l *line) jsonValue(b []byte) []byte {
	switch b[0] {
	case '"':
		end := stringEnd(b)
		l.text(unquote(b[:end]))
		return b[end:]
	case '{', '[':
		if l.beyond() {
			return b[valueEnd(b):]
		}
		l.depth++
		b = l.jsonList(b)
		l.depth--
		return b
	}
	end := valueEnd(b)
	if digit(b[0]) || b[0] == '-' {
		l.number(b[:end])
	} else {
		l.buf = append(l.buf, b[:end]...)
	}
	return b[end:]
}

// jsonList writes the object or array that b begins with.
func (l *line) jsonList(b []byte) []byte {
	isObject := b[0] == '{'
	o := object{first: len(l.members)}
	l.buf = append(l.buf, b[0])
	some := false
	for b = skipSpace(b[1:]); b[0] != '}' && b[0] != ']'; {
		some = true
		if len(l.buf) > maxLine {
			if isObject {
				l.leaveOut(`"(truncated)":true,`)
			} else {
				l.leaveOut(truncated + ",")
			}
			b = skipElements(b)
			break
		}
		if isObject {
			b = l.jsonMember(&o, b)
		} else {
			b = l.jsonValue(b)
			l.buf = append(l.buf, ',')
		}
		if b = skipSpace(b); b[0] == ',' {
			b = skipSpace(b[1:])
		}
	}
	l.endList(b[0], some)
	l.members = l.members[:o.first]
	return b[1:]
}

// jsonMember writes the member that b begins with.
func (l *line) jsonMember(o *object, b []byte) []byte {
	end := stringEnd(b)
	key := unquote(b[:end])
	b = skipSpace(skipSpace(b[end:])[1:])
	v := l.verdict(key)
	m := l.elementKey(key)
	if v == shown || v == counted && (digit(b[0]) || b[0] == '-') {
		outer := l.quote
		l.quote = l.isID(key)
		b = l.jsonValue(b)
		l.quote = outer
	} else {
		l.mask()
		b = b[valueEnd(b):]
	}
	l.add(o, m)
	return b
}

// skipElements returns b from the bracket on that closes the list around it.
func skipElements(b []byte) []byte {
	for b[0] != '}' && b[0] != ']' {
		switch b[0] {
		case ',', ':', ' ', '\t', '\r', '\n':
			b = b[1:]
		default:
			b = b[valueEnd(b):]
		}
	}
	return b
}

// valueEnd is the length of the value that b begins with.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// stringEnd is the length of the string, with its quotes, that b begins with.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func unquote(token []byte) string {
	inside := token[1 : len(token)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return string(inside)
	}
	var s string
	if json.Unmarshal(token, &s) != nil {
		return string(inside)
	}
	return s
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}
