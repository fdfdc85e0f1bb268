package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

var (
	errStoreDown = errors.New("not asked after repeated failures")
	errAnswers   = errors.New("ratelimit: store answered with another number of decisions")
)

// fromStore has the takes of v decided by the store, or by what the policy says
// while it fails. It reports whether there are decisions; if not, v is ruled.
func (l *Limiter) fromStore(ctx context.Context, v *ruling) bool {
	if l.memory != nil { // which neither fails nor panics
		return v.decideIn(ctx, l.memory) == nil
	}
	err := errStoreDown
	if l.outage.mayCall() {
		began := l.outage.now()
		err = guard(func() error { return v.decide(ctx, l.store) })
		gone := ctx.Err()
		switch {
		case err == nil:
			l.noteSuccess(ctx, began)
			return true
		case errors.Is(err, ErrInvalidTier):
			l.invalidTier(ctx, v, v.decider().Tier.Name, err)
			return false
		case gone == nil:
			l.noteFailure(ctx, began, err)
		default:
			// That the caller gave up says nothing about the store, unless he
			// has waited for it.
			if errors.Is(gone, context.DeadlineExceeded) && l.outage.now()-began >= slowCall {
				l.noteFailure(ctx, began, err)
			}
			v.refuse(OutcomeCanceled, gone)
			return false
		}
	}
	v.decisions = nil // what a failed call leaves is nothing
	switch l.cfg.OnStoreError {
	case FailOpen:
		t := v.decider()
		v.decision = bypass(t.Tier.policy(), t.Cost)
		l.name(&v.decision, t)
		v.outcome = OutcomeUnprotected
		return false
	case FailClosed:
		v.refuse(OutcomeStoreDown, fmt.Errorf("ratelimit: store: %w", err))
		return false
	case FailLocal:
	}
	if err := v.decideIn(ctx, l.local()); err != nil {
		v.refuse(OutcomeTierInvalid, err)
		return false
	}
	v.decision.Source = SourceFallback
	for i := range v.decisions {
		v.decisions[i].Source = SourceFallback
	}
	return true
}

// guard makes a panic of the store an error.
func guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ratelimit: store panicked: %v", p)
		}
	}()
	return call()
}

// decide asks a store that is somebody else's.
func (v *ruling) decide(ctx context.Context, store Store) (err error) {
	if v.takes == nil {
		v.decision, err = store.Take(ctx, v.take.Key, v.take.Tier, v.take.Cost)
		v.decision.tidy()
		return err
	}
	v.decisions, err = takeAll(ctx, store, v.takes)
	if err == nil && len(v.decisions) != len(v.takes) {
		return errAnswers
	}
	for i := range v.decisions {
		v.decisions[i].tidy()
	}
	return err
}

// decideIn is decide for a store in memory, whose only error is an invalid tier.
func (v *ruling) decideIn(ctx context.Context, store *MemoryStore) (err error) {
	if v.takes == nil {
		return store.decide(&v.decision, v.take.Key, &v.take.Tier, v.take.Cost)
	}
	v.decisions, err = store.TakeAll(ctx, v.takes)
	return err
}

// tidy keeps figures that cannot be from clients.
func (d *Decision) tidy() {
	const longest = math.MaxInt64 - time.Second // can still be rounded up
	d.Limit, d.Burst, d.Tokens = max(d.Limit, 0), max(d.Burst, 0), max(d.Tokens, 0)
	d.Remaining = min(max(d.Remaining, 0), d.Limit)
	d.ResetAfter = min(max(d.ResetAfter, 0), longest)
	if d.RetryAfter != Never {
		d.RetryAfter = min(max(d.RetryAfter, 0), longest)
	}
}

// takeAll asks for several takes, one by one where the store knows nothing
// better. What comes after a refusal is then not asked, and allowed.
func takeAll(ctx context.Context, store Store, takes []Take) ([]Decision, error) {
	if multi, ok := store.(MultiTaker); ok {
		return multi.TakeAll(ctx, takes)
	}
	decisions := make([]Decision, len(takes))
	for i, t := range takes {
		d, err := store.Take(ctx, t.Key, t.Tier, t.Cost)
		if err == nil && d.Allowed {
			decisions[i] = d
			continue
		}
		if refunder, ok := store.(Refunder); ok {
			for _, t := range takes[:i] {
				err = errors.Join(err, refunder.Refund(context.WithoutCancel(ctx), t.Key, t.Tier, t.Cost))
			}
		}
		decisions[i] = d
		for j := range decisions[i+1:] {
			rest := &decisions[i+1+j]
			*rest = bypass(takes[i+1+j].Tier.policy(), takes[i+1+j].Cost)
		}
		return decisions, err
	}
	return decisions, nil
}
