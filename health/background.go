package health

import (
	"context"
	"math/rand/v2"
	"time"
)

// loop runs e in the background until ctx ends, at first after a pause.
func (h *Health) loop(ctx context.Context, e *entry, pause time.Duration) {
	over := false
	defer func() {
		if !over { // runtime.Goexit in the checker ended this goroutine
			h.spawn(e.Name, func() {}, func() { h.loop(ctx, e, e.pause()) })
		}
	}()
	for late := false; ; {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			over = true
			return
		}
		r := h.runOnce(ctx, e)
		if r == nil || ctx.Err() != nil {
			over = true
			return
		}
		pause = e.pause()
		again := r.overran()
		if again && !late { // it has no result; one that is late each time is in no hurry
			pause = min(pause, max(h.cfg.Cache, 0))
		}
		late = again
	}
}

// runOnce runs e, or waits for the run in flight. It returns nil when e was
// removed.
func (h *Health) runOnce(ctx context.Context, e *entry) *run {
	runCtx, cancel := context.WithCancel(ctx)
	r, fresh := e.claim(cancel)
	if fresh {
		h.execute(runCtx, e, r)
		return r
	}
	cancel()
	if r != nil {
		select {
		case <-r.done:
		case <-ctx.Done():
		}
	}
	return r
}

// pause is the time to the next run in the background, give or take a tenth, so
// that the checks of many processes spread.
func (e *entry) pause() time.Duration {
	return e.Every - e.Every/10 + rand.N(e.Every/5+1) //nolint:gosec // jitter
}

// overran reports whether r, which has ended, outlived its timeout.
func (r *run) overran() bool {
	select {
	case <-r.late:
		return true
	default:
		return false
	}
}

// watch takes the pulse, and tells of results that grow stale, until ctx ends.
func (h *Health) watch(ctx context.Context) {
	defer h.pulse.end()
	ticker := time.NewTicker(pulsePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		h.pulse.beat()
		now := h.now()
		for _, e := range h.set.Load().all {
			if e.Every > 0 {
				h.tellStale(e, now)
			}
		}
	}
}

func (h *Health) tellStale(e *entry, now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.known.Load(); h.isStale(e, r, now) && e.logged.outcome != OutcomeStale {
		h.announce(e, OutcomeStale, "", r.at.Add(e.StaleAfter), found{})
	}
}

// isStale reports whether r passes, but is too old at now to count. The time in
// which the process stood still does not age it.
func (h *Health) isStale(e *entry, r *result, now time.Duration) bool {
	return now-r.end > e.StaleAfter && r.outcome.passing() &&
		now-r.end-h.pulse.slept(r.end, now) > e.StaleAfter
}
