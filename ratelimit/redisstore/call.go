package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxStuck is how many calls may be given up and not over. More of them mean
// that the server hangs, and the next call fails at once.
const maxStuck = 256

var (
	errStuck  = errors.New("redisstore: too many calls hang")
	errBroke  = errors.New("client panicked")
	errAnswer = errors.New("redisstore: unexpected answer")
)

// bounded is ctx for at most the timeout. What it then fails with is neither
// context.Canceled nor context.DeadlineExceeded: that would say that the caller
// had given up.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.timeout, s.errTimeout)
}

// call runs a script and waits no longer than ctx, whatever the client does. A
// panic of the client is an error: on this goroutine no server would contain it.
func (s *Store) call(ctx context.Context, script *redis.Script, keys []string, args []any) ([]int64, error) {
	type answer struct {
		numbers []int64
		err     error
	}
	if s.stuck.Load() >= maxStuck {
		return nil, errStuck
	}
	answered, given := make(chan answer), make(chan struct{})
	go func() {
		a := answer{err: errBroke} // what is left when the client ends the goroutine
		defer func() {
			if v := recover(); v != nil {
				a.err = fmt.Errorf("%w: %v", errBroke, v)
			}
			select {
			case answered <- a:
			case <-given:
				s.stuck.Add(-1)
			}
		}()
		a.numbers, a.err = script.Run(ctx, s.client, keys, args...).Int64Slice()
	}()
	select {
	case a := <-answered:
		return a.numbers, s.failure(ctx, a.err)
	case <-ctx.Done():
		s.stuck.Add(1)
		close(given)
		return nil, s.failure(ctx, ctx.Err())
	}
}

// failure is what a call reports for an error of the client, and notes whether
// Redis fails. A caller that leaves says nothing about that.
func (s *Store) failure(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
		if errors.Is(err, s.errTimeout) {
			s.failing.Store(true)
		}
		return err
	}
	s.failing.Store(err != nil)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// Of a context of the client's own.
		return fmt.Errorf("redisstore: %v", err) //nolint:errorlint // must not look like the caller's
	default:
		return fmt.Errorf("redisstore: %w", err)
	}
}

// ofCaller is err, or the error of the caller's context once that is done.
func ofCaller(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// now is the time on the store's own clock, which is monotonic.
func (s *Store) now() time.Duration { return time.Since(s.start) }
