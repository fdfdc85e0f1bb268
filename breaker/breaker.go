// Package breaker is a circuit breaker: it stops calling an upstream that fails, refuses calls at once for a while, and
// lets a few probes through before it trusts the upstream again. It starts no goroutine and needs no Close; time is read
// when a call comes.
//
// # Model
//
// A circuit is [Closed] and counts outcomes. It opens after a run of failures ([Config.Consecutive], 5) or when the share
// of failures in a sliding window is too high ([Config.FailureRate], half of at least 10 calls in 60 s). [Open], it
// refuses every call with an [OpenError] for [Config.OpenFor], 30 s give or take a random fifth. After that it is
// [HalfOpen]: it lets [Config.Probes] calls through at once, closes after [Config.ProbeSuccesses] successes and opens
// again, for twice as long, at the first failure.
//
// [Breaker.Do] and [Call] run a function. [Breaker.Allow] is for a call whose outcome is known elsewhere. All methods may
// be called concurrently.
//
// # Outcomes
//
// A call is judged by its own context first: if the caller cancelled it (ctx.Err() is [context.Canceled], whatever the
// error looks like), it says nothing about the upstream and is [Neutral]. An expired deadline is a [Failure]: to a
// caller, an upstream that does not answer in time does not work. A refusal by another breaker further in is Neutral.
// A nil error is a [Success], also if the context has ended meanwhile. [Config.Classify] judges the other errors.
// A panic and [runtime.Goexit] are failures, and the panic continues with its own value; a panic with
// [net/http.ErrAbortHandler] is Neutral.
//
// # Guarantees
//
//   - A half-open circuit cannot stay half-open for want of an outcome: a probe that does not report within
//     [Config.ProbeTimeout] counts as failed.
//   - An outcome counts when it is reported, however long the call took. Running calls are in no rate.
//   - An outcome moves only the period that admitted the call: what a call started before the circuit opened says later
//     neither closes nor reopens it. Such outcomes are in the totals of [Breaker.Snapshot].
//   - [Breaker.State], [Breaker.RetryAfter], [Breaker.Snapshot] and [Breaker.Check] change nothing. They tell what a call
//     at that moment would find: an open period that is over reads as half-open. The [Change] follows with the next call.
//   - Hooks run with no lock held. They may use the breaker, and their panics are contained.
//   - A successful Do on a closed circuit allocates nothing.
//
// # One source of truth
//
// The state machine is that of github.com/sony/gobreaker/v2. The gate in front of it owns the window, the probe leases
// and the remaining time; it tells the machine each outcome that can move it in one step, under the gate's lock, so that
// nothing is ever pending inside the machine. The machine's ReadyToTrip reads the gate's window. Each open period is a
// fresh machine with that period's own length.
//
// # Limits
//
// The state is local to the process, by design. A shared circuit puts a network call, which may itself fail, in
// front of every call; its lock or its stale copy decides for the whole fleet; and one instance with a broken route would
// cut off all the others. Each instance finds out by itself within a few calls, and the random fifth keeps their probes
// apart.
//
// A breaker does not limit concurrency, does not retry and sets no deadline: a call that hangs for ever is counted
// only if it is a probe. Give calls a deadline.
package breaker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Breaker is one circuit. Create it with [New]; use it for one upstream.
type Breaker struct {
	name string
	cfg  Config

	mu      sync.Mutex
	machine *machine
	state   State  // as the machine last reported it
	period  uint64 // grows with every change
	changed time.Time

	window      window
	consecutive int

	openUntil time.Time     // while open
	openFor   time.Duration // of the last open period
	next      time.Duration // of the next open period, drawn ahead so that reads can be exact
	backoff   int           // how often OpenFor is doubled in next

	probes    []lease // oldest first
	lastProbe uint64
	successes int // of the present half-open period

	totals   [Neutral + 1]uint64 // by Outcome
	rejected uint64

	changes  []Change // not yet delivered
	draining bool     // someone is delivering
}

// New returns a closed circuit. The name appears in errors, changes and events; it must not be empty. An error names
// the field of cfg that is wrong.
func New(name string, cfg Config) (*Breaker, error) {
	if name == "" {
		return nil, errors.New("breaker: name is empty")
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	now := time.Now()
	b := &Breaker{name: name, cfg: cfg, changed: now}
	b.window.length = cfg.Window / buckets
	b.window.reset(now)
	b.machine = newMachine(cfg.OpenFor, b.ready)
	b.next = b.draw()
	return b, nil
}

// Do runs fn with ctx if the circuit admits it, counts the outcome, and returns fn's error as it is. If the circuit
// refuses, it returns an [*OpenError] and does not run fn. A panic of fn is counted and continues.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	t, err := b.enter(ctx)
	if err != nil {
		return err
	}
	// It stays Failure if fn does not return: a panic, or runtime.Goexit.
	outcome, returned := Failure, false
	defer func() {
		if returned {
			b.leave(ctx, t, outcome)
			return
		}
		p := recover()
		if p == any(http.ErrAbortHandler) {
			outcome = Neutral
		}
		b.leave(ctx, t, outcome)
		if p != nil {
			panic(p)
		}
	}()
	err = fn(ctx)
	outcome = b.judge(ctx, err)
	returned = true
	return err
}

// Call is [Breaker.Do] for a function that returns a value. If the circuit refuses, the value is zero.
func Call[T any](ctx context.Context, b *Breaker, fn func(context.Context) (T, error)) (T, error) {
	var v T
	err := b.Do(ctx, func(ctx context.Context) error {
		var err error
		v, err = fn(ctx)
		return err
	})
	return v, err
}

// Allow asks for admission. If the circuit refuses, err is an [*OpenError] and done is nil. Otherwise the caller runs the
// call and reports its outcome with done, from any goroutine; only the first report counts. [Config.Classify] is not
// asked, and ctx goes to [Config.Observer] alone. A call that is never reported counts as failed if it was a probe, and
// not at all otherwise.
func (b *Breaker) Allow(ctx context.Context) (done func(Outcome), err error) {
	t, err := b.enter(ctx)
	if err != nil {
		return nil, err
	}
	var once sync.Once
	return func(o Outcome) {
		once.Do(func() { b.leave(ctx, t, o) })
	}, nil
}

// State returns what a call at this moment would find, and changes nothing.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.project(time.Now()).state
}

// RetryAfter returns how long a call must wait before the circuit can admit it: zero if it would be admitted now, and
// [OpenError.RetryAfter] otherwise.
func (b *Breaker) RetryAfter() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	return b.wait(now, b.project(now))
}

// Check returns an [*OpenError] while the circuit is open and nil otherwise. It fits a health check. It is nil as soon
// as the open period is over, so that an instance taken out of service for it gets the calls it needs as probes.
func (b *Breaker) Check(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	p := b.project(now)
	if p.state != Open {
		return nil
	}
	return &OpenError{Name: b.name, State: Open, RetryAfter: b.wait(now, p)}
}

// Snapshot returns the counts and the state of this moment, and changes nothing.
func (b *Breaker) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	p := b.project(now)
	s := Snapshot{
		Name:       b.name,
		State:      p.state,
		Successes:  b.totals[Success],
		Failures:   b.totals[Failure],
		Neutrals:   b.totals[Neutral],
		Rejected:   b.rejected,
		ChangedAt:  b.changed,
		RetryAfter: b.wait(now, p),
	}
	if !p.lapsed {
		s.Probes = len(b.probes)
	}
	if p.state == Closed {
		w := b.window.at(now)
		s.WindowSuccesses, s.WindowFailures = w.successes, w.failures
		s.ConsecutiveFailures = b.consecutive
	}
	return s
}

// judge applies the fixed rules, then Classify.
func (b *Breaker) judge(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, ErrOpen):
		return Neutral
	case b.cfg.Classify != nil:
		return b.cfg.Classify(ctx, err)
	default:
		return Failure
	}
}
