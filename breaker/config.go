package breaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// The defaults of [Config].
const (
	DefaultConsecutive  = 5
	DefaultFailureRate  = 0.5
	DefaultMinCalls     = 10
	DefaultSlowRate     = 0.5
	DefaultWindow       = time.Minute
	DefaultOpenFor      = 30 * time.Second
	DefaultMaxOpenFor   = 5 * time.Minute
	DefaultProbeTimeout = 10 * time.Second
)

const (
	minWindow  = 50 * time.Millisecond
	minOpenFor = time.Millisecond
	maxPeriod  = 365 * 24 * time.Hour
)

// Config is the behaviour of a [Breaker]. Its zero value is the documented default; a negative value switches a rule
// off where the field says so, and is an error elsewhere.
type Config struct {
	// Consecutive opens the circuit after so many failures without a success between them, however far apart they
	// are. Zero means 5; negative switches the rule off.
	Consecutive int

	// FailureRate opens the circuit when failures/(successes+failures) within Window is at least this share, above 0 and
	// at most 1. Zero means 0.5; negative switches the rule off. At least one of the three rules must be on.
	FailureRate float64

	// MinCalls is the number of finished calls in Window, neutral ones not counted, below which FailureRate and SlowRate
	// say nothing. Zero means 10; negative means no minimum.
	MinCalls int

	// Window is the time over which FailureRate and SlowRate are computed, in ten buckets: an outcome leaves between nine
	// tenths of Window and Window after it was reported, and counts however long the call took. Zero means one minute;
	// the least is 50 ms.
	Window time.Duration

	// SlowCall is how long a call may take; one that takes as long or longer is slow, whether it succeeds or fails. A
	// slow probe counts as a failed one. Zero and negative values switch the rule off: there is no time that is right
	// for every upstream.
	SlowCall time.Duration

	// SlowRate opens the circuit when the share of slow calls among the finished ones within Window, neutral ones not
	// counted, is at least this, above 0 and at most 1. Zero means 0.5; negative leaves slow calls to the probes alone.
	// It needs a SlowCall.
	SlowRate float64

	// OpenFor is the length of the first open period, give or take a random fifth, so that a fleet does not probe in
	// step. Zero means 30 s; the least is 1 ms.
	OpenFor time.Duration

	// MaxOpenFor limits the growth of open periods: each one doubles if the circuit opens again from half-open, or
	// before it stayed closed for as long as it was open last. The random fifth is applied after the limit, also when
	// MaxOpenFor equals OpenFor. Zero means five minutes, or OpenFor if that is more; negative switches the growth off.
	// A pause that an upstream asks for has its own limit, [TransportConfig.MaxRetryAfter].
	MaxOpenFor time.Duration

	// Probes is how many calls a half-open circuit lets run at once. Zero means 1.
	Probes int

	// ProbeSuccesses is how many probes must succeed, with no failure between them, to close the circuit; one failed
	// probe opens it again. Zero means Probes.
	ProbeSuccesses int

	// ProbeTimeout is the lease of a probe: one that has not reported by then counts as failed, so that no lost call can
	// hold the circuit half-open. It does not cancel the call. Zero means 10 s, or OpenFor if that is more.
	ProbeTimeout time.Duration

	// Classify judges the error of a call run by [Breaker.Do], [Call] or a [Transport]. It is asked only about errors
	// that the fixed rules leave: nil is [Success]; any error of a call whose own context was cancelled, or had ended
	// before the call began, and a refusal by another breaker ([ErrOpen]), are [Neutral]. It receives the context of the call. It runs on the calling goroutine
	// with no lock held; its panic counts as a failure and reaches the caller. Nil means that every such error is a
	// [Failure], an expired deadline included.
	// A message that the receiver refuses for its content says nothing against the receiver: classify it as Success, or
	// one caller's mistakes open the circuit for all.
	Classify func(ctx context.Context, err error) Outcome

	// OnChange, if not nil, is told of every change of state of a breaker: one at a time (those of a [Group] share it, and
	// call it concurrently), in order, with no lock held, so it may use
	// the breaker. It runs on a goroutine that is calling the breaker, not always the one that caused the change, and
	// delays that call. A panic in it is contained. While it blocks, the 256 latest changes are kept for it.
	OnChange func(Change)

	// Observer, if not nil, is told of every call once: when it is refused, or when its outcome is reported. A probe that
	// succeeded by its header is told again, as a failure, if its body breaks or its handler panics after that. It runs on
	// the goroutine that calls or reports, with no lock held, concurrently with itself. A panic in it is contained.
	Observer func(context.Context, Event)

	// Logger, if not nil, receives every change of state, at level Warn when the circuit opens and Info otherwise, and,
	// at level Error, panics of OnChange and Observer.
	Logger *slog.Logger
}

// withDefaults checks c and returns it with every zero replaced; a rule that is off stays negative.
func (c Config) withDefaults() (Config, error) {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	if c.Consecutive == 0 {
		c.Consecutive = DefaultConsecutive
	}
	if c.FailureRate == 0 {
		c.FailureRate = DefaultFailureRate
	}
	if c.MinCalls == 0 {
		c.MinCalls = DefaultMinCalls
	}
	if c.Probes == 0 {
		c.Probes = 1
	}
	if c.ProbeSuccesses == 0 {
		c.ProbeSuccesses = c.Probes
	}
	if c.SlowRate == 0 {
		c.SlowRate = DefaultSlowRate
	}
	def(&c.Window, DefaultWindow)
	def(&c.OpenFor, DefaultOpenFor)
	def(&c.MaxOpenFor, max(DefaultMaxOpenFor, c.OpenFor))
	def(&c.ProbeTimeout, max(DefaultProbeTimeout, c.OpenFor))
	if c.MaxOpenFor < 0 {
		c.MaxOpenFor = c.OpenFor
	}

	switch {
	case c.Consecutive < 0 && c.FailureRate < 0 && (c.SlowCall <= 0 || c.SlowRate < 0):
		return c, errors.New("breaker: Consecutive, FailureRate and SlowCall are all off: the circuit would never open")
	case !(c.FailureRate <= 1): // also refuses NaN
		return c, fmt.Errorf("breaker: FailureRate is %v: want at most 1", c.FailureRate)
	case !(c.SlowRate <= 1):
		return c, fmt.Errorf("breaker: SlowRate is %v: want at most 1", c.SlowRate)
	case c.Window < minWindow || c.Window > maxPeriod:
		return c, fmt.Errorf("breaker: Window is %s: want %s to %s", c.Window, minWindow, maxPeriod)
	case c.OpenFor < minOpenFor || c.OpenFor > maxPeriod:
		return c, fmt.Errorf("breaker: OpenFor is %s: want %s to %s", c.OpenFor, minOpenFor, maxPeriod)
	case c.MaxOpenFor < c.OpenFor || c.MaxOpenFor > maxPeriod:
		return c, fmt.Errorf("breaker: MaxOpenFor is %s: want OpenFor (%s) to %s", c.MaxOpenFor, c.OpenFor, maxPeriod)
	case c.Probes < 0:
		return c, fmt.Errorf("breaker: Probes is %d: want at least 1", c.Probes)
	case c.ProbeSuccesses < 0:
		return c, fmt.Errorf("breaker: ProbeSuccesses is %d: want at least 1", c.ProbeSuccesses)
	case c.ProbeTimeout < minOpenFor || c.ProbeTimeout > maxPeriod:
		return c, fmt.Errorf("breaker: ProbeTimeout is %s: want %s to %s", c.ProbeTimeout, minOpenFor, maxPeriod)
	}
	return c, nil
}
