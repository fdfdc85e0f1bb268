package breaker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// recordEvents is for calls that are made one after the other.
func recordEvents() (*[]breaker.Event, func(context.Context, breaker.Event)) {
	var seen []breaker.Event
	return &seen, func(_ context.Context, e breaker.Event) { seen = append(seen, e) }
}

// lasting returns a call that takes so long.
func lasting(d time.Duration, err error) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return err
	}
}

func TestSlowCalls(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	// S succeeds slowly, s at once; F and f fail; N and n are neutral.
	for _, tt := range []struct {
		name  string
		cfg   breaker.Config
		calls string
		want  breaker.State
	}{
		{"half of ten", breaker.Config{}, "sssssSSSSS", breaker.Open},
		{"half of nine", breaker.Config{}, "ssssSSSSS", breaker.Closed},
		{"less than half", breaker.Config{}, "ssssssSSSS", breaker.Closed},
		{"a rate of one", breaker.Config{SlowRate: 1, MinCalls: 3}, "SSS", breaker.Open},
		{"a rate of one, missed", breaker.Config{SlowRate: 1, MinCalls: 3}, "sSSSSSS", breaker.Closed},
		{"slow failures are slow", breaker.Config{FailureRate: -1, MinCalls: 3}, "FFF", breaker.Open},
		{"neutral calls are neither slow nor finished", breaker.Config{MinCalls: 3}, "NNNNSS", breaker.Closed},
		{"rate off", breaker.Config{SlowRate: -1, MinCalls: 3}, "SSSSSS", breaker.Closed},
		{"rule off", breaker.Config{SlowCall: -1, MinCalls: 3}, "SSSSSS", breaker.Closed},
		{"half of two", breaker.Config{MinCalls: 2}, "sS", breaker.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := tt.cfg
				cfg.Consecutive = -1
				if cfg.SlowCall == 0 {
					cfg.SlowCall = limit
				}
				b := newBreaker(t, cfg)
				for i, c := range tt.calls {
					require.Equal(t, breaker.Closed, b.State(), "before call %d", i)
					done := allow(t, b)
					if c < 'a' {
						time.Sleep(limit)
						c += 'a' - 'A'
					} else {
						time.Sleep(limit - 1)
					}
					done(map[rune]breaker.Outcome{'s': breaker.Success, 'f': breaker.Failure, 'n': breaker.Neutral}[c])
				}
				assert.Equal(t, tt.want, b.State())
			})
		})
	}
}

func TestSlowCallsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen, observe := recordEvents()
		var reason breaker.Reason
		b := newBreaker(t, breaker.Config{
			SlowCall: time.Second, MinCalls: 3, Observer: observe, OnChange: func(c breaker.Change) { reason = c.Reason },
		})
		require.NoError(t, b.Do(t.Context(), lasting(time.Minute, nil)))
		_ = b.Do(t.Context(), lasting(time.Second, errDown))
		s := b.Snapshot()
		assert.EqualValues(t, 2, s.SlowCalls)
		assert.EqualValues(t, 2, s.WindowSlow)
		assert.EqualValues(t, 1, s.WindowSuccesses)
		require.NoError(t, b.Do(t.Context(), lasting(0, nil)))
		assert.Equal(t, breaker.ReasonSlowCalls, reason)
		assert.Equal(t, []breaker.Event{
			{Name: "upstream", Outcome: breaker.Success, Slow: true, Duration: time.Minute},
			{Name: "upstream", Outcome: breaker.Failure, Slow: true, Duration: time.Second},
			{Name: "upstream", Outcome: breaker.Success},
		}, *seen)
	})
}

// Slow calls leave the window like others.
func TestSlowCallsAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{SlowCall: time.Second, MinCalls: 2, Window: 10 * time.Second})
		_ = b.Do(t.Context(), lasting(time.Second, nil))
		time.Sleep(10 * time.Second)
		assert.Zero(t, b.Snapshot().WindowSlow)
		for range 5 {
			_ = call(b, nil)
		}
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestASlowProbeFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reasons []breaker.Reason
		b := newBreaker(t, breaker.Config{
			Consecutive: 1, SlowCall: time.Second, SlowRate: -1,
			OnChange: func(c breaker.Change) { reasons = append(reasons, c.Reason) },
		})
		time.Sleep(trip(t, b))
		require.NoError(t, b.Do(t.Context(), lasting(time.Second, nil)))
		assert.Equal(t, breaker.Open, b.State())
		time.Sleep(b.RetryAfter())
		require.NoError(t, b.Do(t.Context(), lasting(time.Second-1, nil)))
		assert.Equal(t, breaker.Closed, b.State())
		assert.Equal(t, []breaker.Reason{
			breaker.ReasonConsecutive, breaker.ReasonOpenElapsed, breaker.ReasonProbeSlow,
			breaker.ReasonOpenElapsed, breaker.ReasonProbesSucceeded,
		}, reasons)
	})
}
