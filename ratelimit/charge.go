package ratelimit

import (
	"context"
	"errors"
	"net/http"

	"github.com/bracework/bracework/internal/httpx"
)

// Refund returns cost tokens to the bucket of key, for work that took them with
// [Limiter.Take] and was not done. A bucket never gets fuller than full. The
// error is the store's, wraps [errors.ErrUnsupported] when the store is no
// [Refunder], or is about an invalid tier.
func (l *Limiter) Refund(ctx context.Context, key string, tier Tier, cost int) error {
	if key == "" {
		tier = l.cfg.SharedTier
	}
	if err := tier.Validate(); err != nil {
		return err
	}
	t := Take{Key: JoinKey(l.limits[0].Name, key), Tier: tier, Cost: cost}
	err := l.refund(ctx, &t, "", cost)
	if errors.Is(err, errStoreDown) && l.cfg.OnStoreError == FailLocal {
		return l.refund(ctx, &t, SourceFallback, cost)
	}
	return err
}

// serveAndCharge serves the request and settles what it costs.
func (l *Limiter) serveAndCharge(next http.Handler, w http.ResponseWriter, r *http.Request, v *ruling) {
	rec := httpx.NewRecorder(w)
	status := http.StatusInternalServerError // of a panic before anything was sent
	defer func() {
		if sent := rec.Status(); sent != 0 {
			status = sent
		}
		charge := max(l.cfg.Charge(status, r), 0)
		if !v.decision.Shadowed { // else nothing was taken
			l.settle(context.WithoutCancel(r.Context()), v, charge)
		}
	}()
	next.ServeHTTP(rec.Writer(), r)
	status = http.StatusOK
}

// settle makes the takes of v cost charge.
func (l *Limiter) settle(ctx context.Context, v *ruling, charge int) {
	if v.takes == nil {
		l.settleTake(ctx, &v.take, v.decision.Source, charge)
	}
	for i := range v.decisions {
		l.settleTake(ctx, &v.takes[i], v.decisions[i].Source, charge)
	}
}

// settleTake does its best: the response has been sent.
func (l *Limiter) settleTake(ctx context.Context, t *Take, source Source, charge int) {
	switch more := charge - t.Cost; {
	case source == SourceBypass:
	case more < 0:
		_ = l.refund(ctx, t, source, -more)
	case more > 0:
		l.takeUpTo(ctx, t, source, more)
	}
}

// takeUpTo takes cost, or what there is.
func (l *Limiter) takeUpTo(ctx context.Context, t *Take, source Source, cost int) {
	for range 2 {
		var d Decision
		err := l.settleIn(ctx, source, func(store Store) (err error) {
			d, err = store.Take(ctx, t.Key, t.Tier, cost)
			return err
		})
		if err != nil || d.Allowed || d.Tokens == 0 {
			return
		}
		cost = d.Tokens
	}
}

func (l *Limiter) refund(ctx context.Context, t *Take, source Source, cost int) error {
	return l.settleIn(ctx, source, func(store Store) error {
		refunder, ok := store.(Refunder)
		if !ok {
			return errNoRefunds
		}
		return refunder.Refund(ctx, t.Key, t.Tier, cost)
	})
}

// settleIn changes a bucket where the decision about it was made.
func (l *Limiter) settleIn(ctx context.Context, source Source, change func(Store) error) error {
	if source == SourceFallback {
		return change(l.local())
	}
	if !l.outage.mayCall() {
		return errStoreDown
	}
	var v ruling
	err := l.guard(func() error { return change(l.store) })
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported):
		l.noteSuccess(ctx, &v)
	default:
		l.noteFailure(ctx, &v, err)
	}
	return err
}
