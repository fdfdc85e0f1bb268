package health_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

var (
	errA       = health.Reason("refused", errors.New("a is down"))
	errB       = health.Reason("refused", errors.New("b is down"))
	errLimited = health.Degraded(health.Reason("tls", errors.New("c is limited")))
)

func exits(context.Context) error {
	runtime.Goexit()
	return nil
}

func panics(context.Context) error { panic("boom") }

// after passes with err once d is over.
func after(d time.Duration, err error) health.CheckFunc {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestAny(t *testing.T) {
	t.Parallel()
	ok, a, b, limited := health.CheckFunc(ok), fails(errA), fails(errB), fails(errLimited)
	hangs := health.CheckFunc(obedient)
	const s = time.Second
	for _, tc := range []struct {
		name     string
		n        int
		checkers []health.Checker
		outcome  health.Outcome
		reason   string
		took     time.Duration
		text     string
	}{
		{"all pass", 2, []health.Checker{ok, ok}, health.OutcomeOK, "", 0, ""},
		{"one of one", 1, []health.Checker{ok}, health.OutcomeOK, "", 0, ""},
		{"one will do", 1, []health.Checker{a, ok, b}, health.OutcomeOK, "", 0, ""},
		{"the last one will do", 1, []health.Checker{a, b, after(s, nil)}, health.OutcomeOK, "", s, ""},
		{"enough before the slow ones", 2, []health.Checker{after(2*s, nil), after(s, nil), ok, hangs}, health.OutcomeOK, "", s, ""},
		{"too many failed before the slow ones", 2, []health.Checker{a, after(s, errB), hangs}, health.OutcomeFailed, "refused", s, "health: 0 of 3 checkers passed, want 2; checker 0: a is down; checker 1: b is down"},
		{"not enough", 2, []health.Checker{ok, a, b}, health.OutcomeFailed, "refused", 0, ""},
		{"reasons differ", 1, []health.Checker{a, fails(errDown)}, health.OutcomeFailed, "other", 0, "health: 0 of 2 checkers passed, want 1; checker "},
		{"all hang", 1, []health.Checker{hangs, hangs}, health.OutcomeTimeout, "timeout", 4900 * time.Millisecond, "health: 0 of 2 checkers passed, want 1; checker "},
		{"one hangs, one is down", 1, []health.Checker{hangs, a}, health.OutcomeFailed, "other", 4900 * time.Millisecond, ""},
		{"says at its end why", 1, []health.Checker{health.CheckFunc(func(ctx context.Context) error {
			<-ctx.Done()
			return health.Reason("pool_exhausted", ctx.Err())
		})}, health.OutcomeFailed, "pool_exhausted", 4900 * time.Millisecond, ""},
		{"panics", 1, []health.Checker{health.CheckFunc(panics)}, health.OutcomeFailed, "panic", 0, "checker 0: panic: boom\n"},
		{"ends its goroutine", 1, []health.Checker{health.CheckFunc(exits)}, health.OutcomeFailed, "panic", 0, "checker 0: checker ended its goroutine"},
		{"panics beside one that passes", 1, []health.Checker{health.CheckFunc(panics), health.CheckFunc(exits), after(s, nil)}, health.OutcomeOK, "", s, ""},
		{"its error panics", 1, []health.Checker{fails(explosive{})}, health.OutcomeFailed, "panic", 0, ""},
		{"degraded passes", 1, []health.Checker{a, limited}, health.OutcomeDegraded, "tls", 0, "health: 1 of 2 checkers passed, want 1; checker "},
		{"all degraded", 2, []health.Checker{limited, limited}, health.OutcomeDegraded, "tls", 0, ""},
		{"degraded is not needed", 1, []health.Checker{limited, after(s, nil)}, health.OutcomeOK, "", s, ""},
		{"degraded is needed", 2, []health.Checker{limited, ok, after(s, errA)}, health.OutcomeDegraded, "tls", s, ""},
		{"degraded is needed, certain at once", 2, []health.Checker{limited, limited, hangs}, health.OutcomeDegraded, "tls", 0, ""},
		{"degraded, the other hangs", 1, []health.Checker{limited, hangs}, health.OutcomeDegraded, "tls", 4900 * time.Millisecond, ""},
		{"degraded in two ways", 1, []health.Checker{limited, fails(health.Degraded(errDown))}, health.OutcomeDegraded, "other", 0, ""},
		{"degraded is not enough", 2, []health.Checker{limited, a}, health.OutcomeFailed, "refused", 0, ""},
		{"nested", 1, []health.Checker{a, health.Any(2, ok, ok, a)}, health.OutcomeOK, "", 0, ""},
		{"nested, down", 1, []health.Checker{a, health.Any(2, ok, a, b)}, health.OutcomeFailed, "refused", 0, ""},
		{"nested, degraded", 1, []health.Checker{health.Any(1, limited)}, health.OutcomeDegraded, "tls", 0, ""},
		{"nested, hangs", 1, []health.Checker{health.Any(1, hangs)}, health.OutcomeTimeout, "timeout", 4800 * time.Millisecond, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				got := checkedAs(t, health.Any(tc.n, tc.checkers...), 0)
				assert.Equal(t, tc.took, time.Since(start))
				assert.Equal(t, tc.outcome, got.Outcome)
				assert.Equal(t, tc.reason, got.Reason)
				ctx, cancel := context.WithTimeout(t.Context(), 5*s)
				defer cancel()
				err := health.Any(tc.n, tc.checkers...).Check(ctx)
				assert.Equal(t, tc.outcome == health.OutcomeOK, err == nil, "%v", err)
				if tc.text != "" {
					assert.ErrorContains(t, err, tc.text)
				}
			}) // it fails when a goroutine is left
		})
	}
}

// explosive is an error that panics when it is looked at.
type explosive struct{}

func (explosive) Error() string   { return "" }
func (explosive) Is(error) bool   { panic("boom") }
func (explosive) Timeout() bool   { panic("boom") }
func (explosive) Temporary() bool { panic("boom") }

func TestAnyMisconfigured(t *testing.T) {
	t.Parallel()
	good := health.CheckFunc(ok)
	for _, tc := range []struct {
		c    health.Checker
		want string
	}{
		{health.Any(1), "any 1 of 0 checkers: want from one to all of them"},
		{health.Any(0), "any 0 of 0 checkers: want from one to all of them"},
		{health.Any(0, good), "any 0 of 1 checkers: want from one to all of them"},
		{health.Any(-1, good), "any -1 of 1 checkers: want from one to all of them"},
		{health.Any(3, good, good), "any 3 of 2 checkers: want from one to all of them"},
		{health.Any(1, good, nil), "checker 1: no checker"},
		{health.Any(1, health.CheckFunc(nil)), "checker 0: checker is a nil function"},
		{health.Any(1, good, health.TCP("")), "checker 1: no address"},
		{health.Any(1, good, health.SQLQuery(nil, "")), "checker 1: no database"},
		{health.Any(1, good, health.Any(1, good, health.DNS("", 1))), "checker 1: checker 1: no host"},
	} {
		_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: tc.c})
		require.EqualError(t, err, `health: check "x": `+tc.want)
		require.EqualError(t, tc.c.Check(t.Context()), "health: "+tc.want)
	}
}

// A checker that ignores its context is called once, whatever is asked, and
// owns the only goroutine that is left.
func TestAnyWedged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wedged, down := newGate(), &switchable{}
		c := health.Any(1, health.CheckFunc(func(ctx context.Context) error {
			synctest.Wait() // the other one had its turn
			return down.Check(ctx)
		}), wedged)
		check := func() (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			start := time.Now()
			err := c.Check(ctx)
			return time.Since(start), err
		}
		for range 10 {
			took, err := check()
			require.NoError(t, err, "the other one passes")
			assert.Zero(t, took)
		}
		down.set(errA)
		took, err := check()
		require.ErrorContains(t, err, "checker has not returned from an earlier run")
		assert.Equal(t, 100*time.Millisecond, took, "it was told to end just now")
		for range 1000 {
			took, err = check()
			require.ErrorContains(t, err, "checker has not returned from an earlier run")
			assert.Zero(t, took, "no wait for what is stuck")
		}
		assert.Equal(t, int64(1), wedged.runs.Load())

		wedged.release <- nil
		synctest.Wait()
		done := make(chan error)
		go func() { _, err := check(); done <- err }()
		synctest.Wait()
		assert.Equal(t, int64(2), wedged.runs.Load(), "runs again at once")
		wedged.release <- nil
		require.NoError(t, <-done)
	})
}

func TestAnyWedgedPastItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wedged := newGate()
		h := open(t, health.Config{Budget: -1}, health.Check{Name: "x", Checker: health.Any(1, wedged), Timeout: time.Second})
		assert.Equal(t, "timeout", only(t, h.Evaluate(t.Context())).Reason)
		time.Sleep(time.Second)
		for range 100 {
			start := time.Now()
			got := only(t, h.Evaluate(t.Context()))
			assert.Equal(t, health.OutcomeFailed, got.Outcome)
			assert.Equal(t, "stuck", got.Reason)
			assert.Zero(t, time.Since(start))
			time.Sleep(time.Second)
		}
		assert.Equal(t, int64(1), wedged.runs.Load())
		require.NoError(t, h.Close(), "the check itself is not stuck")
		wedged.release <- nil
	})
}

func TestAnyWedgedCostsOneGoroutineEach(t *testing.T) {
	t.Parallel()
	first, second := newGate(), newGate()
	c := health.Any(3, first, second, fails(errDown), health.Any(1, fails(errDown)))
	count := descendants(t, func(ctx context.Context) {
		for range 1000 {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			_ = c.Check(ctx)
			cancel()
		}
	})
	assert.Eventually(t, func() bool { return count() == 2 }, 5*time.Second, time.Millisecond)
	assert.LessOrEqual(t, first.runs.Load(), int64(1))
	assert.LessOrEqual(t, second.runs.Load(), int64(1))
	close(first.release)
	close(second.release)
	assert.Eventually(t, func() bool { return count() == 0 }, 5*time.Second, time.Millisecond)
}

// A run that is over early leaves slower ones behind for a moment: the next run
// waits for them instead of counting them as failed.
func TestAnyWaitsForWhatIsTakingItsLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		leisurely := health.CheckFunc(func(ctx context.Context) error {
			if runs.Add(1) == 1 {
				<-ctx.Done()
				time.Sleep(90 * time.Millisecond)
			}
			return nil
		})
		other := after(time.Second, nil)
		c := health.Any(1, health.CheckFunc(func(ctx context.Context) error { return other(ctx) }), leisurely)
		require.NoError(t, c.Check(t.Context()))
		other = fails(errDown)
		start := time.Now()
		require.NoError(t, c.Check(t.Context()))
		assert.Equal(t, 90*time.Millisecond, time.Since(start))
	})
}

// Used in two places at a time, each checker still runs alone, and all get
// their answer.
func TestAnyConcurrently(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inside atomic.Int64
		alone := health.CheckFunc(func(context.Context) error {
			assert.Equal(t, int64(1), inside.Add(1))
			defer inside.Add(-1)
			time.Sleep(200 * time.Millisecond) // more than the grace of one that was told to end
			return nil
		})
		c := health.Any(2, alone, health.CheckFunc(ok))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { assert.NoError(t, c.Check(t.Context())) })
		}
		wg.Wait()
	})
}

func TestAnyIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wedged := newGate()
		var told error
		c := health.Any(2, wedged, health.CheckFunc(func(ctx context.Context) error {
			<-ctx.Done()
			told = ctx.Err()
			return told
		}))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		require.Error(t, c.Check(ctx))
		assert.Equal(t, time.Second, time.Since(start))
		synctest.Wait()
		require.ErrorIs(t, told, context.Canceled)
		wedged.release <- nil
	})
}

// The error of a panic goes to the log with the place where it happened.
func TestAnyLogsThePlaceOfAPanic(t *testing.T) {
	t.Parallel()
	out := &logs{}
	h := open(t, health.Config{Logger: out.logger()}, health.Check{Name: "x", Checker: health.Any(1, health.CheckFunc(panics))})
	assert.Equal(t, "panic", only(t, h.Evaluate(t.Context())).Reason)
	assert.Eventually(t, func() bool { return strings.Contains(out.String(), "any_test.go:") }, 5*time.Second, time.Millisecond)
}
