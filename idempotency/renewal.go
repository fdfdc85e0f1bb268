package idempotency

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// renewal keeps the lease of a run alive, each third of it, and ends the
// handler's context when [Config.MaxRun] has passed or the lease is lost. It
// works on a timer, so that a short request has no goroutine besides its own.
type renewal struct {
	run      *run
	end      context.CancelCauseFunc // of the handler's context
	leaseEnd time.Time               // by this process's clock; changed by tick alone
	deadline time.Time               // of MaxRun; zero: none

	mu      sync.Mutex
	timer   *time.Timer
	paused  bool // the lease is not renewed, the deadline still holds
	stopped bool
	ticking chan struct{}      // closed when the tick under way is over; nil without one
	cancel  context.CancelFunc // of its call to the store
}

func (l *renewal) start(run *run, asked time.Time, end context.CancelCauseFunc) {
	l.run, l.end = run, end
	l.leaseEnd = asked.Add(run.m.cfg.Lease)
	if limit := run.m.cfg.MaxRun; limit >= 0 {
		l.deadline = asked.Add(limit)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(l.next(), l.tick)
}

// next is the time to the next tick: a third of the lease, less a random part
// so that requests that came together do not renew together, or what is left of
// the lease or of MaxRun.
func (l *renewal) next() time.Duration {
	third := l.run.m.cfg.Lease / 3
	next := min(third-rand.N(third/10), time.Until(l.leaseEnd)) //nolint:gosec // jitter
	switch {
	case l.deadline.IsZero():
		return next
	case l.paused:
		return time.Until(l.deadline)
	default:
		return min(next, time.Until(l.deadline))
	}
}

func (l *renewal) tick() {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return
	}
	if !l.deadline.IsZero() && !time.Now().Before(l.deadline) {
		l.mu.Unlock()
		l.end(context.DeadlineExceeded)
		return
	}
	if l.paused {
		if !l.deadline.IsZero() {
			l.timer.Reset(l.next())
		}
		l.mu.Unlock()
		return
	}
	ctx, cancel := context.WithCancel(l.run.base)
	done := make(chan struct{})
	l.ticking, l.cancel = done, cancel
	l.mu.Unlock()

	err := l.extend(ctx)
	cancel()

	l.mu.Lock()
	l.ticking = nil
	if err == nil && !l.stopped && (!l.paused || !l.deadline.IsZero()) {
		l.timer.Reset(l.next())
	}
	l.mu.Unlock()
	close(done)
	if err != nil {
		l.end(err)
	}
}

// extend renews the lease. A store that fails is given the rest of the lease
// to recover.
func (l *renewal) extend(ctx context.Context) error {
	m := l.run.m
	// A store that hangs must not hide that the lease, or MaxRun, has ended.
	end := l.leaseEnd
	if !l.deadline.IsZero() && l.deadline.Before(end) {
		end = l.deadline
	}
	asking, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	asked := time.Now()
	err := m.tell(asking, func(ctx context.Context) error {
		return m.store.Extend(ctx, l.run.req.Key, l.run.req.Token, m.cfg.Lease)
	})
	switch {
	case err == nil:
		l.leaseEnd = asked.Add(m.cfg.Lease)
		return nil
	case ctx.Err() != nil:
		return nil // stopped; the handler has returned
	case errors.Is(err, ErrLeaseLost), !time.Now().Before(l.leaseEnd):
		m.log(ctx, slog.LevelWarn, "Idempotency lease lost", slog.Any("error", err), slog.Int("attempt", l.run.info.Attempt))
		return ErrLeaseLost
	default:
		m.log(ctx, slog.LevelWarn, "Idempotency lease not renewed", slog.Any("error", err), slog.Int("attempt", l.run.info.Attempt))
		return nil
	}
}

// pause ends the renewal but not the deadline, and waits for a call under way.
func (l *renewal) pause() {
	l.mu.Lock()
	l.paused = true
	if l.deadline.IsZero() {
		l.timer.Stop()
	}
	l.settle()
}

// resume takes back pause.
func (l *renewal) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = false
	if !l.stopped {
		l.timer.Reset(l.next())
	}
}

// stop ends both. It may be called twice.
func (l *renewal) stop() {
	l.mu.Lock()
	l.stopped = true
	l.timer.Stop()
	l.settle()
}

// settle is called with the lock, and waits without it.
func (l *renewal) settle() {
	ticking, cancel := l.ticking, l.cancel
	l.mu.Unlock()
	if ticking != nil {
		cancel()
		<-ticking
	}
}
