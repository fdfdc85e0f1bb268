package breaker

import (
	"math/rand/v2"
	"time"
)

// lease is a running probe.
type lease struct {
	id       uint64
	deadline time.Duration
}

// projection is what a call at a given moment finds.
type projection struct {
	state State
	until time.Duration // end of the open period, if state is Open or lapsed is set
	// lapsed: the oldest lease has run out, so the circuit opened again at its end, until until.
	lapsed bool
}

// project changes nothing, so that reads and calls see the same.
func (b *Breaker) project(now time.Duration) projection {
	p := projection{state: b.state, until: b.openUntil}
	if b.state == HalfOpen && len(b.probes) > 0 && now >= b.probes[0].deadline {
		p.lapsed, p.state = true, Open
		p.until = b.probes[0].deadline + b.next
		if p.until-now < 2*time.Nanosecond { // too short for a machine's timeout
			p.state = HalfOpen
		}
	} else if b.state == Open && now >= b.openUntil {
		p.state = HalfOpen
	}
	return p
}

// wait returns the time until a call can be admitted.
func (b *Breaker) wait(now time.Duration, p projection) time.Duration {
	switch {
	case p.state == Open:
		return p.until - now
	case p.state == HalfOpen && !p.lapsed && len(b.probes) >= b.cfg.Probes:
		return b.probes[0].deadline - now
	case p.state == ForcedOpen:
		return b.cfg.OpenFor
	default:
		return 0
	}
}

// advance makes the circuit what project says a call finds.
func (b *Breaker) advance(now time.Duration) projection {
	p := b.project(now)
	if p.lapsed {
		b.lapse(now, p)
	}
	if b.state == Open && p.state == HalfOpen {
		// After a lapse whose open period is over as well, the machine was left half-open.
		if b.machine.state() != HalfOpen {
			p.state, p.until = Open, now+1
			return p
		}
		b.turn(HalfOpen, now, ReasonOpenElapsed, 0)
	}
	p.lapsed = false
	return p
}

// lapse opens the circuit as of the end of the oldest lease. If that open period is over already, because the lapse was
// noticed late, the machine stays half-open: that is where it would be.
func (b *Breaker) lapse(now time.Duration, p projection) {
	at, length := b.probes[0].deadline, b.next
	if p.state == Open {
		b.restart(now, p.until)
	} else {
		b.openUntil = p.until
	}
	b.openFor = length
	b.turn(Open, at, ReasonProbeTimeout, length)
	b.grow()
}

// open begins an open period: of the length that is next, or of pause if the upstream has asked for more.
func (b *Breaker) open(now, at time.Duration, reason Reason, pause time.Duration) {
	if b.state == Closed && at-b.changed >= b.openFor {
		b.backoff = 0
		b.next = b.draw()
	}
	if pause > b.next {
		reason = ReasonRetryAfter
	}
	b.openFor = max(b.next, pause)
	b.restart(now, at+b.openFor)
	b.turn(Open, at, reason, b.openFor)
	b.grow()
}

// pause begins an open period that the upstream has asked for: it says nothing about the next.
func (b *Breaker) pause(now, length time.Duration) {
	b.restart(now, now+length)
	b.openFor = length
	b.turn(Open, now, ReasonRetryAfter, length)
}

// restart makes a machine that is open until until.
func (b *Breaker) restart(now, until time.Duration) {
	// The gate keeps the time. The machine, whose period begins a little later, has half of it, so that it never is
	// what a call that was told to wait until then still finds closed.
	b.machine = newOpenMachine(max((until-now)/2, 1), b.ready)
	b.openUntil = until
}

func (b *Breaker) grow() {
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

// turn is the only place where the state changes. openFor is for Open.
func (b *Breaker) turn(to State, at time.Duration, reason Reason, openFor time.Duration) {
	from := b.state
	b.state, b.changed = to, at
	b.begin()
	b.publish(Change{Name: b.name, From: from, To: to, At: b.epoch.Add(at), Reason: reason, OpenFor: openFor})
}

// begin begins a period: what was admitted before moves nothing any more.
func (b *Breaker) begin() {
	b.period++
	b.probes = b.probes[:0]
	b.successes = 0
	b.gate.Store(gateWord(b.period, b.state))
	b.refusal.Store(nil)
}
