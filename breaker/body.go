package breaker

import "io"

// watchedBody tells the breaker how an answer ends.
type watchedBody struct {
	io.ReadCloser

	call call
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch err { // a wrapped io.EOF is no end of a stream: who reads takes it for an error
	case nil:
	case io.EOF:
		b.call.end(Success)
	default:
		b.call.broke(err)
	}
	return n, err
}

// broke counts an error, also one over which Classify panics.
func (c *call) broke(err error) {
	outcome := Failure
	defer func() { c.end(outcome) }()
	outcome = c.b.judge(c.ctx, c.t, err)
}

// Close ends the call first: a Read that it breaks off, on another goroutine, has not failed by the upstream.
func (b *watchedBody) Close() error {
	b.call.end(Success)
	return b.ReadCloser.Close()
}
