package ratelimit

import (
	"context"
	"time"
)

// Never is the [Decision.RetryAfter] of a cost above the tier's burst: no wait
// would help.
const Never time.Duration = -1

// Source says where a decision was made. Stores outside of this package name
// their own.
type Source string

// The sources of this package.
const (
	SourceMemory   Source = "memory"   // a [MemoryStore]
	SourceFallback Source = "fallback" // the limiter's own memory, while its store fails ([FailLocal])
	SourceBypass   Source = "bypass"   // no bucket: unlimited tier, skipped request, or store down with [FailOpen]
)

// Decision is the answer to one request for tokens. All figures come from the
// same instant; after an admission they already count it.
type Decision struct {
	// Allowed says that the request may run. With Shadowed it runs although
	// the limit, or a failure, would have refused it.
	Allowed, Shadowed bool
	// Policy is the name of the tier that decided.
	Policy string
	// Limit is the advertised quota and Remaining what is left of it:
	// Remaining is the smaller of Tokens and Limit, never negative.
	Limit, Remaining int
	// Burst is the size of the bucket, Tokens how many whole tokens it holds,
	// from 0 to Burst, and Cost how many were asked for. With [SourceBypass]
	// there is no bucket, and all of them but Cost are 0.
	Burst, Tokens, Cost int
	// RetryAfter is the exact wait after which the same cost is admitted if
	// nobody else takes tokens first. It is 0 when the limit admits, and
	// [Never] when Cost is more than Burst.
	RetryAfter time.Duration
	// ResetAfter is the time until the bucket is full; 0 when it is full now.
	ResetAfter time.Duration
	// Source says where the decision was made.
	Source Source
}

// Store keeps buckets and decides. Implementations must be safe for concurrent
// use.
//
// Take takes cost tokens from the bucket of key, which has the shape of tier,
// and reports the result. All of cost is taken or nothing; a refusal takes
// nothing. A cost of 0 is a peek: it is always allowed and writes nothing; a
// negative cost counts as 0. A cost above tier.Burst is refused with
// RetryAfter [Never]. A key has one bucket whatever its tier: after a change
// the same fraction of the new bucket is used as was of the old one. A tier
// with [rate.Inf] is allowed without a bucket. An invalid tier is an error.
//
// An error, or a panic, means that no decision was made; [Limiter] then
// applies its [FailurePolicy]. A store bounds the time of its calls itself. A
// call that ends because ctx is done returns an error and is no failure of the
// store. The empty key is a key like any other; [Limiter] puts all requests
// without a key there.
type Store interface {
	Take(ctx context.Context, key string, tier Tier, cost int) (Decision, error)
}

// bypass is the decision where there is no bucket.
func bypass(policy string, cost int) Decision {
	return Decision{Allowed: true, Policy: policy, Cost: cost, Source: SourceBypass}
}
