package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Value is what a check reads. The set is closed.
type Value string

// The values of a check.
const (
	OK      Value = "ok"
	Weak    Value = "degraded" // it says so, or it is optional and fails
	Failed  Value = "failed"
	Timeout Value = "timeout" // no result within the budget or the check's timeout
	Unknown Value = "unknown" // it has not run
)

// check is a Check and its last result.
type check struct {
	Check
	cache  time.Duration
	logger *slog.Logger

	mu      sync.Mutex
	value   Value
	at      time.Time     // of value
	began   time.Time     // of the run that is under way
	done    chan struct{} // closed at its end; nil when none is
	changed Value         // last value told to the logger
}

// fresh starts a run unless the last result will do, and returns a channel
// that is closed when there is a result, or nil when there is nothing to wait
// for. At most one run exists, also when it does not return.
func (c *check) fresh(ctx context.Context) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case c.done != nil && now.Sub(c.began) > c.Timeout:
		return nil // stuck
	case c.done != nil:
		return c.done
	case c.value != Unknown && now.Sub(c.at) < c.cache:
		return nil
	}
	c.began, c.done = now, make(chan struct{})
	go c.run(context.WithoutCancel(ctx), c.done)
	return c.done
}

func (c *check) running() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		return nil
	}
	return c.done
}

func (c *check) run(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	value, err := Failed, errExited
	defer func() { // deferred, for a check that ends its goroutine
		c.mu.Lock()
		c.value, c.at, c.done = value, time.Now(), nil
		changed := value != c.changed
		c.changed = value
		c.mu.Unlock()
		close(done)
		if changed {
			c.log(ctx, value, err)
		}
	}()
	err = c.guarded(ctx)
	_, weak := errors.AsType[*degraded](err)
	switch {
	case err == nil:
		value = OK
	case weak:
		value = Weak
	case ctx.Err() != nil:
		value = Timeout
	}
}

var errExited = errors.New("health: the check ended its goroutine")

func (c *check) guarded(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("health: panic: %v", v)
		}
	}()
	return c.Checker.Check(ctx)
}

func (c *check) log(ctx context.Context, value Value, err error) {
	if c.logger == nil {
		return
	}
	if c.Optional && value != OK {
		value = Weak // as it is shown
	}
	level, attrs := slog.LevelInfo, []slog.Attr{slog.String("check", c.Name), slog.String("value", string(value))}
	if err != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.Any("error", err))
	}
	c.logger.LogAttrs(ctx, level, "Health check reads", attrs...)
}

// read returns the value as of now. waited is false when the budget ended
// before there was a result.
func (c *check) read(waited bool) Value {
	c.mu.Lock()
	defer c.mu.Unlock()
	value := c.value
	if c.done != nil && (!waited || time.Since(c.began) > c.Timeout) {
		value = Timeout
	}
	if c.Optional && value != OK {
		value = Weak
	}
	return value
}
