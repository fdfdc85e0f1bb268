package idempotency

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// errLateClaim is of a claim whose lease had ended when its answer came.
var errLateClaim = errors.New("idempotency: claim answered after its lease")

// claim asks the store, and says when. The answer to a claim can get lost after
// the store took it; the token is known, so it is given back.
func (m *Middleware) claim(ctx context.Context, req ClaimRequest) (Claim, time.Time, error) {
	asked := time.Now()
	if m.memory != nil {
		claim, err := m.memory.Claim(ctx, req)
		return claim, asked, err
	}
	base := detached{ctx}
	giveBack := func() {
		// Best effort: the lease ends by itself.
		_ = m.tell(base, func(ctx context.Context) error { return m.store.Release(ctx, req.Key, req.Token) })
	}
	claim, err := call(base, m, func(ctx context.Context) (Claim, error) { return m.store.Claim(ctx, req) },
		func(Claim) { giveBack() })
	if err == nil && claim.State == Claimed && time.Since(asked) >= req.Lease {
		err = errLateClaim
	}
	if err != nil && !errors.Is(err, ErrStoreFull) {
		m.tasks.run(giveBack)
	}
	return claim, asked, err
}

// claimWaiting is claim, repeated while another attempt is running and
// [Config.Wait] lasts.
func (m *Middleware) claimWaiting(ctx context.Context, req ClaimRequest) (claim Claim, asked time.Time, err error) {
	claim, asked, err = m.claim(ctx, req)
	if m.cfg.Wait <= 0 || err != nil || claim.State != Busy {
		return claim, asked, err
	}
	waiting, cancel := context.WithTimeout(ctx, m.cfg.Wait)
	defer cancel()
	for pause := firstPoll; m.wait(waiting, req.Key, pause); pause = min(2*pause, lastPoll) {
		next, at, err := m.claim(ctx, req)
		if err != nil {
			break // it was busy when it was last seen, so no reason to fail open
		}
		if claim, asked = next, at; claim.State != Busy {
			break
		}
	}
	return claim, asked, nil
}

// The pauses between two questions to a store that is no [Waiter].
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = 500 * time.Millisecond
)

// wait reports whether it is time to ask again before ctx has ended.
func (m *Middleware) wait(ctx context.Context, key Key, pause time.Duration) bool {
	if w, ok := m.store.(Waiter); ok {
		return w.Wait(ctx, key) == nil
	}
	return sleep(ctx, pause/2+rand.N(pause/2)) //nolint:gosec // jitter
}

// bounded limits ctx to a duration that is negative when it is off.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// tasks are the goroutines that outlive a request.
type tasks struct {
	mu     sync.Mutex
	closed bool
	stop   chan struct{} // closed by close
	wg     sync.WaitGroup
}

// run runs f on its own goroutine, or in place once closed.
func (t *tasks) run(f func()) {
	t.mu.Lock()
	closed := t.closed
	if !closed {
		t.wg.Go(f)
	}
	t.mu.Unlock()
	if closed {
		f()
	}
}

func (t *tasks) close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.stop)
	}
	t.mu.Unlock()
	t.wg.Wait()
}
