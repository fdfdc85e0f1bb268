package idempotency

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Info tells a handler about the claim under which it runs.
type Info struct {
	// Key is the client's key.
	Key string
	// Attempt is 1 for the first run of the key. A higher number means that an
	// earlier attempt was released, or lost its lease and may have happened in
	// part: reconcile before acting. It only grows, so it serves as a fencing
	// number for systems further down.
	Attempt int
}

// FromContext returns the claim of the request whose context this is. ok is
// false for a request without a key.
func FromContext(ctx context.Context) (info Info, ok bool) {
	run, ok := runOf(ctx)
	if !ok {
		return Info{}, false
	}
	return run.info, true
}

// NoStore keeps the response of the current request from being stored: the
// claim is released and a retry runs again. It has no effect after the
// response outgrew [Config.MaxResponseBody], or without a key.
func NoStore(ctx context.Context) {
	if run, ok := runOf(ctx); ok {
		run.policy.mu.Lock()
		defer run.policy.mu.Unlock()
		run.policy.noStore = true
	}
}

// SetTTL sets how long the response of the current request is kept, in place
// of [Config.TTL]. A ttl that is not positive is [NoStore].
func SetTTL(ctx context.Context, ttl time.Duration) {
	if ttl <= 0 {
		NoStore(ctx)
		return
	}
	if run, ok := runOf(ctx); ok {
		run.policy.mu.Lock()
		defer run.policy.mu.Unlock()
		run.policy.ttl = min(ttl, forever)
	}
}

type runKey struct{}

func runOf(ctx context.Context) (*run, bool) {
	run, ok := ctx.Value(runKey{}).(*run)
	return run, ok
}

// policy is what a handler has said about its response. A handler may say it
// from another goroutine.
type policy struct {
	mu      sync.Mutex
	noStore bool
	ttl     time.Duration
}

func (p *policy) get() (ttl time.Duration, noStore bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ttl, p.noStore
}

// detached is a context without its end: what a client does must not end the
// calls of the store.
type detached struct {
	context.Context //nolint:containedctx // it is one
}

func (detached) Deadline() (time.Time, bool) { return time.Time{}, false }
func (detached) Done() <-chan struct{}       { return nil }
func (detached) Err() error                  { return nil }

// handlerContext is the context of the handler: it carries the run, and ends
// with [Config.MaxRun], with the lease, when the handler has returned, or, on
// request, with the client.
type handlerContext struct {
	context.Context //nolint:containedctx // it is one: ended by the run, with a cause

	run      *run
	deadline time.Time // zero: none
}

func (c *handlerContext) Value(key any) any {
	if key == (runKey{}) {
		return c.run
	}
	return c.Context.Value(key)
}

func (c *handlerContext) Deadline() (time.Time, bool) {
	parent, ok := c.Context.Deadline()
	if c.deadline.IsZero() || ok && parent.Before(c.deadline) {
		return parent, ok
	}
	return c.deadline, true
}

func (c *handlerContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}
