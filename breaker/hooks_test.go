package breaker_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

func TestHooksMayUseTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *breaker.Breaker
		var order []breaker.State
		b = newBreaker(t, breaker.Config{
			Consecutive: 1, OpenFor: time.Millisecond,
			OnChange: func(c breaker.Change) {
				order = append(order, c.To)
				_, _ = b.State(), b.Snapshot()
				if len(order) < 4 && c.To == breaker.Open {
					time.Sleep(b.RetryAfter())
					_ = call(b, errDown) // changes twice more, delivered after this one
				}
			},
			Observer: func(context.Context, breaker.Event) { b.State() },
			Classify: func(context.Context, error) breaker.Outcome { b.RetryAfter(); return breaker.Failure },
		})
		trip(t, b)
		assert.Equal(t, []breaker.State{
			breaker.Open, breaker.HalfOpen, breaker.Open, breaker.HalfOpen, breaker.Open,
		}, order)
	})
}

func TestHooksPanicsAreContained(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := newBreaker(t, breaker.Config{
		Consecutive: 1,
		OnChange:    func(breaker.Change) { panic("hook") },
		Observer:    func(context.Context, breaker.Event) { panic("observer") },
		Logger:      slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.ErrorIs(t, call(b, errDown), errDown)
	require.ErrorIs(t, call(b, nil), breaker.ErrOpen)
	assert.Contains(t, log.String(), `level=WARN msg="circuit changed" breaker=upstream from=closed to=open reason=consecutive-failures`)
	assert.Contains(t, log.String(), `msg="hook panicked" breaker=upstream hook=OnChange panic_type=string`)
	assert.Contains(t, log.String(), `hook=Observer panic_type=string`)
}

func TestHookThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		b := newBreaker(t, breaker.Config{Consecutive: 1, OnChange: func(breaker.Change) {
			if calls.Add(1) == 1 {
				runtime.Goexit()
			}
		}})
		go func() { _ = call(b, errDown) }()
		synctest.Wait()
		time.Sleep(b.RetryAfter())
		require.NoError(t, call(b, nil))
		assert.EqualValues(t, 3, calls.Load())
	})
}

func TestBlockedHook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var mu sync.Mutex
		var got []breaker.Change
		b := newBreaker(t, breaker.Config{Consecutive: 1, OpenFor: time.Millisecond, MaxOpenFor: -1, OnChange: func(c breaker.Change) {
			<-release
			mu.Lock()
			defer mu.Unlock()
			got = append(got, c)
		}})
		go func() { _ = call(b, errDown) }()
		synctest.Wait()
		for range 1000 {
			time.Sleep(b.RetryAfter())
			_ = call(b, errDown) // is not held up
		}
		close(release)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, got, 257, "the blocked one and the latest 256")
		for i, c := range got[2:] {
			assert.Equal(t, got[i+1].To, c.From)
			assert.False(t, c.At.Before(got[i+1].At))
		}
	})
}

func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []breaker.Event
		b := newBreaker(t, breaker.Config{Consecutive: 1, Observer: func(_ context.Context, e breaker.Event) { got = append(got, e) }})
		slow := func(context.Context) error { time.Sleep(time.Second); return nil }
		_ = b.Do(t.Context(), slow)
		_ = call(b, errDown)
		_ = call(b, nil)
		time.Sleep(b.RetryAfter())
		_ = b.Do(t.Context(), slow)
		assert.Equal(t, []breaker.Event{
			{Name: "upstream", State: breaker.Closed, Outcome: breaker.Success, Duration: time.Second},
			{Name: "upstream", State: breaker.Closed, Outcome: breaker.Failure},
			{Name: "upstream", State: breaker.Open, Rejected: true},
			{Name: "upstream", State: breaker.HalfOpen, Outcome: breaker.Success, Duration: time.Second},
		}, got)
	})
}
