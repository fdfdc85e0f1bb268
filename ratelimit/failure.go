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

var errStoreDown = errors.New("not asked after repeated failures")

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

// fromStore asks the store, or does what the policy says while it fails.
func (l *Limiter) fromStore(ctx context.Context, key string, tier Tier, cost int) (Decision, Outcome, error) {
	if !l.outage.mayCall() {
		return l.withoutStore(ctx, key, tier, cost, errStoreDown)
	}
	d, err := l.callStore(ctx, key, tier, cost)
	switch {
	case err == nil:
		if l.outage.succeeded() {
			l.log(ctx, slog.LevelInfo, "Rate limit store recovered")
		}
		if !d.Allowed {
			return d, OutcomeDenied, nil
		}
		return d, OutcomeAllowed, nil
	case ctx.Err() != nil:
		// The caller gave up; that says nothing about the store.
		return Decision{}, OutcomeCanceled, ctx.Err()
	}
	if l.outage.failed() {
		l.log(ctx, slog.LevelWarn, "Rate limit store failed", slog.Any("error", err), slog.String("policy", l.cfg.OnStoreError.String()))
	}
	return l.withoutStore(ctx, key, tier, cost, err)
}

// callStore makes a panic of the store an error.
func (l *Limiter) callStore(ctx context.Context, key string, tier Tier, cost int) (d Decision, err error) {
	defer func() {
		if v := recover(); v != nil {
			d, err = Decision{}, fmt.Errorf("ratelimit: store panicked: %v", v)
		}
	}()
	return l.store.Take(ctx, key, tier, cost)
}

func (l *Limiter) withoutStore(ctx context.Context, key string, tier Tier, cost int, cause error) (Decision, Outcome, error) {
	switch l.cfg.OnStoreError {
	case FailOpen:
		return bypass(tier.policy(), cost), OutcomeUnprotected, nil
	case FailClosed:
		return Decision{}, OutcomeStoreDown, fmt.Errorf("ratelimit: store: %w", cause)
	case FailLocal:
	}
	d, err := l.local().Take(ctx, key, tier, cost)
	if err != nil {
		return Decision{}, OutcomeTierInvalid, err
	}
	d.Source = SourceFallback
	if !d.Allowed {
		return d, OutcomeDenied, nil
	}
	return d, OutcomeAllowed, nil
}

// String returns the policy's name, for logs.
func (p FailurePolicy) String() string {
	switch p {
	case FailLocal:
		return "local"
	case FailOpen:
		return "open"
	case FailClosed:
		return "closed"
	default:
		return "unknown"
	}
}
