package template

import (
	"strings"
	"unicode/utf8"
)

// Each calls yield for each item of an array, with a missing key, and for each
// member of an object, in the order of the data and with repeated names, until
// yield returns false. Of any other value it calls nothing. It has the form of
// an iterator: for key, item := range v.Each.
func (v Value) Each(yield func(key, item Value) bool) {
	for w := walk(v); w.next(); {
		if !yield(w.key, w.item) {
			return
		}
	}
}

// Len returns the number of characters (Unicode code points) of a string, items
// of an array, or members of an object. It is 0 for other kinds.
func (v Value) Len() (n int) {
	switch {
	case v.plain:
		return utf8.RuneCountInString(v.raw)
	case v.kind == KindString:
		return countUnescaped(v.inner())
	default:
		for w := walk(v); w.next(); {
			n++
		}
		return n
	}
}

// walker steps over the children of an array or object, whose JSON is known to
// be valid.
type walker struct {
	json      string
	pos       int
	object    bool
	key, item Value
}

func walk(v Value) walker {
	if v.kind < KindArray {
		return walker{}
	}
	return walker{json: v.raw, pos: 1, object: v.kind == KindObject}
}

// next reads one child, and reports false at the end.
func (w *walker) next() bool {
	w.pos = skipTo(w.json, w.pos)
	if w.pos >= len(w.json) || w.json[w.pos] == ']' || w.json[w.pos] == '}' {
		return false
	}
	if w.object {
		w.key = w.value()
		w.pos = skipTo(w.json, w.pos)
		if w.pos >= len(w.json) {
			return false
		}
	}
	w.item = w.value()
	return true
}

func (w *walker) value() Value {
	start := w.pos
	w.pos = skip(w.json, start)
	return newValue(w.json[start:w.pos])
}

// skipTo skips whitespace, commas and colons.
func skipTo(s string, i int) int {
	for i < len(s) && (s[i] <= ' ' || s[i] == ',' || s[i] == ':') {
		i++
	}
	return i
}

// skip returns the end of the value that begins at i. It needs no stack:
// brackets of valid JSON match.
func skip(s string, i int) int {
	if s[i] == '"' {
		return skipString(s, i)
	}
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = skipString(s, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// skipString returns the end of the string that begins at i.
func skipString(s string, i int) int {
	for i++; ; {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			return len(s)
		}
		i += n + 1
		from := i - 2 // a quote behind an odd number of backslashes is escaped
		for s[from] == '\\' {
			from--
		}
		if (i-2-from)%2 == 0 {
			return i
		}
	}
}
