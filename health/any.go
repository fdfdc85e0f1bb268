package health

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// anyGrace is how long a checker in [Any] may take to return once its context
// has ended. It is also what Any keeps of its own time, so that it can say why
// they failed; a tenth at most.
const anyGrace = 100 * time.Millisecond

// Any passes when n of checkers pass: with an n of one, any of them will do.
// They run at the same time. Any returns as soon as the outcome is certain, or
// its context ends, and then ends the context of those that still run. They have
// a tenth less time than Any, at most 100 ms, so that it can say why they failed.
// A checker that is degraded passes; when n cannot be reached without it, Any is
// degraded, too.
//
// The reason of a failure is the one that the failed checkers have in common,
// else other; that of a limitation, the one of the degraded checkers. The error
// has the text of each.
//
// A panic is a failure of that checker. One that ignores its context fails,
// reason stuck, until it returns, and is not called again meanwhile: it owns one
// goroutine at most. No place in checkers is called concurrently with itself,
// even when the Any is used in several checks; a checker in two places is.
// [Config.MaxParallel] counts Any as one.
//
// An n below one or above the number of checkers is an error of [New] and
// [Health.Add], and so is what is wrong with a checker. Liveness refuses Any when
// it refuses one of the checkers.
func Any(n int, checkers ...Checker) Checker {
	c := &anyCheck{need: n, members: make([]*member, len(checkers))}
	for i, checker := range checkers {
		c.members[i] = &member{checker: checker}
	}
	return c
}

type anyCheck struct {
	need    int
	members []*member
}

func (c *anyCheck) remote() bool {
	for _, m := range c.members {
		if isRemote(m.checker) {
			return true
		}
	}
	return false
}

func (c *anyCheck) validate() error {
	if c.need < 1 || c.need > len(c.members) {
		return fmt.Errorf("any %d of %d checkers: want from one to all of them", c.need, len(c.members))
	}
	for i, m := range c.members {
		if err := validChecker(m.checker); err != nil {
			return fmt.Errorf("checker %d: %w", i, err)
		}
	}
	return nil
}

func (c *anyCheck) Check(ctx context.Context) error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	inner, cancel := shortened(ctx)
	defer cancel()
	verdicts := make(chan verdict, len(c.members)) // nobody waits for a late one
	for i, m := range c.members {
		go m.report(inner, i, verdicts)
	}
	p := newPoll(c.need, len(c.members))
	for !p.decided() {
		select {
		case v := <-verdicts:
			p.add(v)
		case <-ctx.Done():
			p.giveUp()
		}
	}
	return p.result()
}

// shortened ends before the deadline of ctx.
func shortened(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(anyGrace, time.Until(deadline)/10)))
}

// member is a checker of [Any], run by one goroutine at a time.
type member struct {
	checker Checker

	mu  sync.Mutex
	lap *lap // in flight, or nil
}

// lap is one run of a member.
type lap struct {
	done  chan struct{} // closed when the checker has returned
	stuck chan struct{} // closed when it should have, long ago
}

type verdict struct {
	index   int
	outcome Outcome
	reason  string
	err     error
}

// report is the goroutine of a member. It sends one verdict, whatever the
// checker does: return, panic or end its goroutine.
func (m *member) report(ctx context.Context, index int, verdicts chan<- verdict) {
	v := verdict{index, OutcomeFailed, reasonPanic, errors.New("checker ended its goroutine")}
	defer func() { verdicts <- v }()
	l, err := m.enter(ctx)
	if err != nil {
		v.outcome, v.reason = classify(err, false)
		v.err = err
		return
	}
	defer m.leave(l)
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(anyGrace, func() { close(l.stuck) })
	})
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			v.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	err = m.checker.Check(ctx)
	outcome, reason := classify(err, ctx.Err() != nil)
	v = verdict{index, outcome, reason, err}
}

// enter waits until the run before has ended. It does when that run still has
// its time, or was just told to end, and fails when it is stuck or ctx ends.
func (m *member) enter(ctx context.Context) (*lap, error) {
	for {
		if ctx.Err() != nil { // the outcome became certain before the turn of m
			return nil, ctx.Err()
		}
		m.mu.Lock()
		before := m.lap
		if before == nil {
			m.lap = &lap{done: make(chan struct{}), stuck: make(chan struct{})}
			defer m.mu.Unlock()
			return m.lap, nil
		}
		m.mu.Unlock()
		select {
		case <-before.done:
		case <-before.stuck:
			return nil, Reason(reasonStuck, errors.New("checker has not returned from an earlier run"))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (m *member) leave(l *lap) {
	m.mu.Lock()
	m.lap = nil
	m.mu.Unlock()
	close(l.done)
}

// poll counts verdicts.
type poll struct {
	need                  int
	ok, degraded, pending int
	against               []verdict // those that are not ok
	answered              []bool
}

func newPoll(need, of int) *poll {
	return &poll{need: need, pending: of, answered: make([]bool, of)}
}

func (p *poll) add(v verdict) {
	p.pending--
	p.answered[v.index] = true
	if v.outcome == OutcomeOK {
		p.ok++
		return
	}
	if v.outcome == OutcomeDegraded {
		p.degraded++
	}
	p.against = append(p.against, v)
}

// giveUp counts the pending ones as failed.
func (p *poll) giveUp() {
	for i, answered := range p.answered {
		if !answered {
			p.add(verdict{i, OutcomeTimeout, reasonTimeout, errors.New("no answer in time")})
		}
	}
}

// decided reports whether no further verdict can change the result: n are ok;
// or n can no longer be ok, and either enough are degraded or too many failed.
func (p *poll) decided() bool {
	passing := p.ok + p.degraded
	return p.ok >= p.need ||
		p.ok+p.pending < p.need && passing >= p.need ||
		passing+p.pending < p.need
}

func (p *poll) result() error {
	if p.ok >= p.need {
		return nil
	}
	passing := p.ok + p.degraded
	enough := passing >= p.need
	reason := p.commonReason(enough)
	err := Reason(reason, &quorumError{passed: passing, need: p.need, of: len(p.answered), against: p.against})
	if enough {
		return Degraded(err)
	}
	return err
}

// commonReason is the reason that the degraded checkers share, or the failed
// ones.
func (p *poll) commonReason(degraded bool) (reason string) {
	for _, v := range p.against {
		if degraded != (v.outcome == OutcomeDegraded) {
			continue
		}
		if reason != "" && reason != v.reason {
			return reasonOther
		}
		reason = v.reason
	}
	return reason
}

// quorumError makes its text when asked: an error of a checker may be slow, or
// panic, at it. It hides the errors from [errors.As]: one of a degraded checker
// would make a failure look degraded.
type quorumError struct {
	passed, need, of int
	against          []verdict
}

func (e *quorumError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "health: %d of %d checkers passed, want %d", e.passed, e.of, e.need)
	for _, v := range e.against {
		fmt.Fprintf(&b, "; checker %d: %v", v.index, v.err)
	}
	return b.String()
}
