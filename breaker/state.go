package breaker

import (
	"errors"
	"fmt"
	"time"
)

// ErrOpen is matched, through [errors.Is], by every error with which a breaker refuses a call.
var ErrOpen = errors.New("breaker: circuit is open")

// OpenError is the refusal of a call: the circuit is open, or it is half-open and all its probes are taken.
// The protected function has not run.
type OpenError struct {
	// Name is the name of the breaker that refused.
	Name string
	// State is [Open] or [HalfOpen].
	State State
	// RetryAfter is the time until the circuit can next decide otherwise, always above zero. With [Open], the circuit
	// takes a probe once it has passed. With [HalfOpen] it is the time until the oldest running probe has either ended
	// or lapsed; the circuit may close earlier, and may open again.
	RetryAfter time.Duration
}

// Error names the breaker, its state and the time to wait.
func (e *OpenError) Error() string {
	return fmt.Sprintf("breaker: circuit %q is %s, retry after %s", e.Name, e.State, e.RetryAfter)
}

// RetryDelay returns RetryAfter; code that retries finds it without importing this package.
func (e *OpenError) RetryDelay() time.Duration { return e.RetryAfter }

// Is reports whether target is [ErrOpen].
func (e *OpenError) Is(target error) bool { return target == ErrOpen }

// State is the state of a circuit.
type State int

// The states of a circuit.
const (
	// Closed lets every call through and counts its outcome.
	Closed State = iota
	// HalfOpen lets a few calls through as probes and refuses the others.
	HalfOpen
	// Open refuses every call.
	Open
)

// String returns "closed", "half-open" or "open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half-open"
	case Open:
		return "open"
	default:
		return fmt.Sprintf("State(%d)", int(s))
	}
}

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

// Reason says why a circuit changed its state. The set is small and its strings are stable, fit for a metric's label.
type Reason string

// The reasons of a [Change].
const (
	// ReasonConsecutive: the run of failures reached [Config.Consecutive].
	ReasonConsecutive Reason = "consecutive-failures"
	// ReasonFailureRate: the share of failures reached [Config.FailureRate].
	ReasonFailureRate Reason = "failure-rate"
	// ReasonOpenElapsed: the open period is over and a call came.
	ReasonOpenElapsed Reason = "open-elapsed"
	// ReasonProbeFailed: a probe failed.
	ReasonProbeFailed Reason = "probe-failed"
	// ReasonProbeTimeout: a probe reported nothing within [Config.ProbeTimeout].
	ReasonProbeTimeout Reason = "probe-timeout"
	// ReasonProbesSucceeded: [Config.ProbeSuccesses] probes succeeded.
	ReasonProbesSucceeded Reason = "probes-succeeded"
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
	// OpenFor is the length of the open period that begins, jitter included; zero unless To is [Open].
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
	// Duration is the time from admission to outcome.
	Duration time.Duration
}

// Snapshot is a consistent picture of a breaker at one moment.
type Snapshot struct {
	// Name is the name of the breaker.
	Name string
	// State is what [Breaker.State] returns.
	State State
	// Successes, Failures and Neutrals count the finished calls since [New], and Rejected the refused ones.
	// A call that never reports is in none of them.
	Successes, Failures, Neutrals, Rejected uint64
	// WindowSuccesses and WindowFailures are what the failure rate is computed from: outcomes, in [Config.Window], of
	// calls that the present closed period admitted. Both are zero unless the circuit is closed.
	WindowSuccesses, WindowFailures uint64
	// ConsecutiveFailures is the present run of failures; zero unless the circuit is closed.
	ConsecutiveFailures int
	// Probes is the number of probes whose outcome is awaited.
	Probes int
	// ChangedAt is when the circuit last changed its state, or when New was called.
	ChangedAt time.Time
	// RetryAfter is what [Breaker.RetryAfter] returns.
	RetryAfter time.Duration
}
