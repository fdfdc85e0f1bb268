package connectors

import (
	"context"
	"errors"
)

type probeKey struct{}

// ProbeContext returns a context under which a [Client] calls once, past
// [ClientConfig.Wrap]: a test of a connection counts in no breaker and takes no
// token of the retry budget. Connectors use it in Test.
func ProbeContext(ctx context.Context) context.Context {
	return context.WithValue(ctx, probeKey{}, true)
}

type keyKey struct{}

// WithIdempotencyKey returns a context whose key connectors send as
// Idempotency-Key, to receivers that know one.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyKey{}, key)
}

// IdempotencyKey returns the key of [WithIdempotencyKey], or "".
func IdempotencyKey(ctx context.Context) string {
	key, _ := ctx.Value(keyKey{}).(string)
	return key
}

// ContextError is the error of a call that a context ended before anything was
// sent.
func ContextError(ctx context.Context) *Error {
	end := ctx.Err()
	e := &Error{Kind: KindTimeout, Message: "no answer in time", Unsent: true, is: func(target error) bool { return errors.Is(end, target) }}
	if errors.Is(end, context.Canceled) {
		e.Kind, e.Message = KindCanceled, "canceled by the caller"
	}
	return e
}
