// Package breaker is a circuit breaker: it stops calls to an upstream that
// fails, and lets a few through to learn when it works again. It starts no
// goroutine, and there is nothing to close.
//
// # Model
//
// A [Breaker] is closed, open or half-open. Closed, it lets every call through
// and opens after 5 failures in a row, or when half of at least 10 calls of the
// last minute failed. Open, it refuses calls with an [*OpenError] that says how
// long; the time is 30 s, a random fifth more or less, and doubles up to 5
// minutes while the upstream stays down. Then a probe decides whether the
// circuit closes or opens again.
//
// [Breaker.Do] runs a function under the breaker; [Call] returns its result
// too; [Breaker.Allow] is for calls that do not fit a function. All methods may
// be called concurrently, and from the hooks of [Config].
//
// # What counts
//
// An error is a failure, an expired deadline included; [Config.Classify] can
// look closer. A call whose own context was canceled is neutral whatever its
// error says, and so is the refusal of another breaker. A panic and
// [runtime.Goexit] are failures, [http.ErrAbortHandler] is neutral; both go on
// unchanged. A result counts when it is reported, however long the call took;
// calls in flight do not count. One that was admitted before the circuit last
// opened is only counted in the totals of [Snapshot].
//
// A probe that reports nothing within its lease counts as failed, so no lost
// call can hold the circuit half-open. Reading the state never changes it.
//
// # Limits
//
// The state belongs to one process. Sharing it would put a network call, and
// the store's failures, in front of every call that it is to protect; each
// process finds out within a few calls by itself.
//
// The transitions are those of github.com/sony/gobreaker, whose instance serves
// one generation of the circuit.
package breaker

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Breaker is a circuit breaker. Use [New].
type Breaker struct {
	name string
	cfg  Config

	mu          sync.Mutex
	machine     *gobreaker.TwoStepCircuitBreaker[struct{}]
	arming      bool // the machine moves, the circuit does not
	state       State
	reason      Reason // of the change that the machine is about to make
	at          time.Time
	generation  uint64 // of the state; results of earlier ones move nothing
	window      window
	consecutive int
	probes      []*probe // awaited, oldest first
	succeeded   int      // probes of this half-open state
	period      time.Duration
	openUntil   time.Time
	changedAt   time.Time
	totals      Snapshot // its four counters

	hooks hooks
}

// probe is a call that a half-open circuit has let through.
type probe struct {
	done   func(error) // gobreaker's
	lapses time.Time
}

// call is an admitted call.
type call struct {
	state      State
	generation uint64
	probe      *probe
	start      time.Time
}

var errFailed = errors.New("failed") // tells gobreaker of a failure

// errNeutral tells gobreaker to leave a probe out.
var errNeutral = errors.New("neutral")

// New returns a closed Breaker. The name appears in errors, changes and events.
func New(name string, cfg Config) (*Breaker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	b := &Breaker{name: name, cfg: cfg, window: window{length: cfg.Window / buckets}, changedAt: now}
	b.window.reset(now)
	b.machine = b.newMachine(cfg.OpenFor)
	return b, nil
}

// newMachine returns a closed gobreaker whose open period is the given one. All
// its methods and callbacks run under b.mu.
func (b *Breaker) newMachine(openFor time.Duration) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        b.name,
		MaxRequests: uint32(b.cfg.ProbeSuccesses), //nolint:gosec // checked by withDefaults
		// gobreaker is open until the time has passed, we until it has come.
		Timeout:       max(openFor-1, 1),
		ReadyToTrip:   func(gobreaker.Counts) bool { return true }, // it is told only of the failure that trips
		IsExcluded:    func(err error) bool { return errors.Is(err, errNeutral) },
		OnStateChange: func(_ string, _, to gobreaker.State) { b.enter(to) },
	})
}

// Do runs fn unless the circuit refuses, in which case it returns an
// [*OpenError] and fn does not run. Otherwise it returns fn's error. It
// allocates nothing while the circuit is closed.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) (err error) {
	c, refused := b.admit(ctx)
	if refused != nil {
		b.observe(ctx, Event{Name: b.name, State: refused.State, Rejected: true})
		return refused
	}
	returned := false
	defer func() {
		outcome := Failure
		defer func() { b.report(ctx, c, outcome) }() // also when Classify panics
		if returned {
			outcome = b.classify(ctx, err)
		} else if v := recover(); v != nil {
			if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself, as net/http compares it
				outcome = Neutral
			}
			panic(v)
		}
	}()
	err = fn(ctx)
	returned = true
	return err
}

// Call is [Breaker.Do] for a function with a result.
func Call[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	var result T
	err := b.Do(ctx, func(ctx context.Context) (err error) {
		result, err = fn(ctx)
		return err
	})
	return result, err
}

// Allow admits a call, or refuses it with an [*OpenError]. The caller must
// report the outcome with done, once; further reports are ignored. A Failure of
// a call whose context was canceled counts as Neutral. A probe whose done is
// not called counts as failed when its lease ends.
func (b *Breaker) Allow(ctx context.Context) (done func(Outcome), err error) {
	c, refused := b.admit(ctx)
	if refused != nil {
		b.observe(ctx, Event{Name: b.name, State: refused.State, Rejected: true})
		return nil, refused
	}
	var once sync.Once
	return func(outcome Outcome) {
		once.Do(func() {
			if outcome != Success && errors.Is(ctx.Err(), context.Canceled) {
				outcome = Neutral
			}
			b.report(ctx, c, outcome)
		})
	}, nil
}

func (b *Breaker) classify(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, ErrOpen):
		return Neutral
	case b.cfg.Classify == nil:
		return Failure
	}
	return b.cfg.Classify(ctx, err)
}

// admit decides about a call.
func (b *Breaker) admit(ctx context.Context) (call, *OpenError) {
	now := time.Now()
	b.mu.Lock()
	defer b.flush(ctx)
	defer b.mu.Unlock()
	b.lapse(now)
	if b.state == Closed {
		return call{state: Closed, generation: b.generation, start: now}, nil
	}
	if b.state == Open && now.Before(b.openUntil) || b.state == HalfOpen && b.probesTaken() {
		return call{}, b.refuse(now)
	}
	b.reason, b.at = ReasonOpenElapsed, now
	done, err := b.machine.Allow()
	if err != nil {
		return call{}, b.refuse(now)
	}
	p := &probe{done: done, lapses: now.Add(b.cfg.ProbeTimeout)}
	b.probes = append(b.probes, p)
	return call{state: HalfOpen, generation: b.generation, probe: p, start: now}, nil
}

func (b *Breaker) refuse(now time.Time) *OpenError {
	b.totals.Rejected++
	return &OpenError{Name: b.name, State: b.state, RetryAfter: max(b.retryAfter(now), 1)}
}

// lapse reports the probes whose lease has ended as failed, as of then.
func (b *Breaker) lapse(now time.Time) {
	for len(b.probes) > 0 && !now.Before(b.probes[0].lapses) {
		p := b.probes[0]
		b.reason, b.at = ReasonProbeTimeout, p.lapses
		b.probes = b.probes[1:]
		p.done(errFailed)
	}
}

// report counts the outcome of an admitted call.
func (b *Breaker) report(ctx context.Context, c call, outcome Outcome) {
	now := time.Now()
	b.mu.Lock()
	switch outcome {
	case Success:
		b.totals.Successes++
	case Neutral:
		b.totals.Neutrals++
	default:
		outcome = Failure
		b.totals.Failures++
	}
	b.lapse(now)
	switch {
	case c.generation != b.generation: // admitted by a state that is over
	case c.probe != nil:
		b.reportProbe(c.probe, outcome, now)
	default:
		b.count(outcome, now)
	}
	b.mu.Unlock()
	b.flush(ctx)
	b.observe(ctx, Event{Name: b.name, State: c.state, Outcome: outcome, Duration: now.Sub(c.start)})
}

func (b *Breaker) reportProbe(p *probe, outcome Outcome, now time.Time) {
	i := slices.Index(b.probes, p)
	if i < 0 {
		return // it has lapsed
	}
	b.probes = slices.Delete(b.probes, i, i+1)
	b.at = now
	switch outcome {
	case Success:
		b.reason = ReasonProbesSucceeded
		b.succeeded++
		p.done(nil)
	case Neutral:
		p.done(errNeutral)
	default:
		b.reason = ReasonProbeFailed
		p.done(errFailed)
	}
}

// count is the outcome of a call in a closed circuit.
func (b *Breaker) count(outcome Outcome, now time.Time) {
	switch outcome {
	case Neutral:
		return
	case Success:
		b.consecutive = 0
		b.window.add(now, true)
		return
	default:
	}
	b.consecutive++
	b.window.add(now, false)
	reason, trips := b.trips()
	if !trips {
		return
	}
	b.reason, b.at = reason, now
	if done, err := b.machine.Allow(); err == nil {
		done(errFailed)
	}
}

func (b *Breaker) trips() (Reason, bool) {
	if b.cfg.Consecutive > 0 && b.consecutive >= b.cfg.Consecutive {
		return ReasonConsecutive, true
	}
	failed, all := b.window.sum.failures, b.window.sum.failures+b.window.sum.successes
	if b.cfg.FailureRate > 0 && int64(all) >= int64(b.cfg.MinCalls) && float64(failed) >= b.cfg.FailureRate*float64(all) { //nolint:gosec // counts of calls
		return ReasonFailureRate, true
	}
	return "", false
}

// enter follows a transition that the machine has made.
func (b *Breaker) enter(to gobreaker.State) {
	if b.arming {
		return
	}
	from := b.state
	change := Change{Name: b.name, From: from, At: b.at, Reason: b.reason}
	b.generation++
	b.probes, b.succeeded = nil, 0
	switch to {
	case gobreaker.StateOpen:
		b.state = Open
		b.open(from, b.at)
		b.arm()
		change.OpenFor = b.openUntil.Sub(b.at)
	case gobreaker.StateHalfOpen:
		b.state = HalfOpen
	default:
		b.state = Closed
		b.consecutive = 0
		b.window.reset(b.at)
	}
	if change.To = b.state; change.To == from {
		return
	}
	b.changedAt = b.at
	b.hooks.add(change)
}

// open begins an open period, longer than the one before when that was of no
// use.
func (b *Breaker) open(from State, at time.Time) {
	if from == HalfOpen || b.period > 0 && at.Sub(b.changedAt) < b.period {
		b.period = min(2*b.period, b.cfg.MaxOpenFor)
	} else {
		b.period = b.cfg.OpenFor
	}
	fifth := int64(b.period / 5)
	openFor := b.period + time.Duration(rand.Int64N(2*fifth+1)-fifth) //nolint:gosec // jitter
	b.openUntil = at.Add(openFor)
}

// arm replaces the machine by one that is open for the rest of this period: a
// gobreaker's period is fixed when it is made.
func (b *Breaker) arm() {
	b.machine = b.newMachine(time.Until(b.openUntil))
	b.arming = true
	if done, err := b.machine.Allow(); err == nil {
		done(errFailed)
	}
	b.arming = false
}

func (b *Breaker) observe(ctx context.Context, e Event) {
	if b.cfg.Observer == nil {
		return
	}
	defer b.contain(ctx, "Breaker observer panicked")
	b.cfg.Observer(ctx, e)
}

func (b *Breaker) contain(ctx context.Context, msg string) {
	if v := recover(); v != nil && b.cfg.Logger != nil {
		b.cfg.Logger.LogAttrs(ctx, slog.LevelError, msg, slog.String("breaker", b.name)) //nolint:sloglint // constants of the callers
	}
}
