package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// settleFor bounds how long a response may wait for a store to settle its cost.
const settleFor = 50 * time.Millisecond

var errNoRefunds = fmt.Errorf("ratelimit: store takes no refunds: %w", errors.ErrUnsupported)

// Settle makes a take cost charge in the end: one by [Limiter.Take] of the same
// key and tier, which d decided. What it has cost too much goes back, where the
// tokens came from, and what it has cost too little is taken, as far as there is
// something. A charge under 0 counts as 0. Where nothing was taken, because d is
// a refusal or there is no bucket, nothing happens.
//
// The error is the store's, says that the store is down, wraps
// [errors.ErrUnsupported] when it is no [Refunder], or is about the tier. Then
// the take has cost what it did, and a bucket refills anyway. Settle with a
// context that is not done.
func (l *Limiter) Settle(ctx context.Context, key string, tier Tier, d Decision, charge int) error {
	if !d.Allowed || d.Shadowed {
		return nil
	}
	if key == "" {
		tier = l.cfg.SharedTier.atMost(&tier)
	}
	if err := tier.Validate(); err != nil {
		return err
	}
	t := Take{Key: JoinKey(l.limits[0].Name, key), Tier: tier, Cost: d.Cost}
	return l.settleTake(ctx, &t, d.Source, max(charge, 0))
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
			l.settle(r.Context(), v, charge)
		}
	}()
	next.ServeHTTP(rec.Writer(), r)
	status = http.StatusOK
}

// settle makes the takes of v cost charge. It does its best: what it cannot
// settle in time refills.
func (l *Limiter) settle(ctx context.Context, v *ruling, charge int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	if v.takes == nil {
		_ = l.settleTake(ctx, &v.take, v.decision.Source, charge)
	}
	for i := range v.decisions {
		if l.settleTake(ctx, &v.takes[i], v.decisions[i].Source, charge) != nil {
			return
		}
	}
}

func (l *Limiter) settleTake(ctx context.Context, t *Take, source Source, charge int) error {
	more := charge - t.Cost
	if _, ok := t.Tier.NoBucket(0); ok || more == 0 || source == SourceBypass {
		return nil
	}
	store := l.store
	if source == SourceFallback {
		store = l.local()
	}
	if more > 0 {
		return l.takeUpTo(ctx, store, t, more)
	}
	refunder, ok := store.(Refunder)
	if !ok {
		return errNoRefunds
	}
	return l.change(ctx, store, func() error { return refunder.Refund(ctx, t.Key, t.Tier, -more) })
}

// takeUpTo takes cost, or what there is.
func (l *Limiter) takeUpTo(ctx context.Context, store Store, t *Take, cost int) error {
	for range 2 {
		var d Decision
		err := l.change(ctx, store, func() (err error) {
			d, err = store.Take(ctx, t.Key, t.Tier, cost)
			return err
		})
		if err != nil || d.Allowed || d.Tokens <= 0 {
			return err
		}
		cost = d.Tokens
	}
	return nil
}

// change changes a bucket, and notes how the store does.
func (l *Limiter) change(ctx context.Context, store Store, do func() error) error {
	if m, ok := store.(*MemoryStore); ok && m != nil {
		return do()
	}
	if !l.outage.mayCall() {
		return fmt.Errorf("ratelimit: store: %w", errStoreDown)
	}
	began := l.outage.now()
	err := guard(do)
	if err == nil {
		l.noteSuccess(ctx, began)
	} else if !errors.Is(err, ErrInvalidTier) {
		l.noteFailure(ctx, began, err)
	}
	return err
}
