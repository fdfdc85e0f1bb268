package ratelimit

import (
	"context"
	"strings"
	"time"
)

// Never is the [Decision.RetryAfter] of a cost above the tier's burst, and of a
// blocked tier: no wait would help. It is negative, so whoever sleeps for it
// without looking does not sleep at all.
const Never time.Duration = -1

// Source says where a decision was made. Stores outside of this package name
// their own.
type Source string

// The sources of this package.
const (
	SourceMemory   Source = "memory"   // a [MemoryStore]
	SourceFallback Source = "fallback" // the limiter's own memory, while its store fails ([FailLocal])
	SourceBypass   Source = "bypass"   // no bucket: unlimited or blocked tier, skipped request, or store down with [FailOpen]
)

// Decision is the answer to one request for tokens. All figures come from the
// same instant; after an admission they already count it.
type Decision struct {
	// Allowed says that the request may run. With Shadowed it runs although
	// the limit, or a failure, would have refused it.
	Allowed, Shadowed bool
	// Policy is the name of what decided: of the tier, or of the [Limit] where
	// it is one of Config.Limits.
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
	// [Never], which is not to be waited for, when Cost is more than Burst or
	// the tier is blocked.
	RetryAfter time.Duration
	// ResetAfter is the time until the bucket is full; 0 when it is full now.
	ResetAfter time.Duration
	// Source says where the decision was made.
	Source Source
}

// Store keeps buckets and decides. Implementations must be safe for concurrent
// use; package storetest tests them.
//
// Take takes cost tokens from the bucket of key, which has the shape of tier,
// and reports the result. All of cost is taken or nothing; a refusal takes
// nothing. A cost of 0 is a peek: it is always allowed and writes nothing; a
// negative cost counts as 0. A cost above tier.Burst is refused with
// RetryAfter [Never]. A key has one bucket whatever its tier: after a change
// the same fraction of the new bucket is used as was of the old one. Tiers
// without a bucket are decided by [Tier.NoBucket]. An invalid tier is an error.
//
// An error, or a panic, means that no decision was made; [Limiter] then
// applies its [FailurePolicy]. A store bounds the time of its calls itself. A
// call that ends because ctx is done returns an error and is no failure of the
// store. Keys are arbitrary bytes of any length, the empty key among them;
// [SplitKey] tells what [Limiter] puts into them.
//
// [Tier.Decide] does the arithmetic. A store may also be a [MultiTaker], a
// [Refunder] and a [Resetter].
type Store interface {
	Take(ctx context.Context, key string, tier Tier, cost int) (Decision, error)
}

// Take is one of several takes that are decided together.
type Take struct {
	Key  string
	Tier Tier
	Cost int
}

// MultiTaker is a [Store] that decides about several buckets at once. TakeAll
// takes all costs, or nothing when one of the takes is refused. It returns a
// decision for each take, in their order. When one is refused, decisions that
// are Allowed tell what could have been taken, and their figures count nothing
// as taken. Takes of one key are decided one after the other.
//
// Takes whose keys have one tenant ([SplitKey]) are one step that nobody sees
// in parts. A store that cannot do that for different tenants takes them tenant
// by tenant, in the order of their first takes, and gives back what it took when
// a later one refuses or fails.
type MultiTaker interface {
	TakeAll(ctx context.Context, takes []Take) ([]Decision, error)
}

// Refunder is a [Store] that takes tokens back. Refund returns cost tokens to
// the bucket of key, which never gets fuller than full. A cost under 1 and a
// bucket that does not exist are no error, and nothing happens.
type Refunder interface {
	Refund(ctx context.Context, key string, tier Tier, cost int) error
}

// Resetter is a [Store] that forgets. Reset makes the bucket of key full.
type Resetter interface {
	Reset(ctx context.Context, key string) error
}

// keyMark begins the keys of named limits. Names have no such byte.
const keyMark = "\x00"

// JoinKey is the key in a store of what tenant may do under a limit, the empty
// name being that of an unnamed one: what to give to a [Resetter]. It is the
// tenant itself for an unnamed limit, unless that could be mistaken.
func JoinKey(limit, tenant string) string {
	if limit == "" && !strings.HasPrefix(tenant, keyMark) {
		return tenant
	}
	return keyMark + limit + keyMark + tenant
}

// SplitKey undoes [JoinKey]. It tells implementations of [Store] what a key is made of: the name of
// the limit, which is empty for an unnamed one, and what its [KeyFunc] has
// returned, which is empty for the bucket of requests without a key. Buckets of
// one tenant should lie together where [MultiTaker] needs that.
func SplitKey(key string) (limit, tenant string) {
	if rest, ok := strings.CutPrefix(key, keyMark); ok {
		if limit, tenant, ok := strings.Cut(rest, keyMark); ok {
			return limit, tenant
		}
	}
	return "", key
}

// bypass is the admission where there is no bucket.
func bypass(policy string, cost int) Decision {
	return Decision{Allowed: true, Policy: policy, Cost: max(cost, 0), Source: SourceBypass}
}
