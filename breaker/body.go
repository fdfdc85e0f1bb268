package breaker

import (
	"errors"
	"io"
)

// watchedBody tells the breaker how an answer ends.
type watchedBody struct {
	io.ReadCloser

	call call
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.call.end(Success)
	default:
		b.call.end(b.call.b.judge(b.call.ctx, b.call.t, err))
	}
	return n, err
}

// Close ends the call first: a Read that it breaks off, on another goroutine, has not failed by the upstream.
func (b *watchedBody) Close() error {
	b.call.end(Success)
	return b.ReadCloser.Close()
}
