package idempotency

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"net/http"
)

// FingerprintFunc returns what identifies the content of a request, in place
// of its media type and the bytes of its body. Method, path and query belong to
// the fingerprint in any case. The body must not be modified; an error is
// answered with 400.
type FingerprintFunc func(r *http.Request, body []byte) ([]byte, error)

const fingerprintDomain = "bracework/idempotency/fingerprint/1\n"

func (m *Middleware) fingerprint(r *http.Request, body []byte) (Fingerprint, error) {
	h := sha256.New()
	_, _ = io.WriteString(h, fingerprintDomain)
	writeField(h, r.Method)
	writeField(h, r.URL.EscapedPath())
	writeField(h, r.URL.RawQuery)
	if m.cfg.Fingerprint == nil {
		writeField(h, r.Header.Get("Content-Type"))
	} else {
		var err error
		if body, err = m.cfg.Fingerprint(r, body); err != nil {
			return Fingerprint{}, err
		}
	}
	_, _ = h.Write(body) // last, so it needs no length
	return Fingerprint(h.Sum(nil)), nil
}

func writeField(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	_, _ = h.Write(n[:])
	_, _ = io.WriteString(h, s)
}
