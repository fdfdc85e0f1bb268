package idempotency

import (
	"context"
	"errors"
	"fmt"
)

// maxStuck is how many calls of a store may be given up and not over. More of
// them mean that the store is down, whatever it says.
const maxStuck = 1024

var (
	errStuck      = errors.New("idempotency: too many calls of the store hang")
	errStoreBroke = errors.New("idempotency: store panicked")
)

// call asks a store and waits no longer than [Config.StoreTimeout], also for a
// store that does not look at its context. A panic of the store is an error: on
// this goroutine no server would contain it. A call that is given up and
// succeeds in the end is handed to late.
func call[T any](ctx context.Context, m *Middleware, ask func(context.Context) (T, error), late func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if m.memory != nil {
		return ask(ctx)
	}
	if m.stuck.Load() >= maxStuck {
		return none, errStuck
	}
	ctx, cancel := bounded(ctx, m.cfg.StoreTimeout)
	defer cancel()
	answered, given := make(chan answer), make(chan struct{})
	go func() {
		a := answer{err: errStoreBroke} // what is left when ask does not return
		defer func() {
			if v := recover(); v != nil {
				a.err = fmt.Errorf("%w: %v", errStoreBroke, v)
			}
			select {
			case answered <- a:
			case <-given:
				m.stuck.Add(-1)
				if a.err == nil && late != nil {
					late(a.value)
				}
			}
		}()
		a.value, a.err = ask(ctx)
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		m.stuck.Add(1)
		close(given)
		return none, ctx.Err()
	}
}

// tell is call for what has no answer.
func (m *Middleware) tell(ctx context.Context, ask func(context.Context) error) error {
	_, err := call(ctx, m, func(ctx context.Context) (struct{}, error) { return struct{}{}, ask(ctx) }, nil)
	return err
}
