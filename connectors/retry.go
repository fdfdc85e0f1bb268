package connectors

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// The waits between attempts: a random part of a window that doubles.
const (
	firstWindow = 250 * time.Millisecond
	lastWindow  = 5 * time.Second
)

// What is read of an answer that is discarded, so that its connection can be used
// again.
const (
	maxDrain  = 16 << 10
	drainTime = 100 * time.Millisecond
)

// idempotent reports whether to send a request twice is to send it once by
// definition of its method (RFC 9110 section 9.2.2).
func idempotent(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	default:
		return false
	}
}

// again decides whether there is another attempt after the end of one, and after
// which wait. If so, its body is ready.
func (k *call) again(ctx context.Context, resp *http.Response, e *Error) (time.Duration, bool) {
	if k.left == 0 || ctx.Err() != nil {
		return 0, false
	}
	ask, asked := retryAfter(resp)
	if e != nil && !k.repeats(e) || e == nil && !k.repeatsStatus(resp.StatusCode, asked) {
		return 0, false
	}
	deadline, _ := ctx.Deadline()
	left := time.Until(deadline) - ask
	if left <= 0 || !k.client.budget.spend() {
		return 0, false
	}
	return ask + jitter(k.made, left/2), k.rewind()
}

// repeats reports whether a call may be made again after an error.
func (k *call) repeats(e *Error) bool {
	return (e.Kind == KindNetwork || e.Kind == KindTimeout) && (k.harmless || e.Unsent)
}

// repeatsStatus reports whether a call may be made again after an answer. One
// that limits the rate and says when to come back did not act on the request. Of
// a 503 that is not certain: a proxy answers so too when it lost the receiver.
func (k *call) repeatsStatus(status int, asked bool) bool {
	switch status {
	case http.StatusTooManyRequests:
		return !k.refusals && (k.harmless || asked)
	case http.StatusServiceUnavailable:
		return !k.refusals && k.harmless
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return k.harmless
	default:
		return false
	}
}

// retryAfter is what an answer, if there is one, asks to wait.
func retryAfter(resp *http.Response) (wait time.Duration, ok bool) {
	if resp == nil {
		return 0, false
	}
	return httpx.RetryAfter(resp.Header)
}

// jitter is the wait after so many attempts, within what there is room for.
func jitter(made int, room time.Duration) time.Duration {
	window := firstWindow
	for i := 1; i < made && window < lastWindow; i++ {
		window *= 2
	}
	return rand.N(max(min(window, lastWindow, room), 1)) //nolint:gosec // it spreads calls, it hides nothing
}

// rewind makes the body of the next attempt.
func (k *call) rewind() bool {
	if !hasBody(k.request) {
		return true
	}
	body, err := k.request.GetBody()
	if err != nil {
		return false
	}
	k.body = body
	return true
}

// pause waits before the next attempt.
func (k *call) pause(ctx context.Context, wait time.Duration) *Error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if k.body != nil {
			_ = k.body.Close()
		}
		e := ContextError(ctx)
		e.Host = k.request.URL.Host
		return e
	}
}

// limit is the time of the next attempt to get a connection, or 0 if it has all
// that is left. To share the time with attempts that will not be made would only
// take it from this one; and one that has a connection is not cut, since a receiver
// that needs long would be asked again and again, and never heard.
func (k *call) limit(ctx context.Context) time.Duration {
	if !k.harmless || k.left <= 1 {
		return 0
	}
	deadline, _ := ctx.Deadline()
	return max(time.Until(deadline)/time.Duration(k.left), 1)
}

// discard ends an attempt whose answer nobody gets. It waits for what little
// there may be left of it, but not long.
func discard(resp *http.Response, f *flight) {
	if resp == nil {
		return
	}
	timer := time.AfterFunc(drainTime, func() { f.cancel(nil) })
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	timer.Stop()
	f.free()
	_ = resp.Body.Close()
	f.cancel(nil)
}

// endedError is why a context ended that only an attempt has.
type endedError struct{}

func (endedError) Error() string   { return "connectors: the time of the attempt is over" }
func (endedError) Timeout() bool   { return true }
func (endedError) Is(t error) bool { return t == context.DeadlineExceeded }

// attemptContext is the context of an attempt, whose limit holds until it has a
// connection; that of context.WithTimeout could not be taken back. To who judges by
// it, the end of the limit is that of a deadline.
type attemptContext struct{ context.Context } //nolint:containedctx // it is one

func (c attemptContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), endedError{}) {
		return context.DeadlineExceeded
	}
	return err
}

// begin starts an attempt that has limit to get a connection, or no limit of its
// own. It returns the attempt's context, and a function that takes the limit back
// and reports whether it came too late for that. Nothing is known of the connections
// of a foreign transport, whose attempts are not cut.
func (f *flight) begin(parent context.Context, limit time.Duration) (context.Context, func() bool) {
	ctx, cancel := context.WithCancelCause(parent)
	f.ctx, f.cancel = attemptContext{ctx}, cancel
	if limit == 0 {
		return f.ctx, func() bool { return false }
	}
	timer := time.AfterFunc(limit, func() {
		if f.entered.Load() && !f.connected.Load() {
			cancel(endedError{})
		}
	})
	return f.ctx, func() bool { return !timer.Stop() && errors.Is(context.Cause(ctx), endedError{}) }
}
