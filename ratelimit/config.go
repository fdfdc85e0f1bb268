package ratelimit

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// Config configures a [Limiter]. The zero value of each field is the default
// that its comment names.
type Config struct {
	// Cost is how many tokens a request takes. Default: 1.
	Cost CostFunc
	// Skip passes a request on untouched: nothing is taken, sent or observed.
	// CORS preflights and health checks are candidates.
	Skip func(*http.Request) bool
	// Shadow marks a request that is measured and never refused. Its tokens
	// are taken and observers are told, but the client sees nothing of the
	// limit: no status and no header. A refusal that did not happen has
	// [Decision.Shadowed] set.
	Shadow func(*http.Request) bool
	// Headers are the response headers that are sent.
	// Default: XRateLimit | RetryAfter.
	Headers HeaderSet
	// OnStoreError is what happens while the store fails. Default: FailLocal.
	OnStoreError FailurePolicy
	// Denied answers a request that the limit refuses, in place of the problem
	// document with status 429. The headers are set before, Cache-Control:
	// no-store among them. Other refusals do not reach it.
	Denied func(http.ResponseWriter, *http.Request, Decision)
	// Observer, when set, is called once for each request and each Take, when
	// the decision is made, on the caller's goroutine. A panic in it is
	// contained.
	Observer func(context.Context, Event)
	// Logger, when set, reports that the store fails or recovers, and tiers
	// that cannot be used. Keys are never logged.
	Logger *slog.Logger
}

// CostFunc is how many tokens a request takes. With 0 it takes nothing and
// always passes. A negative cost counts as 0, so that it never adds tokens:
// return at least 1 wherever the client can influence the number. A cost above
// the tier's burst is refused for good.
type CostFunc = func(*http.Request) int

// HeaderSet is a set of response headers.
type HeaderSet uint8

// The headers. They are not sent for unlimited tiers and shadowed requests.
const (
	// XRateLimit is X-RateLimit-Limit and X-RateLimit-Remaining, on admitted
	// and on refused responses.
	XRateLimit HeaderSet = 1 << iota
	// RetryAfter is Retry-After (RFC 9110 section 10.2.3), on refusals that a
	// wait can cure: whole seconds, rounded up, at least 1.
	RetryAfter
	// NoHeaders is none. It cannot be combined.
	NoHeaders
)

// FailurePolicy says how requests are decided while the store fails.
type FailurePolicy uint8

// The failure policies.
const (
	// FailLocal limits by buckets in this process's memory, which start full:
	// while the store fails, each process admits what the tier says.
	FailLocal FailurePolicy = iota
	// FailOpen admits everything.
	FailOpen
	// FailClosed refuses everything with 503 and Retry-After.
	FailClosed
)

func (c Config) withDefaults() (Config, error) {
	if c.Headers == 0 {
		c.Headers = XRateLimit | RetryAfter
	}
	var errs []error
	if c.Headers > NoHeaders {
		errs = append(errs, errors.New("ratelimit: Config.Headers has an unknown header, or one beside NoHeaders"))
	}
	if c.OnStoreError > FailClosed {
		errs = append(errs, errors.New("ratelimit: Config.OnStoreError is no failure policy"))
	}
	return c, errors.Join(errs...)
}
