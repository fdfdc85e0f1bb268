package ratelimit

import (
	"context"
	"log/slog"
)

// Outcome is what became of a request or a Take.
type Outcome string

// The outcomes.
const (
	OutcomeAllowed     Outcome = "allowed"
	OutcomeDenied      Outcome = "denied"       // by the limit (429)
	OutcomeShadowed    Outcome = "shadowed"     // admitted; denied by the limit but for [Config.Shadow]
	OutcomeUnprotected Outcome = "unprotected"  // admitted; the store failed, [FailOpen]
	OutcomeKeyMissing  Outcome = "key_missing"  // no key, [KeyErrorRefuse] (400)
	OutcomeTierInvalid Outcome = "tier_invalid" // no usable tier (503)
	OutcomeStoreDown   Outcome = "store_down"   // the store failed, [FailClosed] (503)
	OutcomeCanceled    Outcome = "canceled"     // the context was done before the decision (503)
)

// Event describes one decision. Its strings are few as long as the names of
// tiers and limits are: give tenants no tier names of their own.
type Event struct {
	// Decision is that of the limit that decided; the zero Decision, or with
	// Shadowed an otherwise empty one, when there was none.
	Decision Decision
	Outcome  Outcome
	// Limit and Tier name the limit that decided and the tier it applied.
	// Limit is [Config.Name] for the limit of [New].
	Limit, Tier string
	// NoKey says that the request had no key, for one of the limits at least.
	NoKey bool
	// StoreChange is set in the first event after the store has failed or
	// recovered.
	StoreChange StoreChange
}

// StoreChange is a change of the state of a store, as one Limiter sees it.
type StoreChange string

// The changes. A store has failed when it is left alone, which one failed call
// does not bring about. It has recovered when a call succeeds and none has
// failed for two seconds; without calls nobody notices.
const (
	StoreFailed    StoreChange = "failed"
	StoreRecovered StoreChange = "recovered"
)

func (l *Limiter) report(ctx context.Context, v *ruling) {
	if l.cfg.Observer == nil {
		return
	}
	e := Event{Decision: v.decision, Outcome: v.outcome, NoKey: v.noKey, StoreChange: l.outage.change()}
	if v.asked {
		t := v.decider()
		e.Limit, _ = SplitKey(t.Key)
		e.Tier = t.Tier.policy()
	}
	l.observe(ctx, e)
}

func (l *Limiter) observe(ctx context.Context, e Event) {
	defer func() {
		if v := recover(); v != nil && !l.observerPanicked.Swap(true) {
			l.log(ctx, slog.LevelError, "Rate limit observer panicked")
		}
	}()
	l.cfg.Observer(ctx, e)
}

func (l *Limiter) log(ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) {
	if l.cfg.Logger != nil {
		l.cfg.Logger.LogAttrs(ctx, level, msg, attrs...) //nolint:sloglint // every caller passes a constant
	}
}
