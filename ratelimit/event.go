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
	OutcomeShadowed    Outcome = "shadowed"     // admitted; refused but for [Config.Shadow]
	OutcomeUnprotected Outcome = "unprotected"  // admitted; the store failed, [FailOpen]
	OutcomeKeyMissing  Outcome = "key_missing"  // no key, [KeyErrorRefuse] (400)
	OutcomeTierInvalid Outcome = "tier_invalid" // no usable tier (503)
	OutcomeStoreDown   Outcome = "store_down"   // the store failed, [FailClosed] (503)
	OutcomeCanceled    Outcome = "canceled"     // the context was done before the decision (503)
)

// Event describes one decision. All of it is of low cardinality but the numbers
// in Decision.
type Event struct {
	// Decision is that of the limit that decided; the zero Decision when none was
	// made.
	Decision Decision
	Outcome  Outcome
	// NoKey says that the request had no key, for one of the limits at least.
	NoKey bool
	// StoreChange is set in the one event whose request saw the store fail or
	// recover.
	StoreChange StoreChange
}

// StoreChange is a change of the state of a store.
type StoreChange string

// The changes. A store has recovered when it works again and has not failed for
// a second.
const (
	StoreFailed    StoreChange = "failed"
	StoreRecovered StoreChange = "recovered"
)

func (l *Limiter) report(ctx context.Context, v *ruling) {
	if l.cfg.Observer == nil {
		return
	}
	l.observe(ctx, Event{Decision: v.decision, Outcome: v.outcome, NoKey: v.noKey, StoreChange: v.change})
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
