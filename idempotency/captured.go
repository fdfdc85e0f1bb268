package idempotency

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"time"
)

// ErrNotStored is returned by [Captured.Seal] for a response that must not be
// kept: [NoStore] was called, or [Config.StoreResponse] refuses it.
var ErrNotStored = errors.New("idempotency: response is not one to store")

// ErrSealed is returned by writes after [Captured.Seal].
var ErrSealed = errors.New("idempotency: response is sealed")

// ErrSent is returned by [Captured.Seal] when the response has begun to leave:
// the handler has flushed it, or it outgrew [Config.MaxResponseBody], before
// [Capture] was called.
var ErrSent = errors.New("idempotency: response has begun to leave")

// Captured is the response of a running keyed request in the hands of a store
// that saves it together with what the handler does, in one transaction. Like
// the response writer, it belongs to the handler's goroutine.
//
// The order is: Capture, the handler's work and response, Seal, save the record
// under Key and Token in the transaction, commit, Committed. When the
// transaction ends in another way, Discard. When the handler returns after Seal
// with neither, the middleware asks the store what became of the transaction.
type Captured struct {
	Key   Key
	Token Token
	run   *run
}

// Capture holds back the response of the keyed request whose context this is,
// of any size and with its flushes, until the handler returns. ok is false for
// a request without a key, and where nothing was claimed.
func Capture(ctx context.Context) (c *Captured, ok bool) {
	run, ok := runOf(ctx)
	if !ok {
		return nil, false
	}
	run.capture.held = true
	return &Captured{Key: run.req.Key, Token: run.req.Token, run: run}, true
}

// PauseRenewal stops renewing the lease, for a store that cannot be written to
// while the transaction is open. Seal does it in any case: a renewal would wait
// for the row that the transaction has written.
func (c *Captured) PauseRenewal() { c.run.lease.pause() }

// ResumeRenewal takes back PauseRenewal, where no transaction came of it.
func (c *Captured) ResumeRenewal() { c.run.lease.resume() }

// Seal returns the record of what the handler has written, and how long it is
// to be kept. It must not be modified. Later writes fail with [ErrSealed]. The
// error is [ErrNotStored] or [ErrSent].
func (c *Captured) Seal() (record []byte, ttl time.Duration, err error) {
	w := &c.run.capture
	if w.streaming || w.tombstoned {
		return nil, 0, ErrSent
	}
	w.commit()
	if !c.run.stores(w) {
		return nil, 0, ErrNotStored
	}
	c.run.lease.pause()
	w.sealed = true
	record, w.outcome = w.record()
	w.saved = record
	return record, c.run.ttl(), nil
}

// Committed tells that the transaction with the record is committed.
func (c *Captured) Committed() { c.run.capture.committed = true }

// Discard tells that the transaction is rolled back. What the handler has
// written is dropped, unless it has left, and the claim is released when it
// returns. Unless it then writes another answer, the client gets 409 when err is
// [ErrLeaseLost], and 500 otherwise.
func (c *Captured) Discard(err error) {
	if err == nil {
		err = errors.New("idempotency: discarded")
	}
	c.run.capture.discard()
	c.run.capture.failure = err
}

// finishTransaction sends the sealed response if its transaction was committed.
func (run *run) finishTransaction(c *capture) Outcome {
	if !c.committed {
		committed, err := run.committed(c.saved)
		if err != nil {
			run.log(slog.LevelError, "Idempotent transaction in doubt", err)
			c.discard()
			c.refuse(refuseInDoubt())
			return OutcomeInDoubt
		}
		if !committed {
			c.discard()
			c.failure = errNotCommitted
			return run.fail(c)
		}
	}
	c.end()
	return c.outcome
}

var errNotCommitted = errors.New("idempotency: transaction not committed")

// committed asks the store whether it has the record. A claim under the own
// token changes nothing that matters: the request is over.
func (run *run) committed(record []byte) (bool, error) {
	claim, err := call(&run.base, run.m, func(ctx context.Context) (Claim, error) {
		return run.m.store.Claim(ctx, run.req)
	}, nil)
	if err != nil {
		return false, err
	}
	return claim.State == Replay && bytes.Equal(claim.Record, record), nil
}

// fail ends a run whose response was discarded.
func (run *run) fail(c *capture) Outcome {
	run.release()
	// The loss may have shown itself as a context that ended, or a transaction
	// that was rolled back with it.
	lost := errors.Is(c.failure, ErrLeaseLost) || errors.Is(context.Cause(&run.ctx), ErrLeaseLost)
	switch {
	case c.status != 0:
		c.end()
	case lost:
		c.refuse(refuseInFlight())
	default:
		c.refuse(refuseRolledBack())
	}
	if lost {
		return OutcomeLeaseLost
	}
	return OutcomeRolledBack
}
