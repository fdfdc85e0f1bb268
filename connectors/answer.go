package connectors

import (
	"io"
	"net/http"
)

// answer is the body of a response, bounded in size and time.
type answer struct {
	body   io.ReadCloser
	call   *call
	flight *flight
	status int
	left   int64 // negative once there was more than allowed
}

func (a *answer) Read(p []byte) (int, error) {
	if a.left < 0 {
		return 0, a.tooLarge()
	}
	if int64(len(p)) > a.left+1 {
		p = p[:a.left+1] // one more than allowed tells the end from too much
	}
	n, err := a.body.Read(p)
	if a.left -= int64(n); a.left < 0 {
		e := a.tooLarge()
		a.call.report(a.status, e)
		return n - 1, e
	}
	switch err {
	case nil:
		return n, nil
	case io.EOF:
		a.call.report(a.status, nil)
		return n, err
	default:
		e := a.flight.scrub(err)
		a.call.report(a.status, e)
		return n, e
	}
}

func (a *answer) tooLarge() *Error {
	return &Error{Host: a.flight.host, Kind: KindTooLarge, Message: "the answer is too large"}
}

// Close ends the call. What it could say has no use for the caller.
func (a *answer) Close() error {
	a.call.report(a.status, nil)
	a.flight.free()
	a.call.cancel()
	_ = a.body.Close()
	return nil
}

// noBody gives a response the body that it must have.
func noBody(resp *http.Response) {
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
}
