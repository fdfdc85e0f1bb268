package provider_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// turns is a gate in a bubble, and when calls passed it, in seconds from the
// start.
type turns struct {
	*provider.Gate
	start  time.Time
	wg     sync.WaitGroup
	mu     sync.Mutex
	passed []float64
	errs   []error
}

func newTurns(limiter *rate.Limiter) *turns {
	return &turns{Gate: provider.NewGate(limiter), start: time.Now()}
}

// enter calls Enter n times at once, one after the other in the queue.
func (g *turns) enter(ctx context.Context, n int) {
	for range n {
		g.wg.Go(func() {
			err := g.Enter(ctx)
			g.mu.Lock()
			defer g.mu.Unlock()
			if err != nil {
				g.errs = append(g.errs, err)
				return
			}
			g.passed = append(g.passed, time.Since(g.start).Seconds())
		})
		synctest.Wait()
	}
}

// outcome returns when calls passed so far, and the errors of the others.
func (g *turns) outcome() (passed []float64, errs []error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.passed), slices.Clone(g.errs)
}

// end waits for all calls.
func (g *turns) end() (passed []float64, errs []error) {
	g.wg.Wait()
	return g.outcome()
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func refused(t *testing.T, err error) *connectors.Error {
	t.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	assert.True(t, e.Unsent)
	assert.Zero(t, e.Status)
	return e
}

func limited(wait time.Duration) *connectors.Error {
	return &connectors.Error{Kind: connectors.KindRateLimited, Status: 429, RetryAfter: wait}
}

func TestGatePaces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		limiter *rate.Limiter
		want    []float64
	}{
		{"no limiter", nil, []float64{0, 0, 0, 0, 0, 0}},
		{"a limiter without a limit", rate.NewLimiter(rate.Inf, 0), []float64{0, 0, 0, 0, 0, 0}},
		{"one a second", rate.NewLimiter(1, 1), []float64{0, 1, 2, 3, 4, 5}},
		{"with a burst", rate.NewLimiter(1, 3), []float64{0, 0, 0, 1, 2, 3}},
		{"four a second", rate.NewLimiter(4, 2), []float64{0, 0, 0.25, 0.5, 0.75, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newTurns(tt.limiter)
				g.enter(within(t, time.Minute), 6)
				passed, errs := g.end()
				assert.InDeltaSlice(t, tt.want, passed, 1e-6)
				assert.Empty(t, errs)
			})
		})
	}
}

func TestATurnBeyondTheDeadlineFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(rate.NewLimiter(1, 1))
		g.enter(within(t, 3500*time.Millisecond), 6)
		_, errs := g.outcome()
		require.Len(t, errs, 2, "the turns at 4 s and 5 s")
		for _, err := range errs {
			e := refused(t, err)
			assert.Equal(t, connectors.KindRateLimited, e.Kind)
			assert.Equal(t, "paced", e.Code)
			assert.InDelta(t, 4, e.RetryAfter.Seconds(), 1e-6, "each would have been the fourth to wait")
			assert.True(t, e.Retryable())
		}
		g.wg.Wait()
		g.enter(within(t, time.Minute), 1)
		passed, _ := g.end()
		assert.InDeltaSlice(t, []float64{0, 1, 2, 3, 4}, passed, 1e-6, "those who failed took no turn")
	})
}

func TestATurnLeavesTimeForTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(nil)
		g.Learn(limited(9*time.Second), false)
		assert.Equal(t, 9*time.Second, refused(t, g.Enter(within(t, 10*time.Second-10))).RetryAfter)
		require.NoError(t, g.Enter(within(t, 10*time.Second)))
		assert.InDelta(t, 9, time.Since(g.start).Seconds(), 1e-6)
	})
}

// A call that gives up leaves its turn to those behind it, wherever it stood.
func TestNoTurnIsLost(t *testing.T) {
	t.Parallel()
	for gone := range 5 {
		synctest.Test(t, func(t *testing.T) {
			g := newTurns(rate.NewLimiter(1, 1))
			require.NoError(t, g.Enter(t.Context()))
			cancels := make([]context.CancelFunc, 5)
			for i := range cancels {
				var ctx context.Context
				ctx, cancels[i] = context.WithCancel(within(t, time.Minute))
				g.enter(ctx, 1)
			}
			time.Sleep(500 * time.Millisecond)
			cancels[gone]()
			synctest.Wait()
			_, errs := g.outcome()
			require.Len(t, errs, 1, "at once")
			require.ErrorIs(t, refused(t, errs[0]), context.Canceled)
			passed, _ := g.end()
			assert.InDeltaSlice(t, []float64{1, 2, 3, 4}, passed, 1e-6)
			for _, cancel := range cancels {
				cancel()
			}
		})
	}
}

func TestCoolDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(rate.NewLimiter(1, 2))
		g.enter(within(t, time.Minute), 2)
		g.Learn(limited(5*time.Second), false)
		g.Learn(limited(2*time.Second), false) // does not shorten it
		g.enter(within(t, time.Minute), 4)
		passed, _ := g.end()
		assert.InDeltaSlice(t, []float64{0, 0, 5, 5, 6, 7}, passed, 1e-6, "the pace holds after it")
	})
}

// Calls whose turn was promised before the receiver asked to wait do not come in
// the middle of the wait, nor all together at its end.
func TestCoolDownHoldsThoseWhoWaitAlready(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(rate.NewLimiter(1, 1))
		g.enter(within(t, time.Minute), 4)
		time.Sleep(1500 * time.Millisecond)
		g.Learn(limited(5*time.Second), false)
		passed, _ := g.end()
		assert.InDeltaSlice(t, []float64{0, 1, 6.5, 7.5}, passed, 1e-6)
	})
}

func TestCoolDownBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(rate.NewLimiter(1, 1))
		g.enter(within(t, 10*time.Second), 3)
		g.Learn(limited(time.Minute), false)
		g.enter(within(t, 10*time.Second), 1)
		_, errs := g.outcome()
		require.Len(t, errs, 1)
		assert.Equal(t, 61*time.Second, refused(t, errs[0]).RetryAfter, "one waits before it")
		passed, errs := g.end()
		assert.InDeltaSlice(t, []float64{0}, passed, 1e-6)
		require.Len(t, errs, 3)
		assert.InDelta(t, 1, time.Since(g.start).Seconds(), 1e-6, "those who waited learn of it when their turn comes")

		g.Reset()
		assert.NoError(t, g.Enter(t.Context()))
	})
}

// A limit that names no time gets one that grows until an answer is no limit.
func TestCoolDownWithoutATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(nil)
		wait := func() float64 {
			start := time.Now()
			require.NoError(t, g.Enter(t.Context()))
			return time.Since(start).Seconds()
		}
		for _, want := range []float64{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			g.Learn(limited(0), false)
			g.Learn(limited(0), false) // of a call that was under way together with it
			assert.InDelta(t, want, wait(), 1e-6)
		}
		g.Learn(&connectors.Error{Kind: connectors.KindTimeout}, false)
		g.Learn(limited(0), false)
		assert.InDelta(t, 60, wait(), 1e-6, "no answer proves nothing")
		for _, e := range []*connectors.Error{nil, {Kind: connectors.KindInvalid, Status: 400}} {
			g.Learn(e, false)
			g.Learn(limited(0), false)
			assert.InDelta(t, 1, wait(), 1e-6)
		}
		for range 100 {
			g.Learn(limited(0), false)
			wait()
		}
		g.Learn(limited(0), false)
		assert.InDelta(t, 60, wait(), 1e-6)
	})
}

func TestWhatDoesNotCoolDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(nil)
		for _, e := range []*connectors.Error{
			nil,
			{Kind: connectors.KindServer, Status: 500},
			{Kind: connectors.KindOpen, RetryAfter: time.Hour}, // a breaker of this side
			{Kind: connectors.KindRateLimited, RetryAfter: time.Hour, Unsent: true},
		} {
			g.Learn(e, false)
			require.NoError(t, g.Enter(within(t, time.Nanosecond)))
		}
		g.Learn(&connectors.Error{Kind: connectors.KindServer, Status: 503, RetryAfter: time.Second}, false)
		require.Error(t, g.Enter(within(t, time.Millisecond)), "an answer that asks to wait")
		g.Learn(limited(48*time.Hour), false)
		assert.Equal(t, provider.MaxRetryAfter, refused(t, g.Enter(within(t, time.Minute))).RetryAfter)
	})
}

func TestADeadReceiverIsNotCalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(rate.NewLimiter(1, 1))
		g.enter(within(t, time.Minute), 3)
		answer := &connectors.Error{Connector: "test", Kind: connectors.KindNotFound, Code: "no_service", Status: 404, RetryAfter: time.Hour}
		g.Learn(answer, true)
		g.Learn(nil, false) // the late answer of another call
		for range 3 {
			e := refused(t, g.Enter(t.Context()))
			assert.Equal(t, "no_service", e.Code)
			assert.Equal(t, connectors.KindNotFound, e.Kind)
			assert.Zero(t, e.RetryAfter)
			e.Code = "changed"
		}
		assert.Equal(t, 404, answer.Status, "the answer is not written to")
		passed, errs := g.end()
		assert.InDeltaSlice(t, []float64{0}, passed, 1e-6, "those who waited are refused too")
		assert.Len(t, errs, 2)
		assert.False(t, g.Idle())

		g.Reset()
		assert.NoError(t, g.Enter(t.Context()))
	})
}

func TestALimiterThatLetsNothingPass(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]*rate.Limiter{
		"no burst": rate.NewLimiter(1, 0), "no limit": rate.NewLimiter(0, 0), "nearly none": rate.NewLimiter(1e-12, 0),
	} {
		e := refused(t, provider.NewGate(limiter).Enter(t.Context()))
		assert.Equal(t, "paced", e.Code, name)
	}
	g := provider.NewGate(rate.NewLimiter(0, 1))
	require.NoError(t, g.Enter(t.Context()), "a burst is all there is")
	assert.Equal(t, "paced", refused(t, g.Enter(t.Context())).Code)
}

func TestADeadContextDoesNotEnter(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	limiter := rate.NewLimiter(0, 1)
	e := refused(t, provider.NewGate(limiter).Enter(ctx))
	assert.Equal(t, connectors.KindCanceled, e.Kind)
	assert.InDelta(t, 1, limiter.Tokens(), 0, "it took nothing")
}

func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTurns(rate.NewLimiter(1, 2))
		assert.True(t, g.Idle())
		require.NoError(t, g.Enter(t.Context()))
		assert.False(t, g.Idle(), "the burst is not full")
		time.Sleep(time.Second)
		assert.True(t, g.Idle())
		g.Learn(limited(3*time.Second), false)
		assert.False(t, g.Idle())
		time.Sleep(3 * time.Second)
		assert.True(t, g.Idle())
		assert.True(t, provider.NewGate(nil).Idle())
		assert.True(t, provider.NewGate(rate.NewLimiter(rate.Inf, 0)).Idle())
	})
}

// A limiter that several gates share paces them together.
func TestASharedLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := rate.NewLimiter(1, 1)
		one, two := newTurns(limiter), newTurns(limiter)
		for range 3 {
			one.enter(within(t, time.Minute), 1)
			two.enter(within(t, time.Minute), 1)
		}
		first, _ := one.end()
		second, _ := two.end()
		assert.InDeltaSlice(t, []float64{0, 2, 4}, first, 1e-6)
		assert.InDeltaSlice(t, []float64{1, 3, 5}, second, 1e-6)
	})
}
