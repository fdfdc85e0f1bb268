package breaker

import (
	"context"
	"math/rand/v2"
	"time"
)

// ticket is the admission of one call.
type ticket struct {
	period uint64
	probe  uint64 // zero unless the call is a probe
	state  State
	start  time.Time
}

// lease is a running probe.
type lease struct {
	id       uint64
	deadline time.Time
}

// projection is what a call at a given moment finds.
type projection struct {
	state State
	until time.Time // end of the open period, if state is Open or lapsed is set
	// lapsed: the oldest lease has run out, so the circuit opened again at its end, until until.
	lapsed bool
}

// project changes nothing, so that reads and calls see the same.
func (b *Breaker) project(now time.Time) projection {
	p := projection{state: b.state, until: b.openUntil}
	if b.state == HalfOpen && len(b.probes) > 0 && !now.Before(b.probes[0].deadline) {
		p.lapsed, p.state = true, Open
		p.until = b.probes[0].deadline.Add(b.next)
		if p.until.Sub(now) < 2*time.Nanosecond { // too short for a machine's timeout
			p.state = HalfOpen
		}
	} else if b.state == Open && !now.Before(b.openUntil) {
		p.state = HalfOpen
	}
	return p
}

// wait returns the time until a call can be admitted.
func (b *Breaker) wait(now time.Time, p projection) time.Duration {
	switch {
	case p.state == Open:
		return p.until.Sub(now)
	case p.state == HalfOpen && !p.lapsed && len(b.probes) >= b.cfg.Probes:
		return b.probes[0].deadline.Sub(now)
	default:
		return 0
	}
}

// advance makes the circuit what project says a call finds.
func (b *Breaker) advance(now time.Time) projection {
	p := b.project(now)
	if p.lapsed {
		b.open(now, b.probes[0].deadline, ReasonProbeTimeout, p.state == HalfOpen)
	}
	if b.state == Open && p.state == HalfOpen {
		// After a lapse whose open period is over as well, the machine was left half-open.
		if b.machine.state() != HalfOpen {
			p.state, p.until = Open, now.Add(time.Nanosecond)
			return p
		}
		b.successes = 0
		b.turn(HalfOpen, now, ReasonOpenElapsed)
	}
	p.lapsed = false
	return p
}

// enter admits a call or returns the refusal.
func (b *Breaker) enter(ctx context.Context) (ticket, error) {
	b.mu.Lock()
	if b.state == Closed {
		t := ticket{period: b.period, state: Closed}
		b.mu.Unlock()
		if b.cfg.Observer != nil {
			t.start = time.Now()
		}
		return t, nil
	}
	now := time.Now()
	p := b.advance(now)
	if w := b.wait(now, p); w > 0 {
		b.rejected++
		b.unlock()
		b.observe(ctx, Event{Name: b.name, State: p.state, Rejected: true})
		return ticket{}, &OpenError{Name: b.name, State: p.state, RetryAfter: w}
	}
	b.lastProbe++
	b.probes = append(b.probes, lease{id: b.lastProbe, deadline: now.Add(b.cfg.ProbeTimeout)})
	t := ticket{period: b.period, probe: b.lastProbe, state: HalfOpen, start: now}
	b.unlock()
	return t, nil
}

// leave counts the outcome of an admitted call.
func (b *Breaker) leave(ctx context.Context, t ticket, o Outcome) {
	if o != Success && o != Neutral {
		o = Failure
	}
	now := time.Now()
	b.mu.Lock()
	b.totals[o]++
	if t.period == b.period && b.state == HalfOpen {
		b.advance(now) // the lease of this probe, or of an older one, may have run out
	}
	if t.period == b.period {
		switch b.state {
		case Closed:
			b.count(now, o)
		case HalfOpen:
			b.settle(now, t.probe, o)
		case Open: // admits no call, so no ticket is of an open period
		}
	}
	b.unlock()
	b.observe(ctx, Event{Name: b.name, State: t.state, Outcome: o, Duration: now.Sub(t.start)})
}

// count takes the outcome of a call of this closed period.
func (b *Breaker) count(now time.Time, o Outcome) {
	if o == Neutral {
		return
	}
	b.window.add(now, o == Success)
	if o == Success {
		b.consecutive = 0
	} else {
		b.consecutive++
	}
	// A success can complete MinCalls, so the rules are read after it too. The machine, which reads them at failures
	// only, is not bothered before one is met: it would only count, and allocate.
	if b.ready() && b.machine.tell(errOutcome) == Open {
		reason := ReasonFailureRate
		if b.cfg.Consecutive > 0 && b.consecutive >= b.cfg.Consecutive {
			reason = ReasonConsecutive
		}
		b.open(now, now, reason, false)
	}
}

// ready reports whether a rule is met.
func (b *Breaker) ready() bool {
	if b.cfg.Consecutive > 0 && b.consecutive >= b.cfg.Consecutive {
		return true
	}
	s := b.window.sum
	total := s.successes + s.failures
	// A quotient, unlike the product, is the same float as a rate that was written as a fraction: 7 of 25 reach 0.28.
	return b.cfg.FailureRate > 0 && s.failures > 0 &&
		(b.cfg.MinCalls < 0 || total >= uint64(b.cfg.MinCalls)) &&
		float64(s.failures)/float64(total) >= b.cfg.FailureRate
}

// settle takes the outcome of a probe of this half-open period.
func (b *Breaker) settle(now time.Time, probe uint64, o Outcome) {
	for i, l := range b.probes {
		if l.id == probe {
			b.probes = append(b.probes[:i], b.probes[i+1:]...)
			break
		}
	}
	switch o {
	case Success:
		b.successes++
		if b.successes < b.cfg.ProbeSuccesses || b.machine.tell(nil) != Closed {
			return
		}
		b.turn(Closed, now, ReasonProbesSucceeded)
		b.consecutive = 0
		b.window.reset(now)
	case Failure:
		if b.machine.tell(errOutcome) == Open {
			b.open(now, now, ReasonProbeFailed, false)
		}
	case Neutral: // the slot is free, nothing else is known
	}
}

// open begins an open period at at. If it is over already, because a lapse was noticed late, the machine stays half-open:
// that is where it would be.
func (b *Breaker) open(now, at time.Time, reason Reason, over bool) {
	if b.state == Closed && at.Sub(b.changed) >= b.openFor {
		b.backoff = 0
		b.next = b.draw()
	}
	b.openFor = b.next
	b.openUntil = at.Add(b.openFor)
	if !over {
		left := b.openUntil.Sub(now)
		b.machine = newOpenMachine(left, b.ready)
		// Read the clock again, so that the machine's period, which began after now, is over at openUntil.
		b.openUntil = time.Now().Add(left)
	}
	b.turn(Open, at, reason)
	b.backoff++
	b.next = b.draw()
}

// draw returns the length of an open period: OpenFor doubled backoff times, limited, give or take a fifth.
func (b *Breaker) draw() time.Duration {
	d := b.cfg.OpenFor
	for range b.backoff {
		if d >= b.cfg.MaxOpenFor/2 {
			d = b.cfg.MaxOpenFor
			break
		}
		d *= 2
	}
	//nolint:gosec // spreads probes, guards nothing
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// turn is the only place where the state changes.
func (b *Breaker) turn(to State, at time.Time, reason Reason) {
	c := Change{Name: b.name, From: b.state, To: to, At: at, Reason: reason}
	if to == Open {
		c.OpenFor = b.openFor
	}
	b.state, b.changed = to, at
	b.period++
	b.probes = b.probes[:0]
	b.publish(c)
}
