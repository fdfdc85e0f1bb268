package idempotency

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// run is one attempt: a claimed key and the handler that runs under it.
type run struct {
	m       *Middleware
	req     ClaimRequest
	info    Info
	base    detached // of the calls to the store
	ctx     handlerContext
	lease   renewal
	policy  policy
	capture capture
	body    httpx.Body
}

func (run *run) serve(w http.ResponseWriter, r *http.Request, next http.Handler, asked time.Time, event *Event) {
	run.base = detached{r.Context()}
	inner := r.WithContext(run.handlerContext(r.Context(), asked))
	c := &run.capture
	c.init(w, run, r.Method == http.MethodHead)
	returned := false
	defer func() {
		run.lease.stop()
		run.lease.end(nil)
		event.Status = c.sentStatus()
		httpx.HandBack(r, inner)
		if returned {
			return
		}
		// A panic, or runtime.Goexit. It is not recovered here, so it goes on
		// unchanged.
		event.Outcome = OutcomePanicked
		c.discard()
		switch {
		case c.tombstoned && c.tombstoneErr != nil:
			run.saved(tombstone(), run.complete(tombstone()), OutcomePanicked)
		case !c.tombstoned && !run.m.cfg.HoldOnPanic:
			run.release()
		}
	}()

	next.ServeHTTP(c.writer(), inner)
	returned = true
	run.lease.stop()
	event.Outcome = run.finish(c)
}

func (run *run) handlerContext(client context.Context, asked time.Time) context.Context {
	var parent context.Context = &run.base
	if run.m.cfg.PropagateCancel {
		parent = client
	}
	ctx, end := context.WithCancelCause(parent)
	run.lease.start(run, asked, end)
	run.ctx = handlerContext{Context: ctx, run: run, deadline: run.lease.deadline}
	return &run.ctx
}

// finish saves what the handler answered, then sends it.
func (run *run) finish(c *capture) Outcome {
	switch {
	case c.sealed:
		return run.finishTransaction(c)
	case c.failure != nil:
		return run.fail(c)
	case c.tombstoned:
		err := c.tombstoneErr
		if err != nil && !errors.Is(err, ErrLeaseLost) {
			err = run.complete(tombstone())
		}
		c.end()
		return run.saved(tombstone(), err, OutcomeTombstone)
	}
	c.commit()
	if !run.stores(c) {
		run.release()
		c.end()
		return OutcomeReleased
	}
	rec, success := c.record()
	err := run.save(rec)
	c.end()
	return run.saved(rec, err, success)
}

// stores reports whether the response of c is one to keep.
func (run *run) stores(c *capture) bool {
	if _, noStore := run.policy.get(); noStore {
		return false
	}
	if run.m.cfg.StoreResponse == nil {
		return storeByDefault(c.status)
	}
	h := make(http.Header, len(c.sent))
	c.sent.restore(h)
	return run.m.cfg.StoreResponse(c.status, h)
}

func (run *run) ttl() time.Duration {
	if ttl, _ := run.policy.get(); ttl > 0 {
		return ttl
	}
	return run.m.cfg.TTL
}

func (run *run) complete(rec []byte) error {
	return run.m.tell(&run.base, func(ctx context.Context) error {
		return run.m.store.Complete(ctx, run.req.Key, run.req.Token, rec, run.ttl())
	})
}

// save is complete with a second and third try for a failure that passes. All
// tries share one StoreTimeout: the client is waiting.
func (run *run) save(rec []byte) error {
	if run.m.memory != nil {
		return run.m.memory.complete(run.req.Key, run.req.Token, rec, run.ttl())
	}
	return run.m.tell(&run.base, func(ctx context.Context) error {
		for pause := 10 * time.Millisecond; ; pause *= 5 {
			err := run.m.store.Complete(ctx, run.req.Key, run.req.Token, rec, run.ttl())
			if err == nil || errors.Is(err, ErrLeaseLost) || pause > 50*time.Millisecond || !sleep(ctx, pause) {
				return err
			}
		}
	})
}

// sleep reports whether d has passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// saved turns the result of a save into the outcome. A save that failed is
// repeated for as long as the lease holds: the claim is never released after
// the handler succeeded, or a retry would run again.
func (run *run) saved(rec []byte, err error, success Outcome) Outcome {
	switch {
	case err == nil:
		return success
	case errors.Is(err, ErrLeaseLost):
		run.log(slog.LevelWarn, "Idempotency lease lost, response not kept", nil)
		return OutcomeLeaseLost
	default:
		run.log(slog.LevelError, "Idempotent response not saved", err)
		run.m.tasks.run(func() { run.saveAgain(rec) })
		return OutcomeSaveFailed
	}
}

func (run *run) saveAgain(rec []byte) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		timer := time.NewTimer(pause)
		last := false
		select {
		case <-timer.C:
		case <-run.m.tasks.stop:
			timer.Stop()
			last = true
		}
		err := run.complete(rec)
		if err == nil || errors.Is(err, ErrLeaseLost) || last || !time.Now().Before(run.lease.leaseEnd) {
			return
		}
	}
}

func (run *run) release() {
	err := run.m.tell(&run.base, func(ctx context.Context) error {
		return run.m.store.Release(ctx, run.req.Key, run.req.Token)
	})
	if err != nil {
		run.log(slog.LevelError, "Idempotency claim not released", err)
	}
}

func (run *run) log(level slog.Level, msg string, err error) {
	attrs := []slog.Attr{slog.Int("attempt", run.info.Attempt)}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	run.m.log(&run.base, level, msg, attrs...)
}
