package httpx

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
)

// ErrBodyTooLarge is returned by [ReadBody] and [AppendBody] when the body
// exceeds the limit, or one that [http.MaxBytesReader] set further out.
var ErrBodyTooLarge = errors.New("httpx: request body too large")

// Body is a request body in memory, readable from its start. The zero value is
// empty.
type Body struct {
	bytes.Reader
	data   []byte
	closer io.Closer
}

// Attach makes data the body of r. Middlewares in one chain share it: each
// [ReadBody] finds it, however much of it was read. Closing it closes the body
// that r had before.
func (b *Body) Attach(r *http.Request, data []byte) {
	b.data, b.closer = data, r.Body
	b.Reset(data)
	r.Body = b
}

// Close closes the body that was there before.
func (b *Body) Close() error {
	if b.closer == nil {
		return nil
	}
	return b.closer.Close()
}

// ReadBody returns the whole body of r and leaves r.Body readable again from
// its start. The bytes must not be modified.
//
// A body of more than limit bytes is [ErrBodyTooLarge]; at most one byte beyond
// the limit is read. Any other error is the body's own.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	data, shared := sharedBody(r)
	if !shared {
		var err error
		if data, err = AppendBody(nil, r, limit); err != nil || len(data) == 0 {
			return nil, err
		}
	}
	if int64(len(data)) > limit {
		return nil, ErrBodyTooLarge
	}
	new(Body).Attach(r, data)
	return data, nil
}

// AppendBody appends the whole body of r to dst, as [ReadBody] reads it, and
// leaves r.Body at its end: [Body.Attach] makes it readable again.
func AppendBody(dst []byte, r *http.Request, limit int64) ([]byte, error) {
	data, shared := sharedBody(r)
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return dst, nil
	case shared && int64(len(data)) > limit, r.ContentLength > limit:
		return dst, ErrBodyTooLarge
	case shared:
		return append(dst, data...), nil
	}
	// The announced length is a claim of the client: trust it with memory only
	// up to a page's worth and let the buffer grow with what arrives.
	dst = slices.Grow(dst, int(min(max(r.ContentLength, 0), 16<<10))+1) // 1 for the end
	start := len(dst)
	for {
		room := dst[len(dst):cap(dst)]
		if most := limit + 1 - int64(len(dst)-start); int64(len(room)) > most {
			room = room[:most]
		}
		n, err := r.Body.Read(room)
		dst = dst[:len(dst)+n]
		switch {
		case int64(len(dst)-start) > limit:
			return dst, ErrBodyTooLarge
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				return dst, ErrBodyTooLarge
			}
			return dst, err
		}
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, bytes.MinRead)
		}
	}
}

func sharedBody(r *http.Request) (data []byte, ok bool) {
	shared, ok := r.Body.(*Body)
	if !ok {
		return nil, false
	}
	return shared.data, true
}
