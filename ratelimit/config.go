package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// Config configures a [Limiter]. The zero value of each field is the default
// that its comment names.
type Config struct {
	// Name keeps the buckets of this Limiter apart from those of others in the
	// same store, by the rules of [Tier.Name]. Clients do not see it. Default:
	// none; unnamed limiters in one store share the buckets of equal keys.
	Name string
	// Limits are further limits. A request that one of them refuses takes
	// nothing from the others. The store should be a [MultiTaker]; with one that
	// is only a [Refunder], tokens are away for a moment before they come back,
	// and with one that is neither, earlier limits charge for what later ones
	// refuse.
	Limits []Limit
	// Cost is how many tokens a request takes from each limit. Default: 1.
	Cost CostFunc
	// Charge, when set, is asked after the handler what the request costs in the
	// end, and the difference is refunded or taken: 0 for a 5xx refunds all, and
	// 0 for everything but a 401 counts failed logins only. A charge above the
	// cost takes what there is and makes nobody wait for more than a full
	// bucket. It applies to [Limiter.Handler], and sees what is written inside of
	// it: errors that a framework renders further out do not count.
	Charge ChargeFunc
	// Skip passes a request on untouched: nothing is taken, sent or observed.
	// CORS preflights and health checks are candidates.
	Skip func(*http.Request) bool
	// Shadow marks a request that is measured and never refused. Its tokens
	// are taken and observers are told, but the client sees nothing of the
	// limit: no status and no header. A refusal that did not happen has
	// [Decision.Shadowed] set; one by the limit has [OutcomeShadowed], one for
	// another reason its own outcome. To try a stricter limit beside the one in
	// force, put it inside of that one, and give it a Name if it uses the same
	// store: else it empties the buckets that count.
	Shadow func(*http.Request) bool
	// Headers are the response headers that are sent, these and no others.
	// Default: XRateLimit | RetryAfter.
	Headers HeaderSet
	// ExposeHeaders adds them to Access-Control-Expose-Headers, without which
	// browsers hide them from scripts of other origins. A CORS layer inside this
	// one that sets that header replaces it; give such a layer
	// [HeaderSet.Names].
	ExposeHeaders bool
	// OnStoreError is what happens while the store fails. Default: FailLocal.
	OnStoreError FailurePolicy
	// OnKeyError is what happens to a request without a key.
	// Default: KeyErrorShared.
	OnKeyError KeyErrorPolicy
	// SharedTier is the tier of the bucket that all requests without a key
	// share, in each limit one. A limit with a [Fixed] tier applies that where it
	// is stricter. Where tiers are looked up, it must be as strict as the
	// strictest of them, or hiding the key pays; or use KeyErrorRefuse.
	// Default: [Free].
	SharedTier Tier
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

// ChargeFunc is what a request costs in the end, given the status of its
// response: that which was sent first, 200 when the handler sent nothing, 500
// when it panicked before. A negative charge counts as 0.
type ChargeFunc = func(status int, r *http.Request) int

// KeyErrorPolicy says what happens to requests without a key.
type KeyErrorPolicy uint8

// The policies for requests without a key.
const (
	// KeyErrorShared puts them all into one bucket of [Config.SharedTier].
	KeyErrorShared KeyErrorPolicy = iota
	// KeyErrorRefuse refuses them with 400.
	KeyErrorRefuse
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

// String returns the policy's name, for logs.
func (p FailurePolicy) String() string {
	switch p {
	case FailLocal:
		return "local"
	case FailOpen:
		return "open"
	case FailClosed:
		return "closed"
	default:
		return "unknown"
	}
}

func (c Config) withDefaults() (Config, error) {
	c.Headers = cmp.Or(c.Headers, XRateLimit|RetryAfter)
	c.SharedTier = cmp.Or(c.SharedTier, Free)
	var errs []error
	if c.Headers > allHeaders || c.Headers&NoHeaders != 0 && c.Headers != NoHeaders {
		errs = append(errs, errors.New("ratelimit: Config.Headers has an unknown header, or one beside NoHeaders"))
	}
	if c.OnStoreError > FailClosed {
		errs = append(errs, errors.New("ratelimit: Config.OnStoreError is no failure policy"))
	}
	if c.OnKeyError > KeyErrorRefuse {
		errs = append(errs, errors.New("ratelimit: Config.OnKeyError is no policy"))
	}
	if err := c.SharedTier.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("ratelimit: Config.SharedTier: %w", err))
	}
	return c, errors.Join(errs...)
}
