package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// closeWait bounds [Health.Close].
const closeWait = 500 * time.Millisecond

// task is a goroutine that [Health.Close] waits for.
type task struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

// spawn runs f in a goroutine of its own, or reports that h is closed.
func (h *Health) spawn(name string, cancel context.CancelFunc, f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.set.Load().closed {
		return false
	}
	h.spawnLocked(name, cancel, f)
	return true
}

func (h *Health) spawnLocked(name string, cancel context.CancelFunc, f func()) {
	t := &task{name: name, cancel: cancel, done: make(chan struct{})}
	h.tasks[t] = struct{}{}
	go func() {
		defer close(t.done)
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			delete(h.tasks, t)
		}()
		f()
	}()
}

// Start begins to run the checks with [Check.Every] in the background, each in
// a goroutine of its own, until ctx ends or [Health.Drain] or [Health.Close] is
// called. When ctx ends without a drain the results grow stale, so it should be
// that of the process, not of a request or of the start-up. The checkers see its
// values. A second call does nothing. It fails after Close, when ctx has ended,
// and when the checks have ended with an earlier one.
//
// Until the first run of a background check has ended, the check is unknown and
// readiness fails; call [Health.Evaluate] before Start to have the results first.
//
// Once started, h also notices when the whole process stood still for more than a
// second (SIGSTOP, a paused machine). That time does not age results and
// heartbeats.
func (h *Health) Start(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := *h.set.Load()
	switch {
	case s.closed:
		return errors.New("health: start: already closed")
	case s.draining:
		return nil
	case s.started && h.launch == nil:
		return errors.New("health: start: already ended with its context")
	case s.started:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("health: start: %w", ctx.Err())
	}
	// The pulse outlives ctx: it tells that results grow stale.
	watchCtx, endWatch := context.WithCancel(context.WithoutCancel(ctx))
	ctx, endRuns := context.WithCancel(ctx)
	h.halt = func() {
		endRuns()
		endWatch()
	}
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.launch = nil
	})
	h.launch = func(e *entry) {
		if e.Every == 0 {
			return
		}
		ctx, quit := context.WithCancel(ctx)
		e.quit = quit
		h.spawnLocked(e.Name, quit, func() { h.loop(ctx, e, e.InitialDelay) })
	}
	h.pulse.begin(h.start)
	h.spawnLocked("pulse", endWatch, func() { h.watch(watchCtx) })
	s.started = true
	h.set.Store(&s)
	for _, e := range s.all {
		h.launch(e)
	}
	return nil
}

// Drain makes readiness and /health fail at once and for good; from then on no
// check is begun, but one that was just being begun may still run. The last
// results are shown and no longer grow stale.
// It waits for delay, so that load balancers notice before the listener closes,
// and returns early with the context's error when ctx ends. Liveness stays 200.
func (h *Health) Drain(ctx context.Context, delay time.Duration) error {
	h.update(func(s *set) { s.draining = true })
	h.stop()
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("health: drain: %w", ctx.Err())
	}
}

// stop ends what Start began.
func (h *Health) stop() {
	h.mu.Lock()
	halt := h.halt
	h.mu.Unlock()
	if halt != nil {
		halt()
	}
}

// Close ends h: it drains, cancels the runs in flight and waits for them and
// for the listener, at most 500 ms. Afterwards the endpoints answer from the
// last results and no check runs again. The error names what has not returned;
// a second call waits for it again.
func (h *Health) Close() error {
	h.update(func(s *set) { s.draining, s.closed = true, true })
	h.mu.Lock()
	tasks := make([]*task, 0, len(h.tasks))
	for t := range h.tasks {
		tasks = append(tasks, t)
	}
	h.mu.Unlock()
	h.stop()
	for _, t := range tasks {
		t.cancel()
	}

	end := time.NewTimer(closeWait)
	defer end.Stop()
	var stuck []string
	over := false
	for _, t := range tasks {
		if !over {
			select {
			case <-t.done:
				continue
			case <-end.C:
				over = true
			}
		}
		select {
		case <-t.done:
		default:
			stuck = append(stuck, t.name)
		}
	}
	if len(stuck) == 0 {
		return nil
	}
	slices.Sort(stuck)
	return fmt.Errorf("health: close: still running: %s", strings.Join(slices.Compact(stuck), ", "))
}

// acquire waits for a slot and reports whether the run may start. Liveness waits
// for nobody: what it depends on takes no slot.
func (h *Health) acquire(ctx context.Context, e *entry) (release func(), ok bool) {
	release = func() {}
	if h.slots != nil && !e.ForLive {
		select {
		case h.slots <- struct{}{}:
			release = sync.OnceFunc(func() { <-h.slots })
		case <-ctx.Done():
			return nil, false
		}
	}
	if ctx.Err() != nil || h.set.Load().idle() {
		release()
		return nil, false
	}
	return release, true
}
