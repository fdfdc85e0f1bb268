package breaker

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
)

// errOutcome is what the machine is told instead of the call's own error, which it does not need.
var errOutcome = errors.New("breaker: failure")

// machine is gobreaker's state machine with nothing pending inside: every outcome is admitted and reported in one step.
// The thresholds are the gate's: ReadyToTrip asks it, and a half-open machine is told only the deciding outcome, hence
// MaxRequests 1. The caller holds the gate's lock.
type machine struct {
	gb   *gobreaker.TwoStepCircuitBreaker[struct{}]
	last gobreaker.State // as of the last change, which is all that tell may go by: a read can itself end an open period
}

// newMachine returns a closed machine that opens, for openFor, at a failure for which ready returns true.
func newMachine(openFor time.Duration, ready func() bool) *machine {
	m := &machine{last: gobreaker.StateClosed}
	m.gb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1,
		// gobreaker leaves the open state after, not at, the end of Timeout.
		Timeout:       openFor - time.Nanosecond,
		ReadyToTrip:   func(gobreaker.Counts) bool { return ready() },
		OnStateChange: func(_ string, _, to gobreaker.State) { m.last = to },
	})
	return m
}

// newOpenMachine returns a machine that opens now, for openFor (at least 2 ns), and afterwards follows ready.
func newOpenMachine(openFor time.Duration, ready func() bool) *machine {
	armed := false
	m := newMachine(openFor, func() bool { return !armed || ready() })
	m.tell(errOutcome)
	armed = true
	return m
}

// tell reports one outcome and returns the state that follows from it.
func (m *machine) tell(err error) State {
	if done, refused := m.gb.Allow(); refused == nil {
		done(err)
	}
	return translate(m.last)
}

// state returns the machine's state; an open period that is over ends by this read.
func (m *machine) state() State { return translate(m.gb.State()) }

func translate(s gobreaker.State) State {
	switch s {
	case gobreaker.StateClosed:
		return Closed
	case gobreaker.StateHalfOpen:
		return HalfOpen
	default:
		return Open
	}
}
