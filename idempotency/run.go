package idempotency

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// run is one attempt: a claimed key and the handler that runs under it.
type run struct {
	m      *Middleware
	key    Key
	token  Token
	info   Info
	policy policy

	start    time.Time    // just before the claim
	leaseEnd atomic.Int64 // since start, by this process's clock
}

func (run *run) serve(w http.ResponseWriter, r *http.Request, next http.Handler, event *Event) {
	// The store's calls must outlive a client that disconnects.
	base := context.WithoutCancel(r.Context())
	ctx, cancel := run.handlerContext(r.Context(), base)
	defer cancel(nil)
	inner := r.WithContext(ctx)
	c := newCapture(base, w, run)
	c.head = r.Method == http.MethodHead
	stop := run.heartbeat(base, cancel)
	returned := false
	defer func() {
		stop()
		event.Status = c.sentStatus()
		httpx.HandBack(r, inner)
		if returned {
			return
		}
		// A panic, or runtime.Goexit. It is not recovered here, so it goes on
		// unchanged.
		event.Outcome = OutcomePanicked
		switch {
		case c.tombstoned && c.tombstoneErr != nil:
			run.saved(base, tombstone(), run.complete(base, tombstone()), OutcomePanicked)
		case !c.tombstoned && !run.m.cfg.HoldOnPanic:
			run.release(base)
		}
	}()

	next.ServeHTTP(c.writer(), inner)
	returned = true
	stop()
	event.Outcome = run.finish(base, c)
}

// handlerContext is the context of the handler: it carries the run, and ends
// with MaxRun, with the loss of the lease, or, on request, with the client.
func (run *run) handlerContext(client, base context.Context) (context.Context, context.CancelCauseFunc) {
	parent := base
	if run.m.cfg.PropagateCancel {
		parent = client
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, runKey{}, run))
	if run.m.cfg.MaxRun < 0 {
		return ctx, cancel
	}
	ctx, cancelTimeout := context.WithTimeout(ctx, run.m.cfg.MaxRun)
	return ctx, func(cause error) {
		cancel(cause)
		cancelTimeout()
	}
}

// heartbeat renews the lease until stop is called, MaxRun has passed, or the
// lease is lost; a lost lease cancels the handler. stop waits and may be called
// twice.
func (run *run) heartbeat(base context.Context, cancelHandler context.CancelCauseFunc) (stop func()) {
	ctx, cancel := bounded(base, run.m.cfg.MaxRun)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for run.sleep(ctx) {
			if err := run.extend(ctx); err != nil {
				cancelHandler(err)
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// sleep waits for a third of the lease, less a random part so that requests
// that came together do not renew together.
func (run *run) sleep(ctx context.Context) bool {
	third := run.m.cfg.Lease / 3
	timer := time.NewTimer(third - rand.N(third/10)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// extend renews the lease. A store that fails is given the rest of the lease
// to recover.
func (run *run) extend(ctx context.Context) error {
	asking, cancel := run.m.storeContext(ctx)
	defer cancel()
	at := time.Since(run.start)
	// A store that hangs must not hide that the lease has ended.
	asking, cancelLease := context.WithTimeout(asking, time.Duration(run.leaseEnd.Load())-at)
	defer cancelLease()
	err := run.m.store.Extend(asking, run.key, run.token, run.m.cfg.Lease)
	switch {
	case err == nil:
		run.leaseEnd.Store(int64(at + run.m.cfg.Lease))
		return nil
	case ctx.Err() != nil:
		return nil // stopped; the handler has returned
	case errors.Is(err, ErrLeaseLost), int64(time.Since(run.start)) >= run.leaseEnd.Load():
		run.m.log(ctx, slog.LevelWarn, "Idempotency lease lost", slog.Any("error", err), slog.Int("attempt", run.info.Attempt))
		return ErrLeaseLost
	default:
		run.m.log(ctx, slog.LevelWarn, "Idempotency lease not renewed", slog.Any("error", err), slog.Int("attempt", run.info.Attempt))
		return nil
	}
}

// finish saves what the handler answered, then sends it.
func (run *run) finish(base context.Context, c *capture) Outcome {
	if c.tombstoned {
		err := c.tombstoneErr
		if err != nil && !errors.Is(err, ErrLeaseLost) {
			err = run.complete(base, tombstone())
		}
		c.end()
		return run.saved(base, tombstone(), err, OutcomeTombstone)
	}
	c.commit()
	if !run.stores(c) {
		run.release(base)
		c.end()
		return OutcomeReleased
	}
	rec, success := tombstone(), OutcomeTombstone
	if !c.truncated() {
		rec, success = c.response().encode(), OutcomeStored
	}
	err := run.complete(base, rec)
	c.end()
	return run.saved(base, rec, err, success)
}

// stores reports whether the response of c is one to keep.
func (run *run) stores(c *capture) bool {
	_, noStore := run.policy.get()
	return !noStore && run.m.cfg.StoreResponse(c.status, c.sent)
}

func (run *run) complete(base context.Context, rec []byte) error {
	ttl, _ := run.policy.get()
	if ttl == 0 {
		ttl = run.m.cfg.TTL
	}
	asking, cancel := run.m.storeContext(base)
	defer cancel()
	return run.m.store.Complete(asking, run.key, run.token, rec, ttl)
}

// saved turns the result of a save into the outcome. A save that failed is
// repeated for as long as the lease holds: the claim is never released after
// the handler succeeded, or a retry would run again.
func (run *run) saved(base context.Context, rec []byte, err error, success Outcome) Outcome {
	switch {
	case err == nil:
		return success
	case errors.Is(err, ErrLeaseLost):
		run.m.log(base, slog.LevelWarn, "Idempotency lease lost, response not kept", slog.Int("attempt", run.info.Attempt))
		return OutcomeLeaseLost
	default:
		run.m.log(base, slog.LevelError, "Idempotent response not saved", slog.Any("error", err), slog.Int("attempt", run.info.Attempt))
		run.m.tasks.run(func() { run.saveAgain(base, rec) })
		return OutcomeSaveFailed
	}
}

func (run *run) saveAgain(base context.Context, rec []byte) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		timer := time.NewTimer(pause)
		last := false
		select {
		case <-timer.C:
		case <-run.m.tasks.stop:
			timer.Stop()
			last = true
		}
		err := run.complete(base, rec)
		if err == nil || errors.Is(err, ErrLeaseLost) || last || int64(time.Since(run.start)) >= run.leaseEnd.Load() {
			return
		}
	}
}

func (run *run) release(base context.Context) {
	asking, cancel := run.m.storeContext(base)
	defer cancel()
	if err := run.m.store.Release(asking, run.key, run.token); err != nil {
		run.m.log(base, slog.LevelError, "Idempotency claim not released", slog.Any("error", err), slog.Int("attempt", run.info.Attempt))
	}
}
