package breaker

import (
	"context"
	"time"
)

// State returns what a call at this moment would find, and changes nothing.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.project(b.now()).state
}

// RetryAfter returns how long a call must wait before the circuit can admit it: zero if it would be admitted now, and
// otherwise what [OpenError.RetryAfter] describes, to the nanosecond.
func (b *Breaker) RetryAfter() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	return b.wait(now, b.project(now))
}

// Check returns an [*OpenError] while the circuit is open or forced open, and nil otherwise. It fits a health check. It
// is nil as soon as the open period is over, so that an instance taken out of service for it gets the calls it needs as
// probes.
func (b *Breaker) Check(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	p := b.project(now)
	if p.state != Open && p.state != ForcedOpen {
		return nil
	}
	return &OpenError{Name: b.name, State: p.state, RetryAfter: b.wait(now, p)}
}

// Snapshot is a picture of a breaker at one moment. Running and Rejected, which are counted without the lock, may be ahead
// of the rest by calls that are just being made.
type Snapshot struct {
	// Name is the name of the breaker.
	Name string
	// State is what [Breaker.State] returns.
	State State
	// Successes, Failures and Neutrals count the finished calls since [New], and Rejected the refused ones.
	// A call that never reports is in none of them.
	Successes, Failures, Neutrals, Rejected uint64
	// SlowCalls is how many of the successes and failures took [Config.SlowCall] or longer.
	SlowCalls uint64
	// WindowSuccesses and WindowFailures are what the failure rate is computed from: outcomes, in [Config.Window], of
	// calls that the present closed period admitted. WindowSlow is how many of them were slow. All are zero unless the
	// circuit is closed.
	WindowSuccesses, WindowFailures, WindowSlow uint64
	// ConsecutiveFailures is the present run of failures; zero unless the circuit is closed.
	ConsecutiveFailures int
	// Running is the number of admitted calls whose outcome is awaited.
	Running int
	// Probes is how many of them are probes of the present half-open period.
	Probes int
	// ChangedAt is when the circuit last changed its state, or when New was called.
	ChangedAt time.Time
	// RetryAfter is what [Breaker.RetryAfter] returns.
	RetryAfter time.Duration
}

// Snapshot returns the counts and the state of this moment, and changes nothing.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	p := b.project(now)
	s := Snapshot{
		Name:       b.name,
		State:      p.state,
		Successes:  b.totals[Success],
		Failures:   b.totals[Failure],
		Neutrals:   b.totals[Neutral],
		SlowCalls:  b.slow,
		Rejected:   b.rejected.Load(),
		Running:    int(b.running.Load()),
		ChangedAt:  b.epoch.Add(b.changed),
		RetryAfter: b.wait(now, p),
	}
	if !p.lapsed {
		s.Probes = len(b.probes)
	}
	if p.state == Closed {
		w := b.window.at(now)
		s.WindowSuccesses, s.WindowFailures, s.WindowSlow = w.successes, w.failures, w.slow
		s.ConsecutiveFailures = b.consecutive
	}
	return s
}

// idle reports whether nothing would be lost if the breaker was made anew at its next call: it is closed, nothing runs,
// and its window holds no failure and no slow call; or it has been open, and nobody has called it for so long after that
// the longest open period would be over as well. Lost successes can only make it more careful.
func (b *Breaker) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running.Load() > 0 {
		return false
	}
	now := b.now()
	switch p := b.project(now); p.state {
	case Closed:
		w := b.window.at(now)
		return w.failures == 0 && w.slow == 0 && (b.backoff == 0 || now-b.changed >= b.openFor)
	case HalfOpen:
		return now-max(p.until, b.changed) >= b.cfg.MaxOpenFor
	default:
		return false
	}
}
