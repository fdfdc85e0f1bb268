package breaker_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// allow admits a call that must be admitted.
func allow(t *testing.T, b *breaker.Breaker) func(breaker.Outcome) {
	t.Helper()
	done, err := b.Allow(context.Background())
	require.NoError(t, err)
	return done
}

// refused returns the refusal of a call that must be refused.
func refused(t *testing.T, b *breaker.Breaker) *breaker.OpenError {
	t.Helper()
	_, err := b.Allow(context.Background())
	open, ok := errors.AsType[*breaker.OpenError](err)
	require.True(t, ok, "got %v", err)
	return open
}

func TestOpenPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		d := trip(t, b)
		assert.GreaterOrEqual(t, d, 24*time.Second)
		assert.LessOrEqual(t, d, 36*time.Second)
		time.Sleep(d - 1)
		assert.Equal(t, &breaker.OpenError{Name: "upstream", State: breaker.Open, RetryAfter: 1}, refused(t, b))
		require.ErrorIs(t, b.Check(t.Context()), breaker.ErrOpen)
		time.Sleep(time.Nanosecond)
		require.NoError(t, b.Check(t.Context()))
		assert.Equal(t, breaker.HalfOpen, b.State())
		assert.Zero(t, b.RetryAfter())
		require.NoError(t, call(b, nil))
		assert.Equal(t, breaker.Closed, b.State())
		assert.Zero(t, b.Snapshot().ConsecutiveFailures)
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	near := func(t *testing.T, want, got time.Duration) {
		t.Helper()
		assert.InDelta(t, float64(want), float64(got), 0.2*float64(want)+1)
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1, OpenFor: time.Second, MaxOpenFor: 5 * time.Second})
		for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
			_ = call(b, errDown)
			near(t, want, b.RetryAfter())
			time.Sleep(b.RetryAfter())
		}
		require.NoError(t, call(b, nil))
		near(t, 5*time.Second, trip(t, b)) // it did not stay closed
		time.Sleep(b.RetryAfter())
		require.NoError(t, call(b, nil))
		time.Sleep(6 * time.Second)
		near(t, time.Second, trip(t, b))
	})
}

func TestJitterAppliesAtTheLimit(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 8 {
		var opened time.Duration
		b := newBreaker(t, breaker.Config{
			Consecutive: 1, OpenFor: time.Hour, MaxOpenFor: time.Hour,
			OnChange: func(c breaker.Change) { opened = c.OpenFor },
		})
		trip(t, b)
		seen[opened] = true
	}
	assert.Greater(t, len(seen), 1)
}

func TestProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1, Probes: 2, ProbeSuccesses: 3, ProbeTimeout: time.Minute})
		time.Sleep(trip(t, b))
		one := allow(t, b)
		time.Sleep(time.Second)
		two := allow(t, b)
		assert.Equal(t, &breaker.OpenError{Name: "upstream", State: breaker.HalfOpen, RetryAfter: 59 * time.Second}, refused(t, b))
		assert.Equal(t, 2, b.Snapshot().Probes)
		require.NoError(t, b.Check(t.Context()))

		one(breaker.Success)
		two(breaker.Neutral)
		assert.Zero(t, b.RetryAfter(), "both slots are free")
		allow(t, b)(breaker.Success)
		assert.Equal(t, breaker.HalfOpen, b.State())
		allow(t, b)(breaker.Success)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestCancelledProbeFreesItsSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		time.Sleep(trip(t, b))
		ctx, cancel := context.WithCancel(t.Context())
		_ = b.Do(ctx, func(context.Context) error { cancel(); return errDown })
		assert.Equal(t, breaker.HalfOpen, b.State())
		require.NoError(t, call(b, nil))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestLostProbe(t *testing.T) {
	t.Parallel()
	const lease = 10 * time.Second
	setup := func(t *testing.T, changes *[]breaker.Change) *breaker.Breaker {
		t.Helper()
		b := newBreaker(t, breaker.Config{
			Consecutive: 1, OpenFor: time.Minute, MaxOpenFor: -1, ProbeTimeout: lease, ProbeSuccesses: 2,
			OnChange: func(c breaker.Change) { *changes = append(*changes, c) },
		})
		time.Sleep(trip(t, b))
		require.NoError(t, call(b, nil)) // one of two
		return b
	}
	t.Run("opens again from the lapse on", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var changes []breaker.Change
			b := setup(t, &changes)
			done := allow(t, b)
			time.Sleep(lease - 1)
			assert.Equal(t, breaker.HalfOpen, b.State())
			assert.Equal(t, time.Duration(1), b.RetryAfter())
			time.Sleep(time.Nanosecond)
			lapse := time.Now()
			assert.Equal(t, breaker.Open, b.State())
			read := b.RetryAfter()
			assert.Len(t, changes, 2, "a read changes nothing")
			time.Sleep(3 * time.Second)
			assert.Equal(t, read-3*time.Second, refused(t, b).RetryAfter)
			require.Len(t, changes, 3)
			assert.Equal(t, breaker.Change{
				Name: "upstream", From: breaker.HalfOpen, To: breaker.Open, At: lapse,
				Reason: breaker.ReasonProbeTimeout, OpenFor: read,
			}, changes[2])
			done(breaker.Success)
			assert.Equal(t, breaker.Open, b.State(), "too late")
			time.Sleep(read - 3*time.Second)
			require.NoError(t, call(b, nil))
			assert.Equal(t, breaker.HalfOpen, b.State(), "the success before the lapse is forgotten")
			require.NoError(t, call(b, nil))
			assert.Equal(t, breaker.Closed, b.State())
		})
	})
	t.Run("noticed after the open period", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var changes []breaker.Change
			b := setup(t, &changes)
			allow(t, b)
			time.Sleep(30 * 24 * time.Hour)
			assert.Equal(t, breaker.HalfOpen, b.State())
			assert.Zero(t, b.RetryAfter())
			assert.Zero(t, b.Snapshot().Probes)
			require.NoError(t, call(b, nil))
			assert.Equal(t, breaker.HalfOpen, b.State())
			require.NoError(t, call(b, nil))
			assert.Equal(t, breaker.Closed, b.State())
			var reasons []breaker.Reason
			for _, c := range changes {
				reasons = append(reasons, c.Reason)
			}
			assert.Equal(t, []breaker.Reason{
				breaker.ReasonConsecutive, breaker.ReasonOpenElapsed, breaker.ReasonProbeTimeout,
				breaker.ReasonOpenElapsed, breaker.ReasonProbesSucceeded,
			}, reasons)
		})
	})
	t.Run("its own late report is the notice", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var changes []breaker.Change
			b := setup(t, &changes)
			done := allow(t, b)
			time.Sleep(lease)
			done(breaker.Success)
			assert.Equal(t, breaker.Open, refused(t, b).State)
		})
	})
	t.Run("ended by Goexit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var changes []breaker.Change
			b := setup(t, &changes)
			go func() {
				_ = b.Do(context.Background(), func(context.Context) error { runtime.Goexit(); return nil })
			}()
			synctest.Wait()
			assert.Equal(t, breaker.Open, b.State(), "at once, not at the lapse")
		})
	})
}

func TestStragglersMoveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		good, bad, third := allow(t, b), allow(t, b), allow(t, b)
		time.Sleep(trip(t, b))
		probe := allow(t, b)
		good(breaker.Success)
		assert.Equal(t, breaker.HalfOpen, b.State())
		bad(breaker.Failure)
		assert.Equal(t, breaker.HalfOpen, b.State())
		probe(breaker.Success)
		third(breaker.Failure)
		assert.Equal(t, breaker.Closed, b.State())
		assert.EqualValues(t, 3, b.Snapshot().Failures, "but they are in the totals")
	})
}
