package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// maxGrace is how long after its deadline a run may still return before it
// counts as stuck, so that a checker that obeys its context can say why it
// failed. A short timeout gets a tenth of itself.
const maxGrace = 100 * time.Millisecond

// entry is a registered check and what is known of it.
type entry struct {
	Check

	mu      sync.Mutex // never held while a checker or a logger runs
	last    result
	run     *run // in flight, or nil
	removed bool
	logged  logKey
}

type logKey struct {
	outcome Outcome
	reason  string
}

type result struct {
	outcome  Outcome // "" before the first result
	reason   string
	at       time.Time
	duration time.Duration
	err      error // for the logger only
}

// run is one call of a checker, shared by every evaluation that needs it.
type run struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the checker has returned
	late   chan struct{} // closed when it has not, past deadline and grace

	// Guarded by entry.mu.
	began   time.Time // zero while the run waits for its turn
	expired bool
	result  result // set before done or late is closed
}

// peek returns what is known at now without waiting. fresh tells that no run
// is needed, or none may start.
func (e *entry) peek(now time.Time, cache time.Duration) (res result, fresh bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peekLocked(now, cache)
}

func (e *entry) peekLocked(now time.Time, cache time.Duration) (result, bool) {
	if e.run != nil && e.run.expired {
		return result{outcome: OutcomeFailed, reason: reasonStuck, at: now, duration: now.Sub(e.run.began)}, true
	}
	return e.last, e.last.outcome != "" && now.Sub(e.last.at) < cache
}

// ticket is what an evaluation holds for one check: a result, or the run to
// wait for.
type ticket struct {
	*entry

	res result
	run *run
}

// join never waits. It starts a run when none is in flight and the last result
// is too old.
func (h *Health) join(ctx context.Context, e *entry, now time.Time) ticket {
	e.mu.Lock()
	res, fresh := e.peekLocked(now, h.cfg.Cache)
	if fresh || e.removed {
		e.mu.Unlock()
		return ticket{entry: e, res: res}
	}
	if r := e.run; r != nil {
		e.mu.Unlock()
		return ticket{entry: e, run: r}
	}
	// The caller's cancellation must not reach a run that others share.
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &run{cancel: cancel, done: make(chan struct{}), late: make(chan struct{})}
	e.run = r
	e.mu.Unlock()

	if h.track(r, e.Name) {
		go h.execute(runCtx, e, r)
	} else {
		cancel()
		e.drop(r)
	}
	return ticket{entry: e, run: r}
}

// overdue is the result of an evaluation that cannot wait for r any longer:
// the last one while a run within its timeout may still renew it.
func (e *entry) overdue(r *run, now time.Time, cache time.Duration) result {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last.outcome != "" && now.Sub(e.last.at) < e.Timeout+max(cache, 0) {
		return e.last
	}
	if r.began.IsZero() {
		return result{}
	}
	return result{outcome: OutcomeTimeout, reason: reasonTimeout, at: now, duration: now.Sub(r.began)}
}

func (e *entry) resultOf(r *run) result {
	e.mu.Lock()
	defer e.mu.Unlock()
	return r.result
}

func (e *entry) gone() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.removed
}

// remove stops the check from being run or reported.
func (e *entry) remove() {
	e.mu.Lock()
	e.removed = true
	r := e.run
	e.mu.Unlock()
	if r != nil {
		r.cancel()
	}
}

// execute runs the check to its end. It is the one goroutine of a run.
func (h *Health) execute(ctx context.Context, e *entry, r *run) {
	defer h.untrack(r)
	defer r.cancel()
	if !h.acquire(ctx) {
		e.drop(r)
		return
	}
	release := sync.OnceFunc(h.release)
	defer release()

	began := time.Now()
	e.mu.Lock()
	r.began = began
	e.mu.Unlock()
	grace := min(maxGrace, e.Timeout/10)
	timer := time.AfterFunc(e.Timeout+grace, func() {
		release() // a wedged check must not hold up the others
		h.expire(ctx, e, r, began.Add(e.Timeout))
	})
	defer timer.Stop()
	deadline, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()

	res := result{outcome: OutcomeFailed, reason: reasonPanic, err: errors.New("checker ended its goroutine")}
	// Deferred, because runtime.Goexit in a checker does not come back here.
	defer func() {
		if ctx.Err() != nil {
			// Cancelled by Remove or Close: the error says nothing of the thing checked.
			e.drop(r)
			return
		}
		res.at = time.Now()
		res.duration = res.at.Sub(began)
		h.finish(ctx, e, r, res)
	}()
	res = call(deadline, e.Checker)
}

// call contains a panic of the checker, and of the methods of its error.
func call(ctx context.Context, c Checker) (res result) {
	defer func() {
		if v := recover(); v != nil {
			res = result{outcome: OutcomeFailed, reason: reasonPanic, err: &panicError{v, debug.Stack()}}
		}
	}()
	err := c.Check(ctx)
	outcome, reason := classify(err, ctx.Err() != nil)
	return result{outcome: outcome, reason: reason, err: err}
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// finish records the result of a run that has returned.
func (h *Health) finish(ctx context.Context, e *entry, r *run, res result) {
	e.mu.Lock()
	e.run = nil
	if !r.expired {
		// A late result stays the timeout it was, dated at the deadline: the
		// next evaluation past the cache period runs the check again.
		r.result, e.last = res, res
	}
	changed := !r.expired && e.changed(res)
	e.mu.Unlock()
	close(r.done) // before the log: a slow handler delays no answer
	if changed {
		h.log(ctx, e, res)
	}
}

// expire records that a run has outlived its timeout.
func (h *Health) expire(ctx context.Context, e *entry, r *run, deadline time.Time) {
	e.mu.Lock()
	if e.run != r || r.expired {
		e.mu.Unlock()
		return
	}
	res := result{
		outcome: OutcomeTimeout, reason: reasonTimeout, at: deadline, duration: e.Timeout,
		err: errors.New("checker has not returned at its deadline"),
	}
	r.expired, r.result, e.last = true, res, res
	changed := e.changed(res)
	e.mu.Unlock()
	close(r.late)
	if changed {
		h.log(ctx, e, res)
	}
}

// drop ends a run that has no result of its own.
func (e *entry) drop(r *run) {
	e.mu.Lock()
	e.run = nil
	if !r.expired {
		r.result = e.last
	}
	e.mu.Unlock()
	close(r.done)
}

// changed reports whether res is worth a line in the log. The first ok is not.
func (e *entry) changed(res result) bool {
	key := logKey{res.outcome, res.reason}
	before := e.logged
	e.logged = key
	return before != key && (before != logKey{} || res.outcome != OutcomeOK)
}

// log never lets a broken handler or error take the process down with it.
func (h *Health) log(ctx context.Context, e *entry, res result) {
	defer func() { _ = recover() }()
	attrs := []slog.Attr{
		slog.String("check", e.Name),
		slog.String("outcome", string(res.outcome)),
		slog.String("reason", res.reason),
		slog.Bool("optional", e.Optional),
		slog.Duration("duration", res.duration),
	}
	if res.err != nil {
		attrs = append(attrs, slog.Any("error", res.err))
	}
	if res.outcome == OutcomeOK {
		h.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "health check ok again", attrs...)
		return
	}
	h.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "health check not ok", attrs...)
}
