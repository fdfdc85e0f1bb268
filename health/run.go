package health

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// The grace is how long after its deadline a run may still return before it
// counts as stuck, so that a checker that obeys its context can say why it
// failed: a tenth of the timeout, within these bounds.
const (
	minGrace = 25 * time.Millisecond
	maxGrace = 100 * time.Millisecond
)

// run is one call of a checker, shared by everyone who needs its result.
type run struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the checker has returned
	late   chan struct{} // closed when it has not, past deadline and grace

	// Guarded by entry.mu.
	began   time.Time // zero while the run waits for its turn
	expired bool
}

// claim returns the run in flight, or a new one that the caller must execute;
// nil when the check was removed.
func (e *entry) claim(cancel context.CancelFunc) (r *run, fresh bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.removed:
		return nil, false
	case e.run != nil:
		return e.run, false
	}
	e.run = &run{cancel: cancel, done: make(chan struct{}), late: make(chan struct{})}
	return e.run, true
}

// execute runs the check to its end.
func (h *Health) execute(ctx context.Context, e *entry, r *run) {
	defer r.cancel()
	release, ok := h.acquire(ctx, e)
	if !ok {
		e.drop(r)
		return
	}
	defer release()

	began := time.Now()
	e.mu.Lock()
	r.began = began
	e.mu.Unlock()
	grace := min(max(e.Timeout/10, minGrace), maxGrace)
	timer := time.AfterFunc(e.Timeout+grace, func() {
		release() // a wedged check must not hold up the others
		if ctx.Err() == nil {
			h.expire(e, r, began.Add(e.Timeout))
		}
	})
	defer timer.Stop()
	deadline, cancel := context.WithTimeout(context.WithValue(ctx, pulseKey{}, h), e.Timeout)
	defer cancel()

	f := found{outcome: OutcomeFailed, reason: reasonPanic, err: errors.New("checker ended its goroutine")}
	// Deferred, because runtime.Goexit in a checker does not come back here.
	defer func() {
		if ctx.Err() != nil {
			// Cancelled by Remove, Drain or Close: the error says nothing of the thing checked.
			e.drop(r)
			return
		}
		f.at = time.Now()
		f.duration = f.at.Sub(began)
		h.finish(e, r, f)
	}()
	f = call(deadline, e.Checker)
}

// call contains a panic of the checker, and of the methods of its error.
func call(ctx context.Context, c Checker) (f found) {
	defer func() {
		if v := recover(); v != nil {
			f = found{outcome: OutcomeFailed, reason: reasonPanic, err: &panicError{v, debug.Stack()}}
		}
	}()
	err := c.Check(ctx)
	outcome, reason := classify(err, ctx.Err() != nil)
	return found{outcome: outcome, reason: reason, err: err}
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// finish records what a run that has returned found.
func (h *Health) finish(e *entry, r *run, f found) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !r.expired {
		h.publish(e, f)
	}
	e.end(r)
}

// expire records that a run has outlived its timeout.
func (h *Health) expire(e *entry, r *run, deadline time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.run != r || r.expired {
		return
	}
	r.expired = true
	h.publish(e, found{
		outcome: OutcomeTimeout, reason: reasonStuck, wedged: true, at: deadline, duration: e.Timeout,
		err: errors.New("checker has not returned at its deadline"),
	})
	close(r.late)
}

// drop ends a run that was cancelled and has no result.
func (e *entry) drop(r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end(r)
}

// end lets the next run begin. A result that came too late is none: the timeout
// stands, dated at the deadline.
func (e *entry) end(r *run) {
	e.run = nil
	if last := e.known.Load(); last.stuck {
		n := *last
		n.stuck, n.reason = false, reasonTimeout
		e.known.Store(&n)
	}
	close(r.done)
}
