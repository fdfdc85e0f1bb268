package webhook

import (
	"net/http"
	"strings"
	"time"
)

const (
	maxSignatures = 32
	// maxVerifications bounds what signatures with public keys cost, each of which
	// reads the whole body for each key: enough for 32 of them and two keys.
	maxVerifications = 64

	maxSignatureHeader = 8 << 10 // bytes
	maxID              = 255     // bytes; as long as an idempotency key may be
	maxDigits          = 16      // of a time
)

// layout is how the deliveries of a scheme look.
type layout struct {
	name     string
	headers  []headers // those count of which one is there, the first ones if none is
	unit     time.Duration
	list     list
	encoding Encoding
	content  content
	keys     []keyFormat
	bodyID   func(body []byte) string // nil: the body has no id
	twilio   bool
}

// headers are canonical names; those that a scheme does not have are empty.
type headers struct{ id, timestamp, signature string }

// list is the grammar of a header of signatures.
type list struct {
	separator string // empty: there is only one
	timestamp string // what the time begins with, if it is in the list
	tags      []tag
}

// tag is what a signature of an algorithm begins with.
type tag struct {
	prefix    string
	algorithm Algorithm
}

// claim is what the headers of a request say about it, with memory to prove it.
type claim struct {
	id, timestamp string
	time          time.Time
	signatures    []signature

	memory
}

type signature struct {
	algorithm Algorithm
	text      string // encoded
}

func (v *Verifier) claim() *claim {
	if c, ok := v.claims.Get().(*claim); ok {
		return c
	}
	return &claim{signatures: make([]signature, 0, 4)}
}

func (v *Verifier) release(c *claim) {
	clear(c.signatures)
	c.id, c.timestamp, c.time, c.signatures = "", "", time.Time{}, c.signatures[:0]
	c.trim()
	v.claims.Put(c)
}

// read fills c from the headers of a request.
func (l *layout) read(h http.Header, c *claim) error {
	names := l.present(h)
	signatures, err := only(h, names.signature)
	if err != nil {
		return err
	}
	if names.id != "" {
		c.id, err = l.readID(h, names.id)
		if err != nil {
			return err
		}
	}
	if names.timestamp != "" {
		if c.timestamp, err = only(h, names.timestamp); err != nil {
			return err
		}
	}
	if err := l.list.read(signatures, c); err != nil {
		return err
	}
	if l.content.timestamp {
		var ok bool
		if c.time, ok = parseTime(c.timestamp, l.unit); !ok {
			return ErrHeaderInvalid
		}
	}
	return nil
}

func (l *layout) present(h http.Header) *headers {
	for i := range l.headers {
		if n := &l.headers[i]; len(h[n.id]) > 0 || len(h[n.timestamp]) > 0 || len(h[n.signature]) > 0 {
			return n
		}
	}
	return &l.headers[0]
}

// only returns the value of a header that must be there once.
func only(h http.Header, name string) (string, error) {
	switch values := h[name]; {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", ErrHeaderMissing
	case len(values) > 1 || len(values[0]) > maxSignatureHeader:
		return "", ErrHeaderInvalid
	default:
		return values[0], nil
	}
}

// readID reads the header of the id, which may be missing where it is not signed.
func (l *layout) readID(h http.Header, name string) (string, error) {
	id, err := only(h, name)
	switch {
	case err == ErrHeaderMissing && !l.content.id: //nolint:errorlint // it is never wrapped
		return "", nil
	case err != nil:
		return "", err
	case !l.isID(id):
		return "", ErrHeaderInvalid
	}
	return id, nil
}

// isID reports whether a delivery of this scheme can have that id.
func (l *layout) isID(id string) bool {
	if l.content.afterID != "" && strings.Contains(id, l.content.afterID) {
		return false
	}
	return isPlainID(id)
}

func isPlainID[T string | []byte](id T) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return len(id) > 0 && len(id) <= maxID
}

// read adds the signatures in value to c, and the time if it is among them.
// Elements of no known kind count, and are left out.
func (l *list) read(value string, c *claim) error {
	for n := 0; ; n++ {
		if n == maxSignatures {
			return ErrTooManySignatures
		}
		element, rest, more := value, "", false
		if l.separator != "" {
			element, rest, more = strings.Cut(value, l.separator)
		}
		if l.timestamp != "" && strings.HasPrefix(element, l.timestamp) {
			if c.timestamp != "" {
				return ErrHeaderInvalid // which of them was signed?
			}
			c.timestamp = element[len(l.timestamp):]
			n-- // no signature
		} else {
			l.add(element, c)
		}
		if !more {
			break
		}
		value = rest
	}
	if len(c.signatures) == 0 {
		return ErrHeaderInvalid
	}
	return nil
}

func (l *list) add(element string, c *claim) {
	for i := range l.tags {
		if text, ok := strings.CutPrefix(element, l.tags[i].prefix); ok {
			c.signatures = append(c.signatures, signature{l.tags[i].algorithm, text})
			return
		}
	}
}

// parseTime reads a count of units since 1970: digits, and no leading zero.
func parseTime(s string, unit time.Duration) (time.Time, bool) {
	if s == "" || len(s) > maxDigits || s[0] == '0' && len(s) > 1 {
		return time.Time{}, false
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return time.Time{}, false
		}
		n = 10*n + int64(s[i]-'0')
	}
	if unit == time.Millisecond {
		return time.UnixMilli(n), true
	}
	return time.Unix(n, 0), true
}
