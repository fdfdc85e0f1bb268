package idempotency

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// FingerprintFunc returns what identifies the content of a request, in place
// of its media type and the bytes of its body. Method, path and query belong to
// the fingerprint in any case. The body must be neither modified nor kept; an
// error is answered with 400.
type FingerprintFunc func(r *http.Request, body []byte) ([]byte, error)

// fingerprintVersion starts what is fingerprinted, for other forms to come.
const fingerprintVersion = 1

// appendTarget appends what belongs to every fingerprint.
func appendTarget(b []byte, r *http.Request) []byte {
	b = append(b, fingerprintVersion)
	b = appendString(b, r.Method)
	b = appendString(b, r.URL.EscapedPath())
	return appendString(b, r.URL.RawQuery)
}

// fingerprint digests the input that [Middleware.read] has collected: the
// target from the start, the body behind bodyAt.
func (m *Middleware) fingerprint(r *http.Request, input []byte, bodyAt int) (Fingerprint, error) {
	if m.cfg.Fingerprint == nil {
		return sha256.Sum256(input), nil
	}
	content, err := m.cfg.Fingerprint(r, input[bodyAt:])
	if err != nil {
		return Fingerprint{}, err
	}
	return sha256.Sum256(append(input[:bodyAt:bodyAt], content...)), nil
}

var (
	errNotJSON  = errors.New("idempotency: body is not JSON")
	errNoFields = errors.New("idempotency: body has none of the fields")
)

// JSONFingerprint returns a [FingerprintFunc] that compares the values at paths
// in a JSON body, and nothing else of it: a client may send a new timestamp
// with each try. A path is written as gjson writes it ("order.id",
// "items.#.sku"); without paths the whole body counts. Values are equal when
// they are the same JSON value: white space, escapes and the order of members
// do not matter, the spelling of a number does (1.0 is not 1). A path that is
// missing differs from null. Names are compared with their case, which
// encoding/json does not do when it fills a struct. Of members with one
// name the first counts at a path, and the last inside of a value.
//
// A body that is not JSON, or lacks all of the paths, is answered with 400; a
// path that is missing beside another one is no error, so look twice at their
// spelling. Since a 4xx is kept, too, a client that corrects a field which does
// not count gets the old refusal: name every field that a correction may touch,
// or call [NoStore] for such refusals.
func JSONFingerprint(paths ...string) FingerprintFunc {
	paths = append([]string(nil), paths...)
	const missing, present = 0, 1
	return func(_ *http.Request, body []byte) ([]byte, error) {
		if !json.Valid(body) { // bounds the depth, too
			return nil, errNotJSON
		}
		if len(paths) == 0 {
			return canonicalJSON(body)
		}
		var content []byte
		found := false
		for _, value := range gjson.GetManyBytes(body, paths...) {
			if !value.Exists() {
				content = append(content, missing)
				continue
			}
			found = true
			canonical, err := canonicalJSON([]byte(value.Raw))
			if err != nil {
				return nil, err
			}
			content = binary.AppendUvarint(append(content, present), uint64(len(canonical)))
			content = append(content, canonical...)
		}
		if !found {
			return nil, errNoFields
		}
		return content, nil
	}
}

// canonicalJSON returns value with its members sorted, no white space and one
// way of escaping.
func canonicalJSON(value []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, errNotJSON
	}
	canonical, err := json.Marshal(v)
	if bytes.ContainsRune(canonical, utf8.RuneError) {
		return value, nil // it stands for what is no text, and for each such in the same way
	}
	return canonical, err
}
