package breaker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrOpen is matched, through [errors.Is], by every error with which a breaker refuses a call.
var ErrOpen = errors.New("breaker: circuit is open")

// OpenError is the refusal of a call: the circuit is open, or it is half-open and all its probes are taken.
// The protected function has not run. Refusals may share one value: do not change it.
type OpenError struct {
	// Name is the name of the breaker that refused.
	Name string
	// State is [Open], [HalfOpen] or [ForcedOpen].
	State State
	// RetryAfter is the time from the refusal until the circuit can next decide otherwise. It is above zero, never too
	// short, and too long by less than a millisecond. With [Open], the circuit takes a probe once it has passed. With
	// [HalfOpen] it is the time until the oldest running probe has either ended or lapsed; the circuit may close
	// earlier, and may open again. With [ForcedOpen] nobody knows, and it is [Config.OpenFor], as a pace for asking again.
	RetryAfter time.Duration
}

// Error names the breaker, its state and the time to wait.
func (e *OpenError) Error() string {
	return fmt.Sprintf("breaker: circuit %q is %s, retry after %s", e.Name, e.State, e.RetryAfter)
}

// RetryDelay returns RetryAfter; code that retries finds it without importing this package.
func (e *OpenError) RetryDelay() time.Duration { return e.RetryAfter }

// Is reports whether target is [ErrOpen].
func (e *OpenError) Is(target error) bool { return target == ErrOpen }

// maxAge bounds how much too long the RetryAfter of a shared refusal can be.
const maxAge = time.Millisecond

// refusal is an OpenError that is given out until fresh: a circuit that is called all the time refuses far more often
// than the time to wait changes by anything that matters.
type refusal struct {
	err   OpenError
	fresh time.Duration
}

// refuse makes the refusal that calls get for now; the caller holds the lock. Whatever frees a probe or changes the state
// takes it back.
func (b *Breaker) refuse(now time.Duration, state State, wait time.Duration) *refusal {
	r := &refusal{err: OpenError{Name: b.name, State: state, RetryAfter: wait}}
	if state == ForcedOpen {
		r.fresh = math.MaxInt64
	} else {
		// An eighth, so that a short wait is not told much longer than it is.
		r.fresh = now + min(maxAge, wait/8)
	}
	b.refusal.Store(r)
	return r
}

func (b *Breaker) reject(ctx context.Context, r *refusal) *OpenError {
	b.rejected.Add(1)
	b.observe(ctx, Event{Name: b.name, State: r.err.State, Rejected: true})
	return &r.err
}
