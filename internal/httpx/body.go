package httpx

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// ErrBodyTooLarge is returned by [ReadBody] when the body exceeds its limit,
// or a limit that [http.MaxBytesReader] set further out.
var ErrBodyTooLarge = errors.New("httpx: request body too large")

// ReadBody returns the whole body of r and leaves r.Body readable again from
// its start. Middlewares in one chain share the bytes: the second call finds
// the first one's. The bytes must not be modified.
//
// A body of more than limit bytes is [ErrBodyTooLarge]; at most one byte beyond
// the limit is read. Any other error is the body's own.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if shared, ok := r.Body.(*body); ok {
		if int64(len(shared.data)) > limit {
			return nil, ErrBodyTooLarge
		}
		r.Body = newBody(shared.data, shared.Closer)
		return shared.data, nil
	}
	if r.ContentLength > limit {
		return nil, ErrBodyTooLarge
	}
	data, err := readAtMost(r.Body, limit, r.ContentLength)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, ErrBodyTooLarge
		}
		return nil, err
	}
	r.Body = newBody(data, r.Body)
	return data, nil
}

func readAtMost(src io.Reader, limit, announced int64) ([]byte, error) {
	var buf bytes.Buffer
	if announced > 0 {
		// The announced length is a claim of the client: trust it with memory
		// only up to a page's worth and let the buffer grow with what arrives.
		buf.Grow(int(min(announced, 16<<10)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(src, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, ErrBodyTooLarge
	}
	return buf.Bytes(), nil
}

// body is a request body in memory.
type body struct {
	*bytes.Reader
	io.Closer
	data []byte
}

func newBody(data []byte, c io.Closer) *body {
	return &body{Reader: bytes.NewReader(data), Closer: c, data: data}
}
