package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// openAfter failures in a row, the store is left alone but for a probe.
	openAfter = 3
	// probeEvery is the pause between two probes. It is also how long the
	// store must not have failed to count as recovered, which bounds the lines
	// that a flapping store logs.
	probeEvery = time.Second
)

var (
	errStoreDown = errors.New("not asked after repeated failures")
	errNoRefunds = fmt.Errorf("ratelimit: store takes no refunds: %w", errors.ErrUnsupported)
	errAnswers   = errors.New("ratelimit: store answered with another number of decisions")
)

// outage keeps track of whether the store works. While it does, a call costs
// two atomic loads.
type outage struct {
	start   time.Time
	failing atomic.Bool  // since the first failure, until it has recovered
	probeAt atomic.Int64 // 0, or no call is made before; on the clock of start

	mu          sync.Mutex
	failures    int // in a row
	lastFailure time.Duration
}

// mayCall reports whether the store should be asked. Of the callers that come
// after a pause one is told to probe.
func (o *outage) mayCall() bool {
	at := o.probeAt.Load()
	if at == 0 {
		return true
	}
	now := time.Since(o.start)
	return int64(now) >= at && o.probeAt.CompareAndSwap(at, int64(now+probeEvery))
}

// succeeded reports whether the store has just recovered.
func (o *outage) succeeded() bool {
	if !o.failing.Load() {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures = 0
	o.probeAt.Store(0)
	return time.Since(o.start)-o.lastFailure >= probeEvery && o.failing.Swap(false)
}

// failed reports whether the store has worked until now.
func (o *outage) failed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failures++
	o.lastFailure = time.Since(o.start)
	if o.failures >= openAfter {
		o.probeAt.Store(int64(o.lastFailure + probeEvery))
	}
	return !o.failing.Swap(true)
}

// fromStore has the takes of v decided by the store, or by what the policy says
// while it fails. It reports whether there are decisions; if not, v is ruled.
func (l *Limiter) fromStore(ctx context.Context, v *ruling) bool {
	if l.memory != nil { // which neither fails nor panics
		return v.decideIn(ctx, l.memory) == nil
	}
	err := errStoreDown
	if l.outage.mayCall() {
		if err = l.guard(func() error { return v.decide(ctx, l.store) }); err == nil {
			l.noteSuccess(ctx, v)
			return true
		}
		if ctx.Err() != nil {
			// The caller gave up; that says nothing about the store.
			v.refuse(OutcomeCanceled, ctx.Err())
			return false
		}
		l.noteFailure(ctx, v, err)
	}
	switch l.cfg.OnStoreError {
	case FailOpen:
		t := &v.take
		if v.takes != nil {
			t = &v.takes[0]
		}
		v.decision = bypass(t.Tier.policy(), t.Cost)
		v.decision.name(t)
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
func (l *Limiter) guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("ratelimit: store panicked: %v", p)
		}
	}()
	return call()
}

func (l *Limiter) noteSuccess(ctx context.Context, v *ruling) {
	if l.outage.succeeded() {
		v.change = StoreRecovered
		l.log(ctx, slog.LevelInfo, "Rate limit store recovered")
	}
}

func (l *Limiter) noteFailure(ctx context.Context, v *ruling, err error) {
	if l.outage.failed() {
		v.change = StoreFailed
		l.log(ctx, slog.LevelWarn, "Rate limit store failed", slog.Any("error", err), slog.String("policy", l.cfg.OnStoreError.String()))
	}
}

// decide asks a store.
func (v *ruling) decide(ctx context.Context, store Store) (err error) {
	if v.takes == nil {
		v.decision, err = store.Take(ctx, v.take.Key, v.take.Tier, v.take.Cost)
		return err
	}
	v.decisions, err = takeAll(ctx, store, v.takes)
	if err == nil && len(v.decisions) != len(v.takes) {
		err = errAnswers
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
