package health

import (
	"context"
	"sync"
	"time"
)

// A pulse notices that the process did not run for a while: stopped by a
// signal, a debugger or a paused machine. It is expected every period, and two
// periods late is late.
type pulse struct {
	mu     sync.Mutex
	start  time.Time // what follows is the time since then
	last   time.Duration
	beats  bool // somebody takes the pulse
	pauses []pause
}

const (
	pulsePeriod = 500 * time.Millisecond
	pulseLate   = 3 * pulsePeriod
	// maxPauses bounds what is remembered. Older ones are forgotten, so that
	// what was old before them is stale.
	maxPauses = 64
)

// pause is a time in which the process did not run, up to a period too long.
type pause struct{ from, to time.Duration }

func (p *pulse) begin(start time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start, p.last, p.beats = start, time.Since(start), true
}

func (p *pulse) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beats = false
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.start)
	if now-p.last > pulseLate {
		if len(p.pauses) == maxPauses {
			p.pauses = append(p.pauses[:0], p.pauses[1:]...)
		}
		p.pauses = append(p.pauses, pause{p.last, now})
	}
	p.last = now
}

// slept returns for how much of the time from since to now the process did not
// run, as far as it was noticed. What asks may run before the pulse does.
func (p *pulse) slept(since, now time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum time.Duration
	if p.beats && now-p.last > pulseLate {
		sum = now - max(p.last, since)
	}
	for _, pause := range p.pauses {
		if pause.to > since {
			sum += pause.to - max(pause.from, since)
		}
	}
	return sum
}

// sleptSince returns for how much of the time since then the process did not
// run. It knows in the context that checkers get.
func sleptSince(ctx context.Context, then time.Time) time.Duration {
	p, ok := ctx.Value(pulseKey{}).(sleeper)
	if !ok {
		return 0
	}
	return p.sleptSince(then)
}

type (
	pulseKey struct{}
	sleeper  interface {
		sleptSince(then time.Time) time.Duration
	}
)

func (h *Health) sleptSince(then time.Time) time.Duration {
	return h.pulse.slept(then.Sub(h.start), h.now())
}
