// Package ratelimit limits how often each tenant may call: a token bucket per
// key, in a tier that is found per request.
//
// [New] makes a limiter of a [Store], a [KeyFunc] and a [TierFunc];
// [Limiter.Handler] wraps any [http.Handler], [Limiter.Allow] only decides about a
// request, and [Limiter.Take] serves gRPC, queues and everything else. No
// function of this package starts a goroutine.
//
// # Model
//
// A tier has a burst and a rate: its bucket holds burst tokens and refills at
// rate tokens a second, evenly. A request takes its cost or is refused; a
// refusal takes nothing. Buckets belong to keys, so one tenant never affects
// another. In any window a key is admitted at most burst + rate x window,
// whatever the interleaving of requests.
//
// The engine is the generic cell rate algorithm (GCRA, ITU-T I.371) in whole
// nanoseconds: per key the time at which the bucket is full again. All figures
// of a [Decision] are exact and come from one step.
//
// A key keeps its bucket when its tier changes. The used fraction carries over
// to the new burst, so an upgrade helps at once, a downgrade never makes anybody
// wait for more than one full bucket, and changing to and fro gains nothing:
// in any window, the costs admitted, each divided by the burst it was admitted
// under, sum to at most 1 + window / the shortest time in which one of the
// tiers refills its bucket.
//
// With [Config.Limits] a request passes several limits, such as one a minute and
// one a day, or one for the tenant and one for all. It passes all of them or
// takes nothing from any.
//
// # What clients see
//
//	admitted          X-RateLimit-Limit and X-RateLimit-Remaining beside the handler's response
//	refused           429 and the same headers, Retry-After, Cache-Control: no-store
//	cost over burst   429 without Retry-After: no wait would help
//	blocked tier      429 without Retry-After, limit and remaining 0
//	no usable tier    503 and Retry-After
//	store down        as [FailurePolicy] says; by default limited by this process's memory
//
// Refusals are application/problem+json (RFC 9457). The type of a 429 is
// https://iana.org/assignments/http-problem-types#quota-exceeded, with the
// members violated-policies and retry_after_ms. X-RateLimit-Limit is the tier's
// Limit, X-RateLimit-Remaining the smaller of that and the tokens left. Browsers
// show these headers to scripts of other origins only when they are exposed:
// see [Config.ExposeHeaders]. There is no X-RateLimit-Reset: its unit differs
// from service to service. [IETFDraft11] is opt-in.
//
// # When the store fails
//
// After three failures in a row, or when more than a third of its calls fail,
// the store is left alone but for one request a second, which tries it; its first
// success puts it back into use. Until then, and for each call that fails,
// [Config.OnStoreError] decides. Under the default, [FailLocal], each process
// has buckets of its own that start full: during an outage of d, n processes
// admit a key at most n x (burst + rate x d) on top of what the store has
// admitted.
//
// Each Limiter keeps track for itself. That its store is left alone is one event
// ([StoreFailed]) and one line, "Rate limit store failed", of level Warn; that it
// has worked for two seconds since the last failure is one event
// ([StoreRecovered]) and one line, "Rate limit store recovered", of level Info.
// One failed call is neither. Without requests nobody notices a recovery.
//
// # Limits
//
// Requests without a key share one strict bucket. Limiters that share a store
// share the buckets of equal keys unless they have different names
// ([Config.Name]); so does one that is only measured ([Config.Shadow]). A tenant's
// tier is found by your function, which nothing but the request's context
// bounds: give it a timeout and a cache. There are no calendar quotas: a bucket
// of n per day refills all day long, and a day that begins with a full one can
// see nearly 2n. Where limiters are stacked, the response carries the stricter
// values, and a request that the inner one refuses has paid the outer one;
// within one limiter it has not. Put limits by address ([ByIP]) outside of
// authentication, limits by tenant inside of it, and idempotency inside of both.
package ratelimit

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
)

// Limiter limits requests. Its methods may be called concurrently.
type Limiter struct {
	store   Store
	memory  *MemoryStore // store, if it is one
	limits  []limit      // that of New first
	cfg     Config
	exposed string // for Access-Control-Expose-Headers
	paces   paceCache

	outage   outage
	fallback atomic.Pointer[MemoryStore] // made when the store fails

	tierLog          tierLog
	observerPanicked atomic.Bool
}

// New returns a Limiter. None of store, key and tier may be nil: there is no
// safe default for them. All misconfigurations are reported, in one error; a
// tier that is invalid is one where it is known, that is, in [Fixed].
func New(store Store, key KeyFunc, tier TierFunc, cfg Config) (*Limiter, error) {
	cfg, err := cfg.withDefaults()
	errs := []error{err}
	if v := reflect.ValueOf(store); store == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		errs = append(errs, errors.New("ratelimit: store is nil"))
	}
	if key == nil {
		errs = append(errs, errors.New("ratelimit: key is nil"))
	}
	limits, err := limitsOf(key, tier, cfg)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	l := &Limiter{
		store:  store,
		limits: limits,
		cfg:    cfg,
		outage: outage{start: time.Now()},
	}
	l.memory, _ = store.(*MemoryStore)
	if cfg.ExposeHeaders {
		l.exposed = strings.Join(cfg.Headers.Names(), ", ")
	}
	return l, nil
}

// Take takes cost tokens from the bucket of key in tier, under the limit of
// [New]; Config.Limits stay out of it. The failure policy and the observer
// apply; Skip, Shadow, Cost and Charge do not. A cost of 0 is a peek; a negative
// one counts as 0. An empty key uses the bucket that requests without a key
// share, in [Config.SharedTier] whatever tier says.
//
// A refusal by the limit is no error. When Take returns an error the Decision
// is not Allowed: the tier is invalid, ctx is done (the error is ctx's), or the
// store failed under [FailClosed] (the error wraps the store's).
func (l *Limiter) Take(ctx context.Context, key string, tier Tier, cost int) (Decision, error) {
	var v ruling
	if key == "" {
		tier, v.noKey = l.cfg.SharedTier.atMost(&tier), true
	}
	if err := ctx.Err(); err != nil {
		v.refuse(OutcomeCanceled, err)
	} else if l.validate(ctx, &tier, &v) {
		v.take = Take{Key: JoinKey(l.limits[0].Name, key), Tier: tier, Cost: max(cost, 0)}
		l.ask(ctx, &v)
	}
	l.report(ctx, &v)
	return v.decision, v.err
}

// Allow decides about r without answering it, for frameworks with handlers of
// their own. All of Config applies except Charge, Headers, ExposeHeaders and
// Denied. The error is as of [Limiter.Take], or the TierFunc's, wrapped.
func (l *Limiter) Allow(r *http.Request) (Decision, error) {
	if l.cfg.Skip != nil && l.cfg.Skip(r) {
		return bypass("", 0), nil
	}
	var v ruling
	l.judge(r, &v)
	return v.decision, v.err
}
