package provider

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/bracework/bracework/connectors"
)

const (
	// maxAttempts is how often a call that is refused is made at most.
	maxAttempts = 3

	// firstPause is the longest wait after a first failure that names no time,
	// and after which a gate makes nobody wait; it doubles with the next one.
	firstPause = 250 * time.Millisecond
)

// Repeat makes a call with once, and again when that says so, at most three times
// and not more often than attempts. once enters the gate, calls with
// [connectors.CallOptions.Refusals] and lets the gate learn, so that a repetition
// waits behind the pause that the receiver asked for, as every other call does,
// and takes a turn of its own. One whose turn does not come in time is not made:
// the error is the refusal then. It is Unsent only if nothing was sent at all.
//
// The repetitions take nothing from the budget of the Client: the pauses and the
// pace of the gate bound them.
func Repeat(ctx context.Context, attempts int, once func() (e *connectors.Error, again bool)) *connectors.Error {
	var refusal *connectors.Error
	for made := 1; ; made++ {
		e, again := once()
		switch {
		case e == nil:
			return nil
		case refusal != nil && e.Unsent && e.Code == codePaced:
			return refusal
		case refusal != nil && e.Unsent:
			seen := *e
			seen.Unsent = false
			e = &seen
		}
		if !again || made >= min(attempts, maxAttempts) {
			return e
		}
		refusal = e
		if e.Kind != connectors.KindRateLimited && e.RetryAfter == 0 {
			if sleep(ctx, rand.N(firstPause<<(made-1))) != nil { //nolint:gosec // it spreads calls, it hides nothing
				return e
			}
		}
	}
}

// Refuses reports whether a status is one that [connectors.CallOptions.Refusals]
// hands over.
func Refuses(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// Asked reports whether an error is a 429 that names a time, be it none: what was
// refused so was not acted on. Of 503 that cannot be said.
func Asked(e *connectors.Error, header http.Header) bool {
	if e == nil || e.Status != http.StatusTooManyRequests {
		return false
	}
	_, named := retryAfter(header)
	return named || e.RetryAfter > 0
}
