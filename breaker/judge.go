package breaker

import (
	"context"
	"errors"
	"net/http"
)

// judge applies the fixed rules to the error of a call, then Classify.
func (b *Breaker) judge(ctx context.Context, t ticket, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case t.late, errors.Is(ctx.Err(), context.Canceled), errors.Is(err, ErrOpen):
		return Neutral
	case b.cfg.Classify != nil:
		return b.cfg.Classify(ctx, err)
	default:
		return Failure
	}
}

// serverFailed reports whether a status says that the server does not work. 501 and 505 are answers: the server knows
// what it cannot do (RFC 9110 sections 15.6.2 and 15.6.6).
func serverFailed(status int) bool {
	return status >= 500 && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported
}

// judgeServed is the outcome of a request that a handler answered with status.
func judgeServed(ctx context.Context, t ticket, status int) Outcome {
	switch {
	case serverFailed(status):
		if t.late || errors.Is(ctx.Err(), context.Canceled) {
			return Neutral // the client left, and the handler noticed
		}
		return Failure
	case status == http.StatusTooManyRequests:
		return Neutral
	default:
		return Success
	}
}

// judgeAnswer is the outcome of a call that an upstream answered with resp, for want of a TransportConfig.Classify.
func judgeAnswer(resp *http.Response) Outcome {
	switch {
	case serverFailed(resp.StatusCode), resp.StatusCode == http.StatusRequestTimeout:
		return Failure
	case resp.StatusCode == http.StatusTooManyRequests:
		return Neutral
	default:
		return Success
	}
}

// fell is the outcome of a call that did not return: p is what it panicked with, or nil if it ended its goroutine.
func fell(p any) Outcome {
	if p == any(http.ErrAbortHandler) {
		return Neutral
	}
	return Failure
}
