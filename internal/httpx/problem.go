package httpx

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

// ProblemBase is the page that documents every problem type of the library;
// a type is this address and the anchor of its section.
const ProblemBase = "https://github.com/bracework/bracework/blob/main/docs/problems.md#"

// Problem is a problem document (RFC 9457). No field may carry the text of an
// error or a value of the request: it reaches the client.
type Problem struct {
	Type   string // absolute URI, stable
	Title  string // fixed text of the type
	Status int
	Detail string // optional; what the client can do next
	// Extensions are further members, in this order (RFC 9457 section 3.2).
	Extensions []Extension
}

// Extension is an extension member of a [Problem]. Its value must marshal to
// JSON.
type Extension struct {
	Name  string
	Value any
}

// WriteProblem answers with p as application/problem+json. Like [http.Error] it
// leaves other headers alone: a Content-Encoding is that of a layer outside,
// which encodes this body, too. Headers such as Retry-After and Allow are the
// caller's to set before.
func WriteProblem(w http.ResponseWriter, p Problem) {
	WriteProblemJSON(w, p.Status, p.appendJSON(make([]byte, 0, 256)))
}

// WriteProblemJSON is [WriteProblem] for a document that the caller has made.
func WriteProblemJSON(w http.ResponseWriter, status int, body []byte) {
	values := [...]string{"application/problem+json", "nosniff"}
	h := w.Header()
	h["Content-Type"], h["X-Content-Type-Options"] = values[0:1:1], values[1:2:2]
	h.Del("Content-Length") // of another body; the server counts this one
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (p Problem) appendJSON(b []byte) []byte {
	b = append(b, `{"type":`...)
	b = appendValue(b, p.Type)
	b = append(b, `,"title":`...)
	b = appendValue(b, p.Title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(p.Status), 10)
	if p.Detail != "" {
		b = append(b, `,"detail":`...)
		b = appendValue(b, p.Detail)
	}
	for _, e := range p.Extensions {
		b = append(b, ',')
		b = appendValue(b, e.Name)
		b = append(b, ':')
		b = appendValue(b, e.Value)
	}
	return append(b, "}\n"...)
}

// appendValue leaves <, > and & readable: the media type is never sniffed as
// HTML. A value that cannot be marshaled becomes null, the document stays
// well-formed. Plain strings and numbers, which is nearly all of them, need no
// encoder: refusals are answered under attack.
func appendValue(b []byte, v any) []byte {
	switch x := v.(type) {
	case int64:
		return strconv.AppendInt(b, x, 10)
	case string:
		if isPlain(x) {
			return append(append(append(b, '"'), x...), '"')
		}
	case []string:
		b = append(b, '[')
		for i, s := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, s)
		}
		return append(b, ']')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return append(b, "null"...)
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// isPlain reports whether s is its own JSON form, but for the quotes.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
