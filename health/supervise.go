package health

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Supervise runs fn with ctx in a goroutine of its own. The checker watches it:
// it fails for good, reason exited, as soon as fn returns, with or without an
// error, or calls [runtime.Goexit]. A panic of fn is contained, and its reason
// is panic.
//
// Once ctx is done a return is an orderly end, and the check goes on passing: a
// shutdown is no fault, and liveness must not have the process killed in the
// middle of it. A panic still fails. Who stops fn while the service goes on
// removes the check with it.
//
// The goroutine belongs to ctx: nothing else makes fn stop. The channel gives
// what fn returned, once, when the check has changed already, and is closed;
// nobody needs to read it. A panic is an error whose text holds the value and
// the stack, which belongs in a log and not in an answer.
//
// With a nil ctx or fn nothing runs: the channel gives an error, and so do [New]
// and [Health.Add].
func Supervise(ctx context.Context, fn func(context.Context) error) (Checker, <-chan error) {
	s := &supervised{ended: make(chan struct{})}
	result := make(chan error, 1)
	switch {
	case ctx == nil:
		s.invalid = errors.New("no context")
	case fn == nil:
		s.invalid = errors.New("no function")
	default:
		go s.run(ctx, fn, result)
		return s, result
	}
	err := fmt.Errorf("health: supervise: %w", s.invalid)
	s.finish(err)
	result <- err
	close(result)
	return s, result
}

// supervised is the checker of one goroutine.
type supervised struct {
	invalid error
	ended   chan struct{}
	err     error // of the check; set before ended is closed
}

func (s *supervised) validate() error { return s.invalid }

func (s *supervised) Check(context.Context) error {
	select {
	case <-s.ended:
		return s.err
	default:
		return nil
	}
}

func (s *supervised) finish(err error) {
	s.err = err
	close(s.ended)
}

// run is the goroutine. What follows fn is deferred, because runtime.Goexit does
// not come back here.
func (s *supervised) run(ctx context.Context, fn func(context.Context) error, result chan<- error) {
	defer close(result)
	err := errors.New("health: the function ended its goroutine")
	defer func() {
		check := ending(ctx, err)
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
			check = Reason(reasonPanic, err)
		}
		s.finish(check)
		result <- err
	}()
	err = fn(ctx)
}

// ending is what the check says of a function that has returned err.
func ending(ctx context.Context, err error) error {
	if err == nil {
		err = errors.New("no error, and its context goes on")
	}
	if ctx.Err() == nil {
		return Reason(reasonExited, fmt.Errorf("health: supervised function ended: %w", err))
	}
	return nil
}
