package provider

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
)

// How long calls wait after a limit of the rate that names no time: a second,
// doubled with each further one in a row.
const (
	firstCoolDown = time.Second
	maxCoolDown   = time.Minute
)

// codePaced is the Code of a call whose turn does not come in time.
const codePaced = "paced"

// Gate holds back calls to one receiver: it paces them, and after an answer that
// says so it makes them wait, or refuses them. Calls pass in the order in which
// they came. It may be used concurrently.
type Gate struct {
	limiter *rate.Limiter // nil: no pacing

	// next holds the call whose turn comes next. Only it has a reservation: one
	// in the middle of others could not be given back, and its turn would be lost.
	next chan struct{}

	mu     sync.Mutex
	queued int               // calls in Enter without a reservation
	until  time.Time         // no call before
	inRow  int               // limits without a time since the last other answer
	dead   *connectors.Error // no call any more
}

// NewGate returns a Gate. A nil limiter does not pace; one that is shared paces
// all gates together. Then the turn of a call that leaves is lost when a call has
// reserved a later one through another gate: the pace stays below the limit.
func NewGate(limiter *rate.Limiter) *Gate {
	return &Gate{limiter: limiter, next: make(chan struct{}, 1)}
}

// Enter waits for the turn of a call. Its error is a [*connectors.Error] that is
// Unsent. A turn in the last tenth of the time until the deadline of ctx, or later,
// fails at once, with RetryAfter: the call could be cut off in its middle. A call
// that leaves takes no turn from those behind it.
func (g *Gate) Enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return connectors.ContextError(ctx)
	}
	wait, err := g.queue()
	if err != nil {
		return err
	}
	last := lastTurn(ctx)
	dequeue := sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.queued--
	})
	defer dequeue()
	if last.before(wait) {
		return paced(wait)
	}
	select {
	case g.next <- struct{}{}:
		defer func() { <-g.next }()
		return g.pass(ctx, last, dequeue)
	case <-ctx.Done():
		return connectors.ContextError(ctx)
	}
}

// pass waits until nothing is before the call but the receiver.
func (g *Gate) pass(ctx context.Context, last turnLimit, dequeue func()) error {
	for {
		turn, wait, err := g.turn()
		if turn != nil {
			dequeue()
		}
		switch {
		case err != nil, wait <= 0:
			return err
		case last.before(wait):
			err = paced(wait)
		default:
			err = sleep(ctx, wait)
		}
		switch {
		case err != nil && turn != nil:
			turn.Cancel()
			return err
		case err != nil, turn != nil && g.open():
			return err
		}
		// It waited for the end of a cool-down, or for a turn in the middle of
		// one, in which nobody could use it.
	}
}

// queue counts a call in, and returns how long it will wait if nobody before it
// gives up.
func (g *Gate) queue() (time.Duration, error) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dead != nil {
		return 0, g.refusal()
	}
	start := now
	if g.until.After(now) {
		start = g.until
	}
	wait := start.Sub(now)
	if g.limiter != nil && g.limiter.Limit() != rate.Inf {
		if short := float64(g.queued+1) - g.limiter.TokensAt(start); short > 0 {
			seconds := short / float64(g.limiter.Limit())
			if g.limiter.Burst() < 1 || seconds > math.MaxInt32 { // 68 years
				return 0, never()
			}
			wait += time.Duration(seconds * float64(time.Second))
		}
	}
	g.queued++
	return wait, nil
}

// turn reserves the next turn, unless calls have to wait for something else
// first.
func (g *Gate) turn() (turn *rate.Reservation, wait time.Duration, err error) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dead != nil {
		return nil, 0, g.refusal()
	}
	if wait = g.until.Sub(now); wait > 0 || g.limiter == nil {
		return nil, wait, nil
	}
	if turn = g.limiter.ReserveN(now, 1); !turn.OK() {
		return nil, 0, never()
	}
	return turn, turn.DelayFrom(now), nil
}

func (g *Gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead == nil && !g.until.After(time.Now())
}

// Idle reports whether nothing is lost when the gate is replaced by a new one.
func (g *Gate) Idle() bool {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead == nil && g.queued == 0 && !g.until.After(now) &&
		(g.limiter == nil || g.limiter.TokensAt(now) >= float64(g.limiter.Burst()))
}

// Learn keeps what an answer said, or what came in its place; nil is success.
// After one that asks to wait no call passes before, at most [MaxRetryAfter]; after
// a limit of the rate that names no time, none for a second, two, four and so on
// up to a minute. dead tells that no call can succeed until [Gate.Reset]: calls
// get e again, unsent and without a status. A shorter wait does not end a longer one.
func (g *Gate) Learn(e *connectors.Error, dead bool) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if e == nil {
		g.inRow = 0
		return
	}
	if dead {
		kept := *e
		g.dead = &kept
	}
	if e.Status == 0 {
		return // it says nothing about the receiver
	}
	limited := e.Kind == connectors.KindRateLimited
	wait := min(e.RetryAfter, MaxRetryAfter)
	switch {
	case !limited, wait > 0:
		g.inRow = 0
	case !g.until.After(now): // the first of several that were under way together
		wait = min(firstCoolDown<<min(g.inRow, 16), maxCoolDown)
		g.inRow++
	}
	if until := now.Add(wait); wait > 0 && until.After(g.until) {
		g.until = until
	}
}

// Reset lets calls pass again, at the pace of the limiter. Those that wait
// already are not woken.
func (g *Gate) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead, g.until, g.inRow = nil, time.Time{}, 0
}

func (g *Gate) refusal() error {
	e := *g.dead
	e.Unsent, e.Status, e.RetryAfter = true, 0, 0
	return &e
}

// turnLimit is the last moment at which the turn of a call is of use; zero is none.
type turnLimit time.Time

func lastTurn(ctx context.Context) turnLimit {
	deadline, ok := ctx.Deadline()
	if !ok {
		return turnLimit{}
	}
	return turnLimit(deadline.Add(-time.Until(deadline) / 10))
}

// before reports whether a wait ends after the limit.
func (l turnLimit) before(wait time.Duration) bool {
	limit := time.Time(l)
	return wait > 0 && !limit.IsZero() && time.Now().Add(wait).After(limit)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return connectors.ContextError(ctx)
	}
}

func paced(wait time.Duration) error {
	return &connectors.Error{
		Kind: connectors.KindRateLimited, Code: codePaced, Message: "it is not the turn of this call yet",
		RetryAfter: wait, Unsent: true,
	}
}

func never() error {
	return &connectors.Error{Kind: connectors.KindRateLimited, Code: codePaced, Message: "the limiter lets nothing pass", Unsent: true}
}
