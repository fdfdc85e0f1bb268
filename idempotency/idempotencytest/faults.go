package idempotencytest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bracework/bracework/idempotency"
)

var (
	errDown     = errors.New("idempotencytest: connection refused")
	errNoAnswer = errors.New("idempotencytest: connection reset by peer")
)

// faults is the store that the wiring gets: the harness's own one, which fails
// where a rule says so, honors contexts, and remembers what it was told.
type faults struct {
	idempotency.Store
	mu    sync.Mutex
	hooks hooks
	calls int
	seen  bytes.Buffer // every byte that a store could have kept
}

// hooks stand in for the store's methods. next is the method itself.
type hooks struct {
	claim    func(ctx context.Context, next func() (idempotency.Claim, error)) (idempotency.Claim, error)
	extend   func(next func() error) error
	complete func(ctx context.Context, next func() error) error
	release  func(next func() error) error
}

// fail sets how the store fails from now on; no hooks are none.
func (f *faults) fail(h hooks) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = h
}

func (f *faults) heal() { f.fail(hooks{}) }

// enter notes a call and returns the present hooks.
func (f *faults) enter(told ...[]byte) hooks {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	for _, b := range told {
		_, _ = f.seen.Write(b)
		_ = f.seen.WriteByte('\n')
	}
	return f.hooks
}

// told returns how often the store was called, and with which bytes.
func (f *faults) told() (calls int, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, slices.Clone(f.seen.Bytes())
}

func (f *faults) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	hook := f.enter(req.Key[:], req.Fingerprint[:], req.Token[:]).claim
	if err := ctx.Err(); err != nil {
		return idempotency.Claim{}, err
	}
	next := func() (idempotency.Claim, error) { return f.Store.Claim(ctx, req) }
	if hook == nil {
		return next()
	}
	return hook(ctx, next)
}

func (f *faults) Extend(ctx context.Context, key idempotency.Key, token idempotency.Token, lease time.Duration) error {
	hook := f.enter(key[:], token[:]).extend
	if err := ctx.Err(); err != nil {
		return err
	}
	next := func() error { return f.Store.Extend(ctx, key, token, lease) }
	if hook == nil {
		return next()
	}
	return hook(next)
}

func (f *faults) Complete(ctx context.Context, key idempotency.Key, token idempotency.Token, rec []byte, ttl time.Duration) error {
	hook := f.enter(key[:], token[:], rec).complete
	if err := ctx.Err(); err != nil {
		return err
	}
	next := func() error { return f.Store.Complete(ctx, key, token, rec, ttl) }
	if hook == nil {
		return next()
	}
	return hook(ctx, next)
}

func (f *faults) Release(ctx context.Context, key idempotency.Key, token idempotency.Token) error {
	hook := f.enter(key[:], token[:]).release
	if err := ctx.Err(); err != nil {
		return err
	}
	next := func() error { return f.Store.Release(ctx, key, token) }
	if hook == nil {
		return next()
	}
	return hook(next)
}
