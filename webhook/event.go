package webhook

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bracework/bracework/internal/httpx"
)

// Outcome is what became of a request.
type Outcome string

// The outcomes. All but the first are refusals, with 401 where there is no other
// status.
const (
	OutcomeVerified          Outcome = "verified"
	OutcomeHeaderMissing     Outcome = "header_missing"
	OutcomeHeaderInvalid     Outcome = "header_invalid"
	OutcomeTooOld            Outcome = "too_old"
	OutcomeTooNew            Outcome = "too_new"
	OutcomeTooManySignatures Outcome = "too_many_signatures"
	OutcomeBodyUncovered     Outcome = "body_uncovered"
	OutcomeNoMatch           Outcome = "no_match"
	OutcomeBodyTooLarge      Outcome = "body_too_large"  // 413
	OutcomeBodyUnreadable    Outcome = "body_unreadable" // 400
)

// Event describes one request of a Handler. Its fields are of low cardinality.
type Event struct {
	Scheme  string
	Outcome Outcome
	// Secret is the index of the secret that proved the delivery: the old one can be
	// removed when it is no longer seen. It is -1 with a refusal.
	Secret int
}

func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OutcomeVerified
	case errors.Is(err, ErrHeaderMissing):
		return OutcomeHeaderMissing
	case errors.Is(err, ErrHeaderInvalid):
		return OutcomeHeaderInvalid
	case errors.Is(err, ErrTooOld):
		return OutcomeTooOld
	case errors.Is(err, ErrTooNew):
		return OutcomeTooNew
	case errors.Is(err, ErrTooManySignatures):
		return OutcomeTooManySignatures
	case errors.Is(err, ErrBodyUncovered):
		return OutcomeBodyUncovered
	case errors.Is(err, httpx.ErrBodyTooLarge):
		return OutcomeBodyTooLarge
	case errors.Is(err, errBodyUnreadable):
		return OutcomeBodyUnreadable
	default:
		return OutcomeNoMatch
	}
}

func (v *Verifier) report(ctx context.Context, d Delivery, err error) {
	if v.cfg.Observer == nil && (v.cfg.Logger == nil || err == nil) {
		return
	}
	e := Event{Scheme: v.layout.name, Outcome: outcomeOf(err), Secret: d.Secret}
	if err != nil {
		e.Secret = -1
		v.log(ctx, "Webhook refused", slog.String("scheme", e.Scheme), slog.String("reason", string(e.Outcome)))
	}
	if v.cfg.Observer != nil {
		v.observe(ctx, e)
	}
}

func (v *Verifier) observe(ctx context.Context, e Event) {
	defer func() {
		if recover() != nil {
			v.log(ctx, "Webhook observer panicked")
		}
	}()
	v.cfg.Observer(ctx, e)
}

func (v *Verifier) log(ctx context.Context, msg string, attrs ...slog.Attr) {
	if v.cfg.Logger != nil {
		v.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, msg, attrs...) //nolint:sloglint // every caller passes a constant
	}
}
