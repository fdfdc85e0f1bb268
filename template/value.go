package template

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
)

// Kind is what a [Value] is, in the terms of JSON.
type Kind uint8

// The kinds. Missing is the zero value: a path that leads nowhere. It is not
// Null, which is a value of the data.
const (
	KindMissing Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	switch k {
	case KindMissing:
		return "missing"
	case KindNull:
		return "null"
	case KindBool:
		return "bool"
	case KindNumber:
		return "number"
	case KindString:
		return "string"
	case KindArray:
		return "array"
	case KindObject:
		return "object"
	default:
		return "kind " + strconv.Itoa(int(k))
	}
}

// NumberMode says how a number becomes text. In a JSON document, and in the
// hands of a filter, a number is always as the data writes it.
type NumberMode uint8

const (
	// NumberRaw keeps the text of the data: 1.10 stays 1.10, and an integer of
	// any size is exact. It is the default.
	NumberRaw NumberMode = iota
	// NumberGJSON writes what gjson's Result.String writes: an integer as it
	// is, any other number through a float64 and without exponent, so that 1.10
	// becomes 1.1 and 1e3 becomes 1000.
	NumberGJSON
)

// Value is a value of the data, an argument of a filter, or the result of one.
// It is a view and copies nothing: a filter must not keep it, nor what
// [Value.Raw] returns, beyond its call. The zero Value is a missing one.
type Value struct {
	raw   string // JSON without space around it, or the text itself if plain
	kind  Kind
	plain bool // raw is the text of a string, without quotes and escapes
}

// newValue is a view of a whole JSON value that has no space around it.
func newValue(raw string) Value { return Value{raw: raw, kind: kindOf(raw[0])} }

// textValue is a string whose text is s.
func textValue(s string) Value { return Value{raw: s, kind: KindString, plain: true} }

// kindOf tells a JSON value by its first byte.
func kindOf(c byte) Kind {
	switch c {
	case 'n':
		return KindNull
	case 't', 'f':
		return KindBool
	case '"':
		return KindString
	case '[':
		return KindArray
	case '{':
		return KindObject
	default:
		return KindNumber
	}
}

// fromGJSON is a view of a result of gjson that is known to be JSON: gjson can
// find brackets in the text of a string, and the path has to rule that out.
func fromGJSON(r gjson.Result) Value {
	raw := strings.Trim(r.Raw, " \t\r\n")
	if raw == "" {
		return Value{}
	}
	return newValue(raw)
}

// isJSON reports whether s is JSON.
func isJSON(s string) bool { return sound(s, maxNesting) }

const maxNesting = 10_000 // as encoding/json allows

// nested returns how deep the brackets of s nest, exactly when s is JSON, and
// else not less than up to its first fault.
func nested(s string) (deepest int) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = skipString(s, i) - 1
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

// Kind returns what the value is.
func (v Value) Kind() Kind { return v.kind }

// Exists reports whether the value is not missing. Null exists.
func (v Value) Exists() bool { return v.kind != KindMissing }

// Raw returns the value as JSON: as the data writes it, or the encoding of a
// text. It is empty for a missing value. It must not be kept; see [Value].
func (v Value) Raw() string {
	if v.plain {
		return string(v.AppendJSON(nil))
	}
	return v.raw
}

// String returns what [Value.AppendText] appends, as a copy that may be kept.
func (v Value) String() string {
	if s, ok := v.text(); ok {
		return strings.Clone(s)
	}
	return string(v.AppendText(nil))
}

// AppendText appends the value as text: a string without quotes and escapes, a
// number as the data writes it, true or false, nothing for null and missing, an
// array or object as its JSON. Half of a surrogate pair becomes U+FFFD.
func (v Value) AppendText(dst []byte) []byte {
	if s, ok := v.text(); ok {
		return append(dst, s...)
	}
	return appendUnescaped(dst, v.inner())
}

// appendText is AppendText for a mode of numbers.
func (v Value) appendText(dst []byte, mode NumberMode) []byte {
	if v.kind == KindNumber && mode == NumberGJSON && !isInteger(v.raw) {
		f, _ := strconv.ParseFloat(v.raw, 64) // out of range: ±Inf, as in gjson
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	return v.AppendText(dst)
}

// AppendJSON appends the value as JSON. Of the data's values it copies the
// text; a missing value is null.
func (v Value) AppendJSON(dst []byte) []byte {
	switch {
	case v.plain:
		dst = append(dst, '"')
		dst = appendJSONText(dst, v.raw)
		return append(dst, '"')
	case v.kind == KindMissing:
		return append(dst, "null"...)
	default:
		return append(dst, v.raw...)
	}
}

// text is the value as text without a copy, unless it has escapes.
func (v Value) text() (s string, ok bool) {
	switch {
	case v.kind <= KindNull:
		return "", true
	case v.kind == KindString && !v.plain:
		s = v.inner()
		return s, strings.IndexByte(s, '\\') < 0
	default:
		return v.raw, true
	}
}

// inner is a JSON string without its quotes.
func (v Value) inner() string { return v.raw[1 : len(v.raw)-1] }

// isEmpty reports whether the value is missing, null, "", [] or {}.
func (v Value) isEmpty() bool {
	switch {
	case v.kind <= KindNull:
		return true
	case v.plain:
		return v.raw == ""
	case v.kind == KindString:
		return len(v.raw) == 2
	case v.kind >= KindArray:
		w := walk(v)
		return !w.next()
	default:
		return false
	}
}

// isInteger reports whether a JSON number is only digits behind its sign.
func isInteger(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c != '-' || i > 0) {
			return false
		}
	}
	return true
}

// isNumber reports whether s is a number of JSON (RFC 8259, section 6).
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if s != "" && s[0] == '.' {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return s == ""
}

// digits counts the digits that s begins with.
func digits(s string) (n int) {
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// stringOf is a view: b is only read, and not written while the view is in use.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // see above

// bytesOf is a view that is only read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) } //nolint:gosec // see above
