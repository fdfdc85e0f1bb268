package idempotency

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
)

// Transport is the client's side: an [http.RoundTripper] that gives each
// unsafe request a key, one for all its tries.
//
// It goes outside of whatever repeats requests, so that all repetitions carry
// the key: those of a retrying RoundTripper in Base, and those of
// [http.Transport] itself, which repeats a POST over a broken connection when
// the header is there and the body can be read again. Where a loop calls
// [http.Client.Do], or a retrying client does so inside, each call is a new
// request and gets a new key: set the header before the loop, which Transport
// leaves alone, or put the retrying client's RoundTripper in Base.
//
// The zero value is ready for use, and safe for concurrent use.
type Transport struct {
	// Base makes the requests. Default: [http.DefaultTransport].
	Base http.RoundTripper
	// NewKey returns the field value of Idempotency-Key for a request; an empty
	// one sends the request without. It may read the request, whose context
	// leads to the incoming one, so that an attempt and its repetition send the
	// same key. Default: 128 random bits in hexadecimal digits, as the quoted
	// String that the IETF draft demands.
	NewKey func(*http.Request) string
}

var _ http.RoundTripper = Transport{}

// RoundTrip implements [http.RoundTripper]. It sets the key of requests with
// the methods POST, PUT, PATCH and DELETE that have neither an Idempotency-Key
// nor an X-Idempotency-Key.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if key := t.key(r); key != "" {
		r = r.Clone(r.Context()) // a RoundTripper must not modify the request
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Idempotency-Key", key)
	}
	if t.Base != nil {
		return t.Base.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r) //nolint:forbidigo // what http.Client itself falls back to
}

func (t Transport) key(r *http.Request) string {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return ""
	}
	if len(r.Header["Idempotency-Key"]) > 0 || len(r.Header["X-Idempotency-Key"]) > 0 {
		return ""
	}
	if t.NewKey != nil {
		return t.NewKey(r)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program first
	return `"` + hex.EncodeToString(id[:]) + `"`
}
