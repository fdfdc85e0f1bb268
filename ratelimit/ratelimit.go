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
// # What clients see
//
//	admitted          X-RateLimit-Limit and X-RateLimit-Remaining beside the handler's response
//	refused           429 and the same headers, Retry-After, Cache-Control: no-store
//	cost over burst   429 without Retry-After: no wait would help
//	no usable tier    503 and Retry-After
//	store down        as [FailurePolicy] says; by default limited by this process's memory
//
// Refusals are application/problem+json (RFC 9457). The type of a 429 is
// https://iana.org/assignments/http-problem-types#quota-exceeded, with the
// members violated-policies and retry_after_ms. X-RateLimit-Limit is the tier's
// Limit, X-RateLimit-Remaining the smaller of that and the tokens left. Browsers
// show these headers to scripts of other origins only when the service lists
// them in Access-Control-Expose-Headers. There is no X-RateLimit-Reset: its
// unit differs from service to service.
//
// # Limits
//
// Requests without a key share one strict bucket, of tier [Free]. Limiters that
// share a store share the buckets of equal keys: give each limit a store of its
// own, or keys that differ. Where limiters are stacked, the response carries the
// stricter values, and a request that the inner one refuses has paid the outer
// one. Put authentication outside of this middleware, idempotency inside.
package ratelimit

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limiter limits requests. Its methods may be called concurrently.
type Limiter struct {
	store  Store
	key    KeyFunc
	tier   TierFunc
	cfg    Config
	strict Tier // of requests without a key

	outage outage
	local  func() *MemoryStore // made at the first failure of the store

	tierLog          tierLog
	observerPanicked atomic.Bool
}

// New returns a Limiter. None of store, key and tier may be nil: there is no
// safe default for them. All misconfigurations are reported, in one error.
func New(store Store, key KeyFunc, tier TierFunc, cfg Config) (*Limiter, error) {
	cfg, err := cfg.withDefaults()
	errs := []error{err}
	if m, ok := store.(*MemoryStore); store == nil || ok && m == nil {
		errs = append(errs, errors.New("ratelimit: store is nil"))
	}
	if key == nil {
		errs = append(errs, errors.New("ratelimit: key is nil"))
	}
	if tier == nil {
		errs = append(errs, errors.New("ratelimit: tier is nil"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Limiter{
		store:  store,
		key:    key,
		tier:   tier,
		cfg:    cfg,
		strict: Free,
		outage: outage{start: time.Now()},
		local:  sync.OnceValue(func() *MemoryStore { return NewMemoryStore(MemoryConfig{}) }),
	}, nil
}

// ruling is what the limiter found about one request.
type ruling struct {
	decision Decision
	outcome  Outcome
	noKey    bool
	shadow   bool
	err      error
}

func (l *Limiter) report(ctx context.Context, r *ruling) {
	l.observe(ctx, Event{Decision: r.decision, Outcome: r.outcome, NoKey: r.noKey})
}

// Take takes cost tokens from the bucket of key in tier. The failure policy
// and the observer apply; Skip, Shadow and Cost do not. A cost of 0 is a peek;
// a negative one counts as 0. An empty key uses the bucket that requests
// without a key share, in tier [Free] whatever tier says.
//
// A refusal by the limit is no error. When Take returns an error the Decision
// is not Allowed: the tier is invalid, ctx is done (the error is ctx's), or the
// store failed under [FailClosed] (the error wraps the store's).
func (l *Limiter) Take(ctx context.Context, key string, tier Tier, cost int) (Decision, error) {
	if key == "" {
		tier = l.strict
	}
	r := l.take(ctx, key, tier, cost)
	l.report(ctx, &r)
	return r.decision, r.err
}

// Allow decides about r without answering it, for frameworks with handlers of
// their own. All of Config applies except Headers and Denied. The error is as
// of [Limiter.Take], or the TierFunc's, wrapped.
func (l *Limiter) Allow(r *http.Request) (Decision, error) {
	if l.cfg.Skip != nil && l.cfg.Skip(r) {
		return bypass("", 0), nil
	}
	v := l.judge(r)
	return v.decision, v.err
}

// judge decides about a request that is not skipped.
func (l *Limiter) judge(r *http.Request) ruling {
	v := l.judgeKey(r)
	if v.outcome != OutcomeCanceled && l.cfg.Shadow != nil && l.cfg.Shadow(r) {
		v.shadow = true
		if !v.decision.Allowed {
			v.decision.Allowed, v.decision.Shadowed = true, true
			v.outcome, v.err = OutcomeShadowed, nil
		}
	}
	l.report(r.Context(), &v)
	return v
}

func (l *Limiter) judgeKey(r *http.Request) ruling {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return ruling{outcome: OutcomeCanceled, err: err}
	}
	key, err := l.key(r)
	tier := l.strict
	if err != nil {
		key = ""
	}
	if key != "" {
		tier, err = l.tier(r)
		if err != nil {
			return l.noTier(ctx, err)
		}
	}
	cost := 1
	if l.cfg.Cost != nil {
		cost = l.cfg.Cost(r)
	}
	return l.take(ctx, key, tier, cost)
}

func (l *Limiter) take(ctx context.Context, key string, tier Tier, cost int) ruling {
	if err := ctx.Err(); err != nil {
		return ruling{outcome: OutcomeCanceled, err: err}
	}
	if err := tier.Validate(); err != nil {
		if l.tierLog.first(tier.Name) {
			l.log(ctx, slog.LevelError, "Rate limit tier invalid", slog.String("tier", tier.Name), slog.Any("error", err))
		}
		return ruling{outcome: OutcomeTierInvalid, err: err}
	}
	cost = max(cost, 0)
	if tier.IsUnlimited() {
		return ruling{decision: bypass(tier.policy(), cost), outcome: OutcomeAllowed}
	}
	v := ruling{noKey: key == ""}
	v.decision, v.outcome, v.err = l.fromStore(ctx, key, tier, cost)
	return v
}
