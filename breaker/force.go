package breaker

// ForceOpen makes the circuit refuse every call, as [ForcedOpen], until [Breaker.Auto], [Breaker.ForceClosed] or
// [Breaker.Reset].
func (b *Breaker) ForceOpen() { b.force(ForcedOpen) }

// ForceClosed makes the circuit admit every call, as [ForcedClosed], until [Breaker.Auto], [Breaker.ForceOpen] or
// [Breaker.Reset]. Outcomes are in the totals of [Breaker.Snapshot] meanwhile and move no rule.
func (b *Breaker) ForceClosed() { b.force(ForcedClosed) }

// force puts a state in front of the one that the rules have led to. Calls that still run move nothing any more; the
// window and the open period stay, and time passes for them.
func (b *Breaker) force(to State) {
	b.mu.Lock()
	defer b.unlock()
	now := b.now()
	if p := b.project(now); p.lapsed {
		b.lapse(now, p)
	}
	switch b.state {
	case to:
		return
	case Closed, HalfOpen, Open:
		b.resume = b.state
	case ForcedOpen, ForcedClosed: // one after the other
	}
	b.turn(to, now, ReasonForced, 0)
}

// Auto hands a forced circuit back to its rules, in the state in which it was forced: closed with what is left of its
// window, open if the open period is not over, or half-open. It does nothing to a circuit that is not forced.
func (b *Breaker) Auto() {
	b.mu.Lock()
	defer b.unlock()
	if b.state != ForcedOpen && b.state != ForcedClosed {
		return
	}
	now := b.now()
	switch {
	case b.resume != Open:
		b.turn(b.resume, now, ReasonAuto, 0)
	case now >= b.openUntil && b.machine.state() == HalfOpen:
		b.turn(HalfOpen, now, ReasonAuto, 0)
	default:
		b.turn(Open, now, ReasonAuto, b.openUntil-now)
	}
}

// Reset closes the circuit, forced or not, and forgets all that its rules have seen: the window, the run of failures, the
// growth of open periods, and the calls that still run. The totals of [Breaker.Snapshot] stay.
func (b *Breaker) Reset() {
	b.mu.Lock()
	defer b.unlock()
	now := b.now()
	b.machine = newMachine(b.cfg.OpenFor, b.ready)
	b.window.reset(now)
	b.consecutive, b.backoff, b.openFor = 0, 0, 0
	b.next = b.draw()
	if b.state == Closed {
		b.begin()
		return
	}
	b.turn(Closed, now, ReasonReset, 0)
}
