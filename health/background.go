package health

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// loop runs e in the background until ctx ends.
func (h *Health) loop(ctx context.Context, e *entry) {
	timer := time.NewTimer(e.InitialDelay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		runCtx, cancel := context.WithCancel(ctx)
		r, fresh := e.claim(cancel)
		if fresh {
			h.execute(runCtx, e, r)
		} else {
			cancel()
		}
		if r == nil {
			return
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return
		}
		pause := e.Every - e.Every/10 + rand.N(e.Every/5+1) //nolint:gosec // jitter
		if r.overran() {
			pause = 0 // its result came too late, so there is none
		}
		timer.Reset(pause)
	}
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

// A pulse notices that the process did not run for a while: it is expected
// every period, and two periods late is late.
const (
	pulsePeriod = 500 * time.Millisecond
	pulseLate   = 3 * pulsePeriod
)

type pulse struct {
	// In nanoseconds since start; 0 is never. start is set before last.
	start      time.Time
	last, thaw atomic.Int64
}

func (p *pulse) begin(start time.Time) {
	p.start = start
	p.last.Store(max(1, int64(time.Since(start))))
}

// beat reports a sign of life.
func (p *pulse) beat() {
	now := int64(time.Since(p.start))
	if now-p.last.Load() > int64(pulseLate) {
		p.thaw.Store(now)
	}
	p.last.Store(now)
}

// thawed returns when the process was last found to have been stopped, never
// when it was not or nobody looked. What asks may run before the pulse does.
func (p *pulse) thawed() time.Duration {
	last := p.last.Load()
	if last == 0 {
		return never
	}
	if now := time.Since(p.start); int64(now)-last > int64(pulseLate) {
		return now
	}
	if thaw := p.thaw.Load(); thaw != 0 {
		return time.Duration(thaw)
	}
	return never
}

// watch takes the pulse, and tells of results that grow stale, until ctx ends.
func (h *Health) watch(ctx context.Context) {
	defer h.pulse.last.Store(0)
	ticker := time.NewTicker(pulsePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		h.pulse.beat()
		now, thawed := h.now(), h.pulse.thawed()
		for _, e := range h.set.Load().all {
			if e.Every > 0 {
				h.tellStale(e, now, thawed)
			}
		}
	}
}

func (h *Health) tellStale(e *entry, now, thawed time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.known.Load(); e.isStale(r, now, thawed) && e.logged.outcome != OutcomeStale {
		h.announce(e, OutcomeStale, "", r.at.Add(e.StaleAfter), found{})
	}
}

// thawed returns when the process was last found to have been stopped for a
// while, by a signal, a debugger or a paused machine; zero when it was not. What
// judges the age of something gives it one more period from then on.
func thawed(ctx context.Context) time.Time {
	f, ok := ctx.Value(thawKey{}).(func() time.Time)
	if !ok {
		return time.Time{}
	}
	return f()
}

type thawKey struct{}

func (h *Health) thawedAt() time.Time {
	thaw := h.pulse.thawed()
	if thaw == never {
		return time.Time{}
	}
	return h.start.Add(thaw)
}
