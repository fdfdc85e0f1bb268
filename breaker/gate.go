package breaker

import (
	"context"
	"time"
)

// ticket is the admission of one call.
type ticket struct {
	period uint64
	probe  uint64 // zero unless the call is a probe
	start  time.Duration
	took   time.Duration // until the upstream answered, if answered
	state  State
	// answered: the call goes on after the upstream has answered, which alone is its speed.
	answered bool
	// late: the context had ended before the call began.
	late bool
}

const stateBits = 3

// gateWord is what an admission without the lock goes by.
func gateWord(period uint64, s State) uint64 { return period<<stateBits | uint64(s) } //nolint:gosec // one of five

// enter admits a call or returns the refusal.
func (b *Breaker) enter(ctx context.Context) (ticket, *OpenError) {
	word := b.gate.Load()
	if s := State(word & (1<<stateBits - 1)); s == Closed || s == ForcedClosed {
		t := ticket{period: word >> stateBits, state: s, late: ctx.Err() != nil}
		b.running.Add(1)
		if b.timed {
			t.start = b.now()
		}
		return t, nil
	}
	if r := b.refusal.Load(); r != nil && b.now() < r.fresh {
		return ticket{}, b.reject(ctx, r)
	}
	return b.enterLocked(ctx)
}

func (b *Breaker) enterLocked(ctx context.Context) (ticket, *OpenError) {
	late := ctx.Err() != nil // a foreign method, which must not run under the lock
	b.mu.Lock()
	now := b.now()
	p := b.advance(now)
	if w := b.wait(now, p); w > 0 {
		r := b.refuse(now, p.state, w)
		b.unlock()
		return ticket{}, b.reject(ctx, r)
	}
	t := ticket{period: b.period, start: now, state: b.state, late: late}
	if b.state == HalfOpen {
		b.lastProbe++
		t.probe = b.lastProbe
		b.probes = append(b.probes, lease{id: t.probe, deadline: now + b.cfg.ProbeTimeout})
	}
	b.running.Add(1)
	admitted := false
	defer func() {
		if !admitted { // a hook ended the goroutine
			b.leave(ctx, t, Neutral)
		}
	}()
	b.unlock()
	admitted = true
	return t, nil
}

// leave counts the outcome of an admitted call.
func (b *Breaker) leave(ctx context.Context, t ticket, o Outcome) { b.leaveFor(ctx, t, o, 0) }

// leaveFor is leave for an upstream that has asked to be left alone for a while. It returns the period to which the
// outcome led, and 0, which is none, when it moved nothing.
func (b *Breaker) leaveFor(ctx context.Context, t ticket, o Outcome, pause time.Duration) uint64 {
	if o != Success && o != Neutral {
		o = Failure
	}
	now := b.now()
	if !t.answered && (b.timed || t.probe != 0) {
		t.took = now - t.start
	}
	slow := b.cfg.SlowCall > 0 && t.took >= b.cfg.SlowCall && o != Neutral
	b.mu.Lock()
	b.totals[o]++
	if slow {
		b.slow++
	}
	if t.period == b.period && b.state == HalfOpen {
		b.advance(now) // the lease of this probe, or of an older one, may have run out
	}
	counts := t.period == b.period
	if counts {
		switch b.state {
		case Closed:
			b.count(now, o, slow, pause)
		case HalfOpen:
			b.settle(now, t.probe, o, slow, pause)
		case Open, ForcedOpen, ForcedClosed: // the first two admit no call, and the last is under no rule
		}
	}
	period := uint64(0)
	if counts {
		period = b.period
	}
	b.running.Add(-1) // not before the outcome is in the window, or idle would see neither
	b.unlock()
	if b.cfg.Observer != nil {
		b.observe(ctx, Event{Name: b.name, State: t.state, Outcome: o, Slow: slow, Duration: t.took})
	}
	return period
}

// count takes the outcome of a call of this closed period.
func (b *Breaker) count(now time.Duration, o Outcome, slow bool, pause time.Duration) {
	if o != Neutral {
		b.window.add(now, o == Success, slow)
		if o == Success {
			b.consecutive = 0
		} else {
			b.consecutive++
		}
	}
	// A success can complete MinCalls, so the rules are read after it too. The machine, which reads them at failures
	// only, is not bothered before one is met: it would only count, and allocate.
	if reason := b.met(); reason != "" && b.machine.tell(errOutcome) == Open {
		b.open(now, now, reason, pause)
	} else if pause > 0 {
		b.pause(now, pause)
	}
}

// ready is what the machine asks.
func (b *Breaker) ready() bool { return b.met() != "" }

// met returns the rule that is met, or nothing.
func (b *Breaker) met() Reason {
	if b.cfg.Consecutive > 0 && b.consecutive >= b.cfg.Consecutive {
		return ReasonConsecutive
	}
	s := b.window.sum
	total := s.successes + s.failures
	if b.cfg.MinCalls > 0 && total < uint64(b.cfg.MinCalls) {
		return ""
	}
	// Quotients, unlike products, are the same float as a rate that was written as a fraction: 7 of 25 reach 0.28.
	switch {
	case b.cfg.FailureRate > 0 && s.failures > 0 && float64(s.failures)/float64(total) >= b.cfg.FailureRate:
		return ReasonFailureRate
	case b.cfg.SlowRate > 0 && s.slow > 0 && float64(s.slow)/float64(total) >= b.cfg.SlowRate:
		return ReasonSlowCalls
	default:
		return ""
	}
}

// settle takes the outcome of a call of this half-open period: of a probe, or once more of one that had succeeded.
func (b *Breaker) settle(now time.Duration, probe uint64, o Outcome, slow bool, pause time.Duration) {
	for i, l := range b.probes {
		if l.id == probe {
			b.probes = append(b.probes[:i], b.probes[i+1:]...)
			b.refusal.Store(nil) // a slot is free
			break
		}
	}
	reason := ReasonProbeFailed
	if o == Success && slow {
		o, reason = Failure, ReasonProbeSlow
	}
	switch {
	case o == Failure:
		if b.machine.tell(errOutcome) == Open {
			b.open(now, now, reason, pause)
		}
	case pause > 0:
		b.pause(now, pause)
	case o == Success:
		b.successes++
		if b.successes < b.cfg.ProbeSuccesses || b.machine.tell(nil) != Closed {
			return
		}
		b.turn(Closed, now, ReasonProbesSucceeded, 0)
		b.consecutive = 0
		b.window.reset(now)
	}
}
