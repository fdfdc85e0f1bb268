package idempotency

import (
	"context"
	"log/slog"
	"time"
)

// Outcome is what became of a keyed request.
type Outcome string

// The outcomes of a keyed request.
const (
	OutcomeStored       Outcome = "stored"        // ran; the response is kept and will be replayed
	OutcomeTombstone    Outcome = "tombstone"     // ran; the response was too large to keep, or cut off
	OutcomeReleased     Outcome = "released"      // ran; by policy the response is not kept, a retry runs again
	OutcomePanicked     Outcome = "panicked"      // the handler panicked
	OutcomeLeaseLost    Outcome = "lease_lost"    // ran, but another attempt has taken over
	OutcomeSaveFailed   Outcome = "save_failed"   // ran; the store failed to keep the response in time
	OutcomeRolledBack   Outcome = "rolled_back"   // ran; its transaction was rolled back (500)
	OutcomeInDoubt      Outcome = "in_doubt"      // ran; the store cannot say whether its transaction was committed (503)
	OutcomeUnprotected  Outcome = "unprotected"   // ran without a claim: store down, FailOpen
	OutcomeReplayed     Outcome = "replayed"      // answered with the kept response
	OutcomeNoReplay     Outcome = "no_replay"     // ran before; the response is not available (409)
	OutcomeInFlight     Outcome = "in_flight"     // another attempt is running (409)
	OutcomeMismatch     Outcome = "mismatch"      // the key belongs to a different request (422)
	OutcomeKeyMissing   Outcome = "key_missing"   // 400
	OutcomeKeyInvalid   Outcome = "key_invalid"   // 400
	OutcomeScopeRefused Outcome = "scope_refused" // 403
	OutcomeBodyTooLarge Outcome = "body_too_large"
	OutcomeBodyInvalid  Outcome = "body_invalid" // unreadable, or refused by Config.Fingerprint (400)
	OutcomeStoreDown    Outcome = "store_down"   // nothing ran (503)
)

// Event describes one keyed request whose outcome is known. All fields are of
// low cardinality, except Duration.
type Event struct {
	Outcome  Outcome
	Method   string
	Status   int           // status sent; 0 when the connection was taken over or the handler panicked before
	Attempt  int           // attempt number of a request that ran, else 0
	Duration time.Duration // from the request's arrival to its outcome
}

func (m *Middleware) observe(ctx context.Context, e Event) {
	defer func() {
		if v := recover(); v != nil {
			m.log(ctx, slog.LevelError, "Idempotency observer panicked")
		}
	}()
	m.cfg.Observer(ctx, e)
}

func (m *Middleware) log(ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) {
	if m.cfg.Logger != nil {
		m.cfg.Logger.LogAttrs(ctx, level, msg, attrs...) //nolint:sloglint // every caller passes a constant
	}
}
