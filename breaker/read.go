package breaker

import (
	"context"
	"time"
)

// State returns the state. It changes nothing: an open circuit whose time has
// passed is [Open] until a call comes.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// RetryAfter returns how long a call would be refused at least; 0 when it would
// be let through.
func (b *Breaker) RetryAfter() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.retryAfter(time.Now())
}

func (b *Breaker) retryAfter(now time.Time) time.Duration {
	switch {
	case b.state == Open:
		return max(b.openUntil.Sub(now), 0)
	case b.state == HalfOpen && b.probesTaken():
		return max(b.probes[0].lapses.Sub(now), 0)
	default:
		return 0
	}
}

// probesTaken reports whether a half-open circuit has no use for another probe
// now. At least one is awaited then.
func (b *Breaker) probesTaken() bool {
	return len(b.probes) >= b.cfg.Probes || b.succeeded+len(b.probes) >= b.cfg.ProbeSuccesses
}

// Check returns an [*OpenError] while the circuit is open, and nil otherwise,
// also when its time has passed and only a call is missing. It has the form of
// a health check.
func (b *Breaker) Check(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.state != Open || !now.Before(b.openUntil) {
		return nil
	}
	return &OpenError{Name: b.name, State: Open, RetryAfter: b.openUntil.Sub(now)}
}

// Snapshot returns the state and the counts of one moment.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	s := b.totals
	s.Name, s.State, s.ChangedAt, s.RetryAfter, s.Probes = b.name, b.state, b.changedAt, b.retryAfter(now), len(b.probes)
	if b.state == Closed {
		counts := b.window.at(now)
		s.WindowSuccesses, s.WindowFailures, s.ConsecutiveFailures = counts.successes, counts.failures, b.consecutive
	}
	return s
}
