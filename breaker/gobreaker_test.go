package breaker_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// The tests here show what the gate is for: each first shows, where that can be shown, what the bare state machine does,
// and then that a Breaker does not. One that fails in its first half means that gobreaker has changed.

func bare(st gobreaker.Settings) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](st)
}

func bareAllow(t *testing.T, gb *gobreaker.TwoStepCircuitBreaker[struct{}]) func(error) {
	t.Helper()
	done, err := gb.Allow()
	require.NoError(t, err)
	return done
}

func firstFailure(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 1 }

// G1: a probe that never reports holds the circuit half-open for ever.
func TestG1HalfOpenHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gb := bare(gobreaker.Settings{Timeout: time.Second, ReadyToTrip: firstFailure})
		bareAllow(t, gb)(errDown)
		time.Sleep(2 * time.Second)
		bareAllow(t, gb) // lost
		time.Sleep(24 * time.Hour)
		_, err := gb.Allow()
		require.ErrorIs(t, err, gobreaker.ErrTooManyRequests)

		b := newBreaker(t, breaker.Config{Consecutive: 1, OpenFor: time.Second, MaxOpenFor: -1, ProbeTimeout: 3 * time.Second})
		time.Sleep(trip(t, b))
		allow(t, b) // lost
		assert.Equal(t, 3*time.Second, refused(t, b).RetryAfter, "the lease")
		time.Sleep(3 * time.Second)
		assert.Equal(t, breaker.Open, b.State(), "an unfinished probe is a failed one")
		time.Sleep(b.RetryAfter())
		require.NoError(t, call(b, nil))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

// G2: hooks run under the machine's lock, so that a read in one of them never returns.
func TestG2HooksRunOutsideTheLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *breaker.Breaker
		seen := map[string]breaker.State{}
		b = newBreaker(t, breaker.Config{
			Consecutive: 1,
			OnChange: func(breaker.Change) {
				seen["OnChange"] = b.State()
				_, _, _ = b.Snapshot(), b.RetryAfter(), b.Check(t.Context())
			},
			Observer: func(context.Context, breaker.Event) { seen["Observer"] = b.State() },
			Classify: func(context.Context, error) breaker.Outcome {
				seen["Classify"] = b.State()
				return breaker.Failure
			},
		})
		_ = call(b, errDown)
		assert.Equal(t, map[string]breaker.State{
			"Classify": breaker.Closed, "OnChange": breaker.Open, "Observer": breaker.Open,
		}, seen)
	})
}

// G3: a result that comes after its window has ended is dropped, so that an upstream that hangs never trips.
func TestG3ResultsLaterThanTheirWindowCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, bucket := range []time.Duration{0, time.Second} {
			gb := bare(gobreaker.Settings{Interval: 10 * time.Second, BucketPeriod: bucket})
			for range 20 {
				done := bareAllow(t, gb)
				time.Sleep(11 * time.Second)
				done(errDown)
			}
			assert.Equal(t, gobreaker.StateClosed, gb.State(), "20 failures in a row")
		}
		rules := map[string]breaker.Config{
			"consecutive": {FailureRate: -1, Window: 10 * time.Second},
			"rate":        {Consecutive: -1, Window: 10 * time.Second},
		}
		for name, cfg := range rules {
			b := newBreaker(t, cfg)
			var hung []func(breaker.Outcome)
			for range 20 {
				hung = append(hung, allow(t, b))
			}
			time.Sleep(11 * time.Second)
			for _, done := range hung {
				done(breaker.Failure)
			}
			assert.Equal(t, breaker.Open, b.State(), name)
		}
	})
}

// G4: calls that still run are in Counts.Requests and dilute the rate that its documentation computes.
func TestG4RunningCallsDoNotDilute(t *testing.T) {
	t.Parallel()
	gb := bare(gobreaker.Settings{ReadyToTrip: func(c gobreaker.Counts) bool {
		return c.Requests >= 10 && float64(c.TotalFailures)/float64(c.Requests) >= 0.5
	}})
	b := newBreaker(t, breaker.Config{Consecutive: -1})
	for range 30 { // hang
		bareAllow(t, gb)
		allow(t, b)
	}
	for range 20 {
		if done, err := gb.Allow(); err == nil {
			done(errDown)
		}
		_ = call(b, errDown)
	}
	assert.Equal(t, gobreaker.StateClosed, gb.State())
	assert.Equal(t, breaker.Open, b.State())
}

// G5: rules are read at failures only, and one number is both how many probes there are and how many must succeed.
func TestG5RulesAndProbesAreIndependent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{
			Consecutive: -1, MinCalls: 2, Probes: 1, ProbeSuccesses: 3, ProbeTimeout: time.Hour,
		})
		_ = call(b, errDown)
		_ = call(b, nil)
		assert.Equal(t, breaker.Open, b.State(), "half of two: the success completes the minimum")

		time.Sleep(b.RetryAfter())
		for i := range 3 {
			assert.Equal(t, breaker.HalfOpen, b.State(), "%d of three", i)
			probe := allow(t, b)
			refused(t, b) // one at a time
			probe(breaker.Success)
		}
		assert.Equal(t, breaker.Closed, b.State())
	})
}

// G6: nothing tells how long a circuit stays open.
func TestG6RetryAfterIsHonest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		end := time.Now().Add(trip(t, b))
		for time.Now().Before(end) {
			left := time.Until(end)
			assert.Equal(t, left, b.RetryAfter())
			told := refused(t, b).RetryAfter
			assert.GreaterOrEqual(t, told, left, "never too short")
			assert.Less(t, told, left+time.Millisecond)
			again := refused(t, b).RetryAfter
			assert.GreaterOrEqual(t, again, left)
			time.Sleep(max(left/30, 1))
		}
		require.NoError(t, call(b, nil))
	})
}

// G7: open periods do not grow and end everywhere at once, nobody can force a state, and slowness is no failure. The
// first two are here; see also TestForcedStates, TestSlowCalls, TestTransport and TestHandler.
func TestG7OpenPeriodsGrowAndAreJittered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, third := map[time.Duration]bool{}, map[time.Duration]bool{}
		for range 10 {
			b := newBreaker(t, breaker.Config{Consecutive: 1, OpenFor: time.Second})
			first[trip(t, b)] = true
			for range 2 {
				time.Sleep(b.RetryAfter())
				_ = call(b, errDown)
			}
			third[b.RetryAfter()] = true
			assert.InDelta(t, float64(4*time.Second), float64(b.RetryAfter()), float64(800*time.Millisecond))
		}
		assert.Greater(t, len(first), 1)
		assert.Greater(t, len(third), 1)
	})
}

// G8: done counts as often as it is called.
func TestG8DoneCountsOnce(t *testing.T) {
	t.Parallel()
	gb := bare(gobreaker.Settings{})
	done := bareAllow(t, gb)
	done(errDown)
	done(errDown)
	assert.EqualValues(t, 2, gb.Counts().TotalFailures)

	b := newBreaker(t, breaker.Config{Consecutive: 2})
	report := allow(t, b)
	report(breaker.Failure)
	report(breaker.Failure)
	report(breaker.Success)
	s := b.Snapshot()
	assert.Equal(t, breaker.Closed, s.State)
	assert.EqualValues(t, 1, s.Failures)
	assert.Zero(t, s.Successes)
	assert.Zero(t, s.Running)
}

// G9: reading the state changes it, and runs the hook on whoever reads.
func TestG9ReadsArePure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes, hooks atomic.Int32
		gb := bare(gobreaker.Settings{
			Timeout: time.Second, ReadyToTrip: firstFailure,
			OnStateChange: func(string, gobreaker.State, gobreaker.State) { hooks.Add(1) },
		})
		bareAllow(t, gb)(errDown)
		time.Sleep(time.Hour)
		gb.State()
		assert.EqualValues(t, 2, hooks.Load())

		b := newBreaker(t, breaker.Config{Consecutive: 1, OnChange: func(breaker.Change) { changes.Add(1) }})
		time.Sleep(trip(t, b) + time.Hour)
		before := b.Snapshot()
		assert.Equal(t, breaker.HalfOpen, before.State, "what a call would find")
		for range 10 {
			_, _, _ = b.State(), b.RetryAfter(), b.Check(t.Context())
			assert.Equal(t, before, b.Snapshot())
		}
		assert.EqualValues(t, 1, changes.Load())
	})
}

// G11: a handler that gives up on a client, by http.ErrAbortHandler, counts as a failure; and a goroutine that ends in
// the call counts as nothing.
func TestG11AbortedCallsAreNeutral(t *testing.T) {
	t.Parallel()
	gb := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{ReadyToTrip: firstFailure})
	assert.Panics(t, func() {
		_, _ = gb.Execute(func() (struct{}, error) { panic(http.ErrAbortHandler) })
	})
	assert.Equal(t, gobreaker.StateOpen, gb.State())

	b := newBreaker(t, breaker.Config{Consecutive: 1})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		_ = b.Do(t.Context(), func(context.Context) error { panic(http.ErrAbortHandler) })
	})
	assert.Equal(t, breaker.Closed, b.State())
	assert.EqualValues(t, 1, b.Snapshot().Neutrals)
	assert.PanicsWithValue(t, "boom", func() {
		_ = b.Do(t.Context(), func(context.Context) error { panic("boom") })
	})
	assert.Equal(t, breaker.Open, b.State())
}
