package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/tidwall/gjson"
)

// checkData returns data as the string that gjson reads. gjson answers
// garbage from invalid JSON, and its validation recurses, so depth comes
// first.
func checkData(data []byte, limits Limits, lines bool) (string, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return "", &DataError{Offset: firstInvalid(data), Msg: "not valid UTF-8"}
	}
	if at, ok := tooDeep(data, limits.MaxDepth); ok {
		return "", &DataError{Offset: at, Msg: "nested too deep"}
	}
	if !lines {
		return stringOf(data), invalid(data, 0)
	}
	offset := 0
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) > 0 {
			if err := invalid(line, offset); err != nil {
				return "", err
			}
		}
		offset += len(line)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return "", &DataError{Msg: "empty"}
	}
	return stringOf(data), nil
}

func firstInvalid(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// invalid returns nil, or a *DataError as error.
func invalid(data []byte, offset int) error {
	if gjson.ValidBytes(data) {
		return nil
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return &DataError{Offset: offset, Msg: "empty"}
	}
	at := int64(len(data))
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(data, new(json.RawMessage))); ok && syntax.Error() != "unexpected end of JSON input" {
		at = max(syntax.Offset-1, 0) // Offset is behind the offending byte
	}
	return &DataError{Offset: offset + int(at), Msg: "not valid JSON"}
}

// tooDeep finds the bracket that exceeds the depth. It takes strings for
// strings as long as the data is valid, and else errs on the safe side or is
// corrected by validation.
func tooDeep(data []byte, limit int) (at int, ok bool) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > limit {
				return i, true
			}
		case '}', ']':
			depth--
		}
	}
	return 0, false
}

// stringOf is a view: the data is only read, and only during the call that it
// was given to.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // see above

// usesLines reports whether a path reads the data as JSON Lines.
func usesLines(nodes []node) bool {
	for _, n := range nodes {
		for _, op := range n.tag {
			if strings.HasPrefix(op.path.text, "..") {
				return true
			}
		}
	}
	return false
}

// lookup returns the first operand that is neither missing nor null, or else
// the last one that is null.
func lookup(json string, ops []operand) (v gjson.Result, ok bool) {
	for i := range ops {
		if ops[i].isLiteral() {
			v, ok = ops[i].literal, true
		} else if r := get(json, ops[i].path.steps); r.Exists() && whole(r) {
			v, ok = r, true
		} else {
			continue
		}
		if v.Type != gjson.Null {
			return v, true
		}
	}
	return v, ok
}

// get evaluates a path step by step: gjson would look for members and items
// inside the text of a string.
func get(json string, steps []string) (r gjson.Result) {
	for _, step := range steps {
		if !strings.HasPrefix(step, "..") && !container(json) {
			return gjson.Result{}
		}
		if r = gjson.Get(json, step); !r.Exists() {
			return r
		}
		json = r.Raw
	}
	return r
}

func container(json string) bool {
	for i := range len(json) {
		if c := json[i]; !isSpace(c) {
			return c == '{' || c == '['
		}
	}
	return false
}

// whole reports whether a result is a value of the data. gjson does look inside
// strings behind a projection; what it finds there need not be JSON.
func whole(r gjson.Result) bool {
	switch r.Type {
	case gjson.JSON, gjson.Number:
		return r.Raw == "" || gjson.Valid(r.Raw)
	default:
		return true
	}
}

// appendValueText appends a value as text.
func appendValueText(dst []byte, v gjson.Result) []byte {
	switch v.Type {
	case gjson.String:
		return append(dst, v.Str...)
	case gjson.Null:
		return dst
	default:
		return append(dst, raw(v)...)
	}
}

// raw is the JSON of a value. gjson gives none to a length.
func raw(v gjson.Result) string {
	if v.Raw == "" {
		return v.String()
	}
	return strings.TrimSpace(v.Raw)
}

// appendValueJSON appends a value as JSON.
func appendValueJSON(dst []byte, v gjson.Result) []byte {
	switch v.Type {
	case gjson.Null:
		return append(dst, "null"...)
	case gjson.String:
		return appendJSONString(dst, v.Str)
	default:
		return append(dst, raw(v)...)
	}
}

func appendMissing(dst []byte, policy MissingPolicy, source string) []byte {
	switch policy {
	case MissingKeep:
		return append(dst, source...)
	case MissingNull:
		return append(dst, "null"...)
	default:
		return dst
	}
}

// appendJSONString encodes s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			from = i + 1
		}
		i++
	}
	return append(append(dst, s[from:]...), '"')
}
