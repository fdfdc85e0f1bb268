package idempotency

import (
	"crypto/rand"
	"errors"
	"net/http"
	"sync"

	"github.com/bracework/bracework/internal/httpx"
)

// keyed is a request that is being answered, before it has a claim.
type keyed struct {
	req    ClaimRequest
	input  *input
	bodyAt int
}

// input is memory in which the fingerprinted parts of a request are collected.
// It is used again, unless the body in it is handed to a handler.
type input struct {
	token Token
	bytes []byte
}

const (
	inputSize     = 32       // of the method and all lengths, and of the end of the body
	trustedLength = 16 << 10 // of a body that is announced and not there yet
	keptInput     = 64 << 10 // the largest buffer that is kept for the next request
)

type inputPool struct{ pool sync.Pool }

func (p *inputPool) get() *input {
	if in, ok := p.pool.Get().(*input); ok {
		return in
	}
	return new(input)
}

func (p *inputPool) put(in *input) {
	if cap(in.bytes) > keptInput {
		in.bytes = nil
	}
	p.pool.Put(in)
}

// read reads the body of r, and digests what makes it the same request.
func (m *Middleware) read(k *keyed, r *http.Request) *refusal {
	limit := m.cfg.MaxRequestBody
	if limit < 0 {
		limit = noLimit
	}
	in := k.input
	var mediaType string
	if values := r.Header["Content-Type"]; len(values) > 0 {
		mediaType = values[0]
	}
	if in.bytes == nil {
		size := inputSize + len(r.URL.Path) + len(r.URL.RawQuery) + len(mediaType)
		in.bytes = make([]byte, 0, size+int(min(max(r.ContentLength, 0), trustedLength)))
	}
	b := appendTarget(in.bytes[:0], r)
	if m.cfg.Fingerprint == nil {
		b = appendString(b, mediaType)
	}
	k.bodyAt = len(b)
	b, err := httpx.AppendBody(b, r, limit)
	in.bytes = b
	if err == nil {
		k.req.Fingerprint, err = m.fingerprint(r, b, k.bodyAt)
	}
	switch {
	case err == nil:
		_, _ = rand.Read(in.token[:]) // never fails: crypto/rand ends the program first
		k.req.Token, k.req.Lease, k.req.TTL = in.token, m.cfg.Lease, m.cfg.TTL
		return nil
	case errors.Is(err, httpx.ErrBodyTooLarge):
		return refuseBodyTooLarge()
	default:
		return refuseBodyInvalid()
	}
}

const noLimit = 1<<62 - 1

// takeBody gives the handler the body that was read, and its memory with it.
func (k *keyed) takeBody(r *http.Request, body *httpx.Body) {
	if data := k.input.bytes[k.bodyAt:]; len(data) > 0 {
		body.Attach(r, data)
		k.input.bytes = nil
	}
}
