package breaker

import (
	"fmt"
	"time"
)

// State is the state of a circuit.
type State int

// The states of a circuit.
const (
	// Closed lets every call through and counts its outcome.
	Closed State = iota
	// HalfOpen lets a few calls through as probes and refuses the others.
	HalfOpen
	// Open refuses every call until its period is over.
	Open
	// ForcedOpen refuses every call until an operator decides otherwise; see [Breaker.ForceOpen].
	ForcedOpen
	// ForcedClosed lets every call through until an operator decides otherwise; see [Breaker.ForceClosed].
	ForcedClosed
)

// String returns "closed", "half-open", "open", "forced-open" or "forced-closed".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half-open"
	case Open:
		return "open"
	case ForcedOpen:
		return "forced-open"
	case ForcedClosed:
		return "forced-closed"
	default:
		return fmt.Sprintf("State(%d)", int(s))
	}
}

// MarshalText returns what String returns, so that JSON and logs show the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Outcome is what a finished call says about the upstream. A value other than the three below, zero included, counts
// as [Failure].
type Outcome int

// The outcomes of a call.
const (
	// Success says that the upstream works. A correct answer is a success even if it is empty or "not found".
	Success Outcome = iota + 1
	// Failure says that the upstream does not work.
	Failure
	// Neutral says nothing about the upstream: it moves no rule, ends no run of failures, and frees its probe.
	Neutral
)

// String returns "success", "failure" or "neutral".
func (o Outcome) String() string {
	switch o {
	case Success:
		return "success"
	case Failure:
		return "failure"
	case Neutral:
		return "neutral"
	default:
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
}

// MarshalText returns what String returns, so that JSON and logs show the name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Reason says why a circuit changed its state. The set is small and its strings are stable, fit for a metric's label.
type Reason string

// The reasons of a [Change].
const (
	// ReasonConsecutive: the run of failures reached [Config.Consecutive].
	ReasonConsecutive Reason = "consecutive-failures"
	// ReasonFailureRate: the share of failures reached [Config.FailureRate].
	ReasonFailureRate Reason = "failure-rate"
	// ReasonSlowCalls: the share of slow calls reached [Config.SlowRate].
	ReasonSlowCalls Reason = "slow-calls"
	// ReasonRetryAfter: the upstream asked, with Retry-After, to be left alone for longer than the circuit would have
	// opened by itself.
	ReasonRetryAfter Reason = "retry-after"
	// ReasonOpenElapsed: the open period is over and a call came.
	ReasonOpenElapsed Reason = "open-elapsed"
	// ReasonProbeFailed: a probe failed.
	ReasonProbeFailed Reason = "probe-failed"
	// ReasonProbeSlow: a probe succeeded, but took [Config.SlowCall] or longer.
	ReasonProbeSlow Reason = "probe-slow"
	// ReasonProbeTimeout: a probe reported nothing within [Config.ProbeTimeout].
	ReasonProbeTimeout Reason = "probe-timeout"
	// ReasonProbesSucceeded: [Config.ProbeSuccesses] probes succeeded.
	ReasonProbesSucceeded Reason = "probes-succeeded"
	// ReasonForced: [Breaker.ForceOpen] or [Breaker.ForceClosed].
	ReasonForced Reason = "forced"
	// ReasonAuto: [Breaker.Auto].
	ReasonAuto Reason = "auto"
	// ReasonReset: [Breaker.Reset].
	ReasonReset Reason = "reset"
)

// Change is one change of state.
type Change struct {
	// Name is the name of the breaker.
	Name string
	// From and To are the states before and after; they differ.
	From, To State
	// At is when the circuit changed. A probe's lapse is noticed by the next call and dated back to the lapse.
	At time.Time
	// Reason says why.
	Reason Reason
	// OpenFor is the length of the open period that begins, or what is left of it after [Breaker.Auto]; zero unless To
	// is [Open].
	OpenFor time.Duration
}

// Event is one call, for [Config.Observer]. Its fields have few values, except Duration.
type Event struct {
	// Name is the name of the breaker.
	Name string
	// State is the state that admitted or refused the call; a call admitted by [HalfOpen] is a probe.
	State State
	// Rejected reports that the call was refused; Outcome and Duration are then zero.
	Rejected bool
	// Outcome is what the call was counted as.
	Outcome Outcome
	// Slow reports that the call took [Config.SlowCall] or longer; it is false for neutral calls.
	Slow bool
	// Duration is the time from admission to outcome, or to the header of the answer in [Transport] and to the first
	// flush in [Breaker.Handler].
	Duration time.Duration
}
