package breaker_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
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

var errDown = errors.New("down")

func build(t *testing.T, cfg breaker.Config) *breaker.Breaker {
	t.Helper()
	b, err := breaker.New("slack", cfg)
	require.NoError(t, err)
	return b
}

func call(b *breaker.Breaker, err error) error {
	return b.Do(context.Background(), func(context.Context) error { return err })
}

func fail(b *breaker.Breaker, n int) {
	for range n {
		_ = call(b, errDown)
	}
}

func TestConsecutiveFailuresOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := build(t, breaker.Config{FailureRate: -1})
		fail(b, 4)
		require.NoError(t, call(b, nil))
		fail(b, 4)
		assert.Equal(t, breaker.Closed, b.State())
		require.ErrorIs(t, call(b, errDown), errDown)
		assert.Equal(t, breaker.Open, b.State())
		ran := false
		err := b.Do(t.Context(), func(context.Context) error { ran = true; return nil })
		open, ok := errors.AsType[*breaker.OpenError](err)
		require.True(t, ok)
		require.ErrorIs(t, err, breaker.ErrOpen)
		assert.False(t, ran)
		assert.Equal(t, "slack", open.Name)
		assert.Equal(t, breaker.Open, open.State)
		assert.InDelta(t, 30, open.RetryAfter.Seconds(), 6)
		assert.Equal(t, open.RetryAfter, b.RetryAfter())
	})
}

func TestRetryAfterIsHonest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := build(t, breaker.Config{})
		fail(b, 5)
		wait := b.RetryAfter()
		time.Sleep(wait - 1)
		require.ErrorIs(t, call(b, nil), breaker.ErrOpen)
		require.Error(t, b.Check(t.Context()))
		time.Sleep(1 * time.Nanosecond)
		assert.Equal(t, breaker.Open, b.State(), "reading changes nothing")
		assert.Zero(t, b.RetryAfter())
		require.NoError(t, b.Check(t.Context()))
		require.NoError(t, call(b, nil))
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestFailureRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := build(t, breaker.Config{Consecutive: -1, Window: 10 * time.Second})
		for range 4 {
			fail(b, 1)
			require.NoError(t, call(b, nil))
		}
		fail(b, 1)
		assert.Equal(t, breaker.Closed, b.State(), "nine calls say nothing")
		fail(b, 1)
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestWindowForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := build(t, breaker.Config{Consecutive: -1, Window: 10 * time.Second})
		fail(b, 9)
		time.Sleep(10 * time.Second)
		fail(b, 9)
		assert.Equal(t, breaker.Closed, b.State())
		fail(b, 1)
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestLateResultsCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := build(t, breaker.Config{Window: time.Second})
		for range 5 {
			_ = b.Do(t.Context(), func(context.Context) error { time.Sleep(time.Minute); return errDown })
		}
		assert.Equal(t, breaker.Open, b.State(), "each call took longer than the window")
	})
}

func TestCallsInFlightDoNotDiluteTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := build(t, breaker.Config{Consecutive: -1})
		for range 100 {
			_, err := b.Allow(t.Context())
			require.NoError(t, err)
		}
		fail(b, 10)
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestWhatCounts(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	cause, cancelCause := context.WithCancelCause(context.Background())
	cancelCause(errDown)
	expired, stop := context.WithTimeout(context.Background(), -1)
	t.Cleanup(stop)
	other := build(t, breaker.Config{Consecutive: 1})
	_ = call(other, errDown)
	for name, tt := range map[string]struct {
		ctx  context.Context //nolint:containedctx // a row of the table
		fn   func(context.Context) error
		want breaker.Outcome
	}{
		"nil":                     {context.Background(), func(context.Context) error { return nil }, breaker.Success},
		"error":                   {context.Background(), func(context.Context) error { return errDown }, breaker.Failure},
		"caller canceled":         {canceled, func(context.Context) error { return errDown }, breaker.Neutral},
		"canceled with a cause":   {cause, context.Cause, breaker.Neutral},
		"success though canceled": {canceled, func(context.Context) error { return nil }, breaker.Success},
		"deadline":                {expired, func(ctx context.Context) error { return ctx.Err() }, breaker.Failure},
		"somebody else's cancel":  {context.Background(), func(context.Context) error { return context.Canceled }, breaker.Failure},
		"another breaker":         {context.Background(), func(context.Context) error { return call(other, nil) }, breaker.Neutral},
		"panic":                   {context.Background(), func(context.Context) error { panic("boom") }, breaker.Failure},
		"abort":                   {context.Background(), func(context.Context) error { panic(http.ErrAbortHandler) }, breaker.Neutral},
		"goexit":                  {context.Background(), func(context.Context) error { runtime.Goexit(); return nil }, breaker.Failure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []breaker.Outcome
			b := build(t, breaker.Config{Observer: func(_ context.Context, e breaker.Event) { got = append(got, e.Outcome) }})
			done := make(chan any, 1)
			go func() {
				defer func() { done <- recover() }()
				_ = b.Do(tt.ctx, tt.fn)
			}()
			v := <-done
			switch name {
			case "panic":
				assert.Equal(t, "boom", v)
			case "abort":
				assert.Equal(t, http.ErrAbortHandler, v)
			default:
				assert.Nil(t, v)
			}
			assert.Equal(t, []breaker.Outcome{tt.want}, got)
		})
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	b := build(t, breaker.Config{Consecutive: 1, Classify: func(_ context.Context, err error) breaker.Outcome {
		if errors.Is(err, errDown) {
			return breaker.Success
		}
		panic("classify")
	}})
	fail(b, 3)
	assert.Equal(t, breaker.Closed, b.State())
	assert.PanicsWithValue(t, "classify", func() { _ = call(b, errors.New("x")) })
	assert.Equal(t, breaker.Open, b.State())
}

func TestProbes(t *testing.T) {
	t.Parallel()
	halfOpen := func(t *testing.T, cfg breaker.Config) *breaker.Breaker {
		t.Helper()
		b := build(t, cfg)
		fail(b, 5)
		time.Sleep(b.RetryAfter())
		return b
	}
	t.Run("as many at once as configured", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := halfOpen(t, breaker.Config{Probes: 2})
			first, err := b.Allow(t.Context())
			require.NoError(t, err)
			second, err := b.Allow(t.Context())
			require.NoError(t, err)
			_, err = b.Allow(t.Context())
			open, ok := errors.AsType[*breaker.OpenError](err)
			require.True(t, ok)
			assert.Equal(t, breaker.HalfOpen, open.State)
			assert.Equal(t, 30*time.Second, open.RetryAfter, "the lease of the oldest probe")
			first(breaker.Success)
			first(breaker.Failure) // ignored
			assert.Equal(t, breaker.HalfOpen, b.State())
			second(breaker.Success)
			assert.Equal(t, breaker.Closed, b.State())
		})
	})
	t.Run("one after the other until enough succeeded", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := halfOpen(t, breaker.Config{ProbeSuccesses: 3})
			for range 2 {
				require.NoError(t, call(b, nil))
				assert.Equal(t, breaker.HalfOpen, b.State())
			}
			require.NoError(t, call(b, nil))
			assert.Equal(t, breaker.Closed, b.State())
		})
	})
	t.Run("a failure opens again, for longer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := halfOpen(t, breaker.Config{})
			for _, seconds := range []float64{60, 120, 240, 300, 300} {
				require.ErrorIs(t, call(b, errDown), errDown)
				assert.Equal(t, breaker.Open, b.State())
				assert.InDelta(t, seconds, b.RetryAfter().Seconds(), seconds/5)
				time.Sleep(b.RetryAfter())
			}
		})
	})
	t.Run("a neutral one frees its place", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := halfOpen(t, breaker.Config{})
			for range 10 {
				done, err := b.Allow(t.Context())
				require.NoError(t, err)
				done(breaker.Neutral)
				assert.Equal(t, breaker.HalfOpen, b.State())
			}
			require.NoError(t, call(b, nil))
			assert.Equal(t, breaker.Closed, b.State())
		})
	})
	t.Run("a lost one counts as failed when its lease ends", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := halfOpen(t, breaker.Config{ProbeTimeout: time.Second})
			lost, err := b.Allow(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Second - 1)
			require.ErrorIs(t, call(b, nil), breaker.ErrOpen)
			assert.Equal(t, breaker.HalfOpen, b.State())
			time.Sleep(1 * time.Nanosecond)
			require.ErrorIs(t, call(b, nil), breaker.ErrOpen)
			assert.Equal(t, breaker.Open, b.State())
			lost(breaker.Success)
			assert.Equal(t, breaker.Open, b.State(), "too late")
			time.Sleep(b.RetryAfter())
			require.NoError(t, call(b, nil))
			assert.Equal(t, breaker.Closed, b.State())
		})
	})
	t.Run("goexit does not hold it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := halfOpen(t, breaker.Config{})
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = b.Do(context.Background(), func(context.Context) error { runtime.Goexit(); return nil })
			}()
			<-done
			assert.Equal(t, breaker.Open, b.State())
		})
	})
}

func TestResultOfAnEarlierGenerationMovesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := build(t, breaker.Config{})
		old, err := b.Allow(t.Context())
		require.NoError(t, err)
		fail(b, 5)
		time.Sleep(b.RetryAfter())
		require.NoError(t, call(b, nil))
		fail(b, 4)
		old(breaker.Failure)
		assert.Equal(t, breaker.Closed, b.State())
		assert.EqualValues(t, 10, b.Snapshot().Failures)
	})
}

func TestHooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b *breaker.Breaker
		var mu sync.Mutex
		var got []string
		b = build(t, breaker.Config{
			OnChange: func(c breaker.Change) {
				_ = b.State()
				_ = b.Snapshot()
				_ = call(b, nil)
				mu.Lock()
				got = append(got, c.From.String()+">"+c.To.String()+" "+string(c.Reason))
				mu.Unlock()
				panic("hook")
			},
			Observer: func(context.Context, breaker.Event) { _ = b.State(); panic("observer") },
		})
		fail(b, 5)
		time.Sleep(b.RetryAfter())
		_ = call(b, errDown)
		time.Sleep(b.RetryAfter())
		_ = call(b, nil)
		mu.Lock()
		defer mu.Unlock()
		require.GreaterOrEqual(t, len(got), 5)
		assert.Equal(t, []string{
			"closed>open consecutive-failures", "open>half-open open-elapsed", "half-open>open probe-failed",
			"open>half-open open-elapsed",
		}, got[:4])
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]breaker.Config{
		"both rules off": {Consecutive: -1, FailureRate: -1},
		"rate":           {FailureRate: 1.1},
		"window":         {Window: 49 * time.Millisecond},
		"open for":       {OpenFor: time.Microsecond},
		"probes":         {Probes: -1},
		"successes":      {Probes: 2, ProbeSuccesses: 1},
	} {
		_, err := breaker.New("x", cfg)
		require.ErrorContains(t, err, "breaker: ", name)
	}
	_, err := breaker.New("x", breaker.Config{Window: 50 * time.Millisecond, OpenFor: time.Millisecond})
	require.NoError(t, err)
}

// Under any schedule the circuit never has more probes than configured, never
// sticks, and closes once the upstream is well.
func TestRandomSchedules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(200) {
			rng := rand.New(rand.NewPCG(seed, 1))
			probes := 1 + rng.IntN(3)
			b := build(t, breaker.Config{Probes: probes, ProbeSuccesses: probes + rng.IntN(3), OpenFor: time.Second, ProbeTimeout: time.Second, Window: 5 * time.Second})
			var pending []func(breaker.Outcome)
			for range 300 {
				switch rng.IntN(4) {
				case 0, 1:
					before := b.State()
					done, err := b.Allow(t.Context())
					if err == nil {
						pending = append(pending, done)
						continue
					}
					require.ErrorIs(t, err, breaker.ErrOpen)
					assert.NotEqual(t, breaker.Closed, b.State(), "%v", before)
				case 2:
					if len(pending) > 0 {
						i := rng.IntN(len(pending))
						pending[i](breaker.Outcome(1 + rng.IntN(3)))
						pending = append(pending[:i], pending[i+1:]...)
					}
				default:
					time.Sleep(time.Duration(rng.IntN(int(time.Second))))
				}
				s := b.Snapshot()
				assert.LessOrEqual(t, s.Probes, probes)
				assert.Equal(t, s.State == breaker.HalfOpen && s.Probes > 0, s.Probes > 0)
			}
			for i := 0; b.State() != breaker.Closed; i++ {
				require.Less(t, i, 1000, "seed %d is stuck in %v", seed, b.State())
				if call(b, nil) != nil {
					time.Sleep(max(b.RetryAfter(), time.Millisecond))
				}
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	b := build(t, breaker.Config{OpenFor: time.Millisecond, Window: 50 * time.Millisecond})
	var running, peak atomic.Int64
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 2000 {
				_ = b.Do(context.Background(), func(context.Context) error {
					peak.Store(max(peak.Load(), running.Add(1)))
					defer running.Add(-1)
					if (i+g)%3 == 0 {
						return errDown
					}
					return nil
				})
				_ = b.State()
			}
		})
	}
	wg.Wait()
	s := b.Snapshot()
	assert.EqualValues(t, 16*2000, s.Successes+s.Failures+s.Neutrals+s.Rejected)
}

func TestClosedCircuitAllocatesNothing(t *testing.T) { //nolint:paralleltest // counts allocations of the process
	b := build(t, breaker.Config{})
	fn := func(context.Context) error { return nil }
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = b.Do(context.Background(), fn) }))
}
