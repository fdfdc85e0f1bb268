package breaker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Breaker is one circuit. Create it with [New]; use it for one upstream. All its methods may be called concurrently.
type Breaker struct {
	name  string
	cfg   Config
	epoch time.Time // all moments are counted from here: one clock to read, where time.Now reads two
	timed bool      // somebody wants to know how long calls take

	// What needs no lock. A call on a closed circuit is admitted by them alone, and so are most refused.
	gate     atomic.Uint64 // period and state
	refusal  atomic.Pointer[refusal]
	running  atomic.Int64
	rejected atomic.Uint64

	mu      sync.Mutex
	machine *machine
	state   State  // as the machine last reported it, or a forced one
	resume  State  // what a forced state is in front of
	period  uint64 // grows with every change
	changed time.Duration

	window      window
	consecutive int

	openUntil time.Duration // while open
	openFor   time.Duration // of the last open period
	next      time.Duration // of the next open period, drawn ahead so that reads can be exact
	backoff   int           // how often OpenFor is doubled in next

	probes    []lease // oldest first
	lastProbe uint64
	successes int // of the present half-open period

	totals [Neutral + 1]uint64 // by Outcome
	slow   uint64

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
	return newBreaker(name, cfg), nil
}

// newBreaker takes what withDefaults has returned.
func newBreaker(name string, cfg Config) *Breaker {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Breaker{name: name, cfg: cfg, epoch: time.Now(), timed: cfg.Observer != nil || cfg.SlowCall > 0}
	b.window.length = cfg.Window / buckets
	b.machine = newMachine(cfg.OpenFor, b.ready)
	b.next = b.draw()
	b.period = 1
	b.gate.Store(gateWord(b.period, Closed))
	return b
}

// now is the time since epoch.
func (b *Breaker) now() time.Duration { return time.Since(b.epoch) }

// Name returns the name of the breaker.
func (b *Breaker) Name() string { return b.name }

// Do runs fn with ctx if the circuit admits it, counts the outcome, and returns fn's error as it is. If the circuit
// refuses, it returns an [*OpenError] and does not run fn. A panic of fn is counted and continues.
func (b *Breaker) Do(ctx context.Context, fn func(context.Context) error) error {
	t, refused := b.enter(ctx)
	if refused != nil {
		return refused
	}
	outcome, returned := Failure, false
	defer func() {
		if returned {
			b.leave(ctx, t, outcome)
			return
		}
		p := recover()
		b.leave(ctx, t, fell(p))
		if p != nil {
			panic(p)
		}
	}()
	err := fn(ctx)
	outcome = b.judge(ctx, t, err)
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
// not at all otherwise; until the process ends it is in [Snapshot.Running] and keeps its breaker in a [Group].
func (b *Breaker) Allow(ctx context.Context) (done func(Outcome), err error) {
	t, refused := b.enter(ctx)
	if refused != nil {
		return nil, refused
	}
	var reported atomic.Bool
	return func(o Outcome) {
		if !reported.Swap(true) {
			b.leave(ctx, t, o)
		}
	}, nil
}
