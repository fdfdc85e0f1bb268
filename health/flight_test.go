package health_test

import (
	"context"
	"io"
	"net/http"
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
	"github.com/bracework/bracework/internal/memhttp"
)

func TestConcurrentProbesShareOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newGate(), newGate()
		h := open(t, health.Config{}, health.Check{Name: "a", Checker: a}, health.Check{Name: "b", Checker: b})
		var wg sync.WaitGroup
		var healthy atomic.Int64
		for range 1000 {
			wg.Go(func() {
				if get(h.Handler(), "/health").Code == 200 {
					healthy.Add(1)
				}
			})
		}
		synctest.Wait()
		assert.Equal(t, int64(1), a.runs.Load())
		assert.Equal(t, int64(1), b.runs.Load())
		assert.Zero(t, healthy.Load())
		a.release <- nil
		b.release <- nil
		wg.Wait()
		assert.Equal(t, int64(1000), healthy.Load())
		assert.Equal(t, int64(1), a.runs.Load())
	})
}

func TestCachePeriod(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		cache time.Duration
		after time.Duration
		runs  int
	}{
		{"default, just before", 0, time.Second - 1, 1},
		{"default, at the end", 0, time.Second, 2},
		{"own, just before", time.Minute, time.Minute - 1, 1},
		{"own, at the end", time.Minute, time.Minute, 2},
		{"off", -1, 0, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &switchable{}
				h := open(t, health.Config{Cache: tc.cache}, health.Check{Name: "db", Checker: c})
				h.Evaluate(t.Context())
				time.Sleep(tc.after)
				h.Evaluate(t.Context())
				h.Snapshot()
				assert.Equal(t, tc.runs, c.count())
			})
		})
	}
}

func TestAnswerLeavesWithinTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "fast", Checker: health.CheckFunc(ok)}, health.Check{Name: "slow", Checker: g})
		srv := memhttp.New(t, h.Handler())
		for _, path := range []string{"/health", "/health/ready"} {
			start := time.Now()
			resp, err := srv.Client().Get(memhttp.URL + path)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, 750*time.Millisecond, time.Since(start), path)
			assert.Equal(t, 503, resp.StatusCode, path)
			if path == "/health" {
				assert.Contains(t, string(body), `"checks":{"fast":"ok","slow":"timeout"}`)
			}
		}
		g.release <- nil // the run of the first probe
		synctest.Wait()
		assert.Equal(t, health.StatusHealthy, h.Evaluate(t.Context()).Status)
		assert.Equal(t, int64(1), g.runs.Load())
	})
}

func TestBudgetOffWaitsForTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{Budget: -1}, health.Check{Name: "slow", Checker: g, Timeout: 2 * time.Second})
		start := time.Now()
		assert.Equal(t, health.OutcomeTimeout, only(t, h.Evaluate(t.Context())).Outcome)
		assert.Equal(t, 2100*time.Millisecond, time.Since(start), "timeout and grace")
		g.release <- nil
	})
}

// A dependency that takes longer than the budget, but answers, is not down.
func TestLastResultServesWhileARunMayRenewIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		staleAfter time.Duration
		age        time.Duration
		want       health.Outcome
	}{
		{"default, just before", 0, time.Minute - time.Nanosecond, health.OutcomeOK},
		{"default, at the end", 0, time.Minute, health.OutcomeTimeout},
		{"own, just before", 10 * time.Second, 10*time.Second - time.Nanosecond, health.OutcomeOK},
		{"own, at the end", 10 * time.Second, 10 * time.Second, health.OutcomeTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate()
				h := open(t, health.Config{}, health.Check{Name: "db", Checker: g, StaleAfter: tc.staleAfter})
				go h.Evaluate(t.Context())
				synctest.Wait()
				g.release <- nil
				synctest.Wait()
				time.Sleep(tc.age - 750*time.Millisecond)
				assert.Equal(t, tc.want, only(t, h.Evaluate(t.Context())).Outcome, "when the budget ends")
				time.Sleep(5 * time.Second)
				assert.Equal(t, health.OutcomeTimeout, only(t, h.Evaluate(t.Context())).Outcome, "it does hang")
				g.release <- nil
			})
		})
	}
}

// A kubelet asks every ten seconds.
func TestSlowerThanTheBudgetIsNotDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: health.CheckFunc(func(context.Context) error {
			time.Sleep(900 * time.Millisecond)
			return nil
		})})
		assert.Equal(t, 503, get(h.Handler(), "/health/ready").Code, "nothing is known yet")
		for range 100 {
			time.Sleep(10 * time.Second)
			assert.Equal(t, 200, get(h.Handler(), "/health/ready").Code)
		}
		time.Sleep(10 * time.Second)
	})
}

func TestWedgedCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, g := &logs{}, newGate()
		h := open(t, health.Config{Logger: out.logger()},
			health.Check{Name: "db", Checker: g, Timeout: 5 * time.Second}, health.Check{Name: "b", Checker: health.CheckFunc(ok)})
		assert.Equal(t, health.OutcomeTimeout, h.Evaluate(t.Context()).Checks[0].Outcome)
		time.Sleep(5100*time.Millisecond - 750*time.Millisecond)
		synctest.Wait()

		for range 1000 {
			start := time.Now()
			rep := h.Evaluate(t.Context())
			assert.Zero(t, time.Since(start), "no wait for what is stuck")
			assert.Equal(t, health.OutcomeTimeout, rep.Checks[0].Outcome)
			assert.Equal(t, "stuck", rep.Checks[0].Reason)
			assert.True(t, rep.Checks[0].Stuck)
			assert.Equal(t, health.OutcomeOK, rep.Checks[1].Outcome)
			assert.Equal(t, "stuck", h.Snapshot().Checks[0].Reason)
			time.Sleep(time.Second)
		}
		assert.Equal(t, int64(1), g.runs.Load())
		assert.Equal(t, 1, strings.Count(out.String(), "check=db"))

		g.release <- nil
		synctest.Wait()
		var rep health.Report
		go func() { rep = h.Evaluate(t.Context()) }()
		synctest.Wait()
		assert.Equal(t, int64(2), g.runs.Load(), "runs again at once")
		g.release <- nil
		synctest.Wait()
		assert.Equal(t, health.StatusHealthy, rep.Status)
	})
}

// A result that comes after the deadline is no result: the timeout holds for
// one cache period, counted from the deadline.
func TestUnblockedRightAfterItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: g, Timeout: time.Second})
		h.Evaluate(t.Context())
		time.Sleep(750 * time.Millisecond) // 1.5 s
		synctest.Wait()
		assert.Equal(t, "stuck", only(t, h.Evaluate(t.Context())).Reason)
		g.release <- nil
		synctest.Wait()
		time.Sleep(500*time.Millisecond - time.Nanosecond)
		assert.Equal(t, health.OutcomeTimeout, only(t, h.Evaluate(t.Context())).Outcome)
		time.Sleep(time.Nanosecond)
		go func() { g.release <- nil }()
		assert.Equal(t, health.OutcomeOK, only(t, h.Evaluate(t.Context())).Outcome)
	})
}

func TestObedientCheckIsNeverStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: health.CheckFunc(obedient), Timeout: time.Second})
		for range 100 {
			got := only(t, h.Evaluate(t.Context()))
			assert.Equal(t, health.OutcomeTimeout, got.Outcome)
			time.Sleep(130 * time.Millisecond)
		}
		time.Sleep(time.Minute)
	})
}

func TestChecksHaveADeadlineAndNoForeignCancellation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		h := open(t, health.Config{}, health.Check{Name: "db", Timeout: 3 * time.Second, Checker: health.CheckFunc(func(ctx context.Context) error {
			deadline, has := ctx.Deadline()
			assert.True(t, has)
			assert.Equal(t, 3*time.Second, time.Until(deadline))
			assert.Equal(t, "v", ctx.Value(key{}))
			return ctx.Err()
		})})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
		cancel()
		assert.Equal(t, health.StatusHealthy, h.Evaluate(ctx).Status)
	})
}

func TestLeavingClientChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: g})
		srv := memhttp.New(t, h.Handler())
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, memhttp.URL+"/health", nil)
			resp, err := srv.Client().Do(req)
			if err == nil {
				err = resp.Body.Close()
			}
			gone <- err
		}()
		synctest.Wait()
		stays := make(chan int, 1)
		go func() { stays <- get(h.Handler(), "/health").Code }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-gone, context.Canceled)
		synctest.Wait()
		g.release <- nil
		assert.Equal(t, 200, <-stays)
		assert.Equal(t, int64(1), g.runs.Load())
	})
}

func TestMaxParallel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, peak atomic.Int64
		slow := health.CheckFunc(func(context.Context) error {
			peak.Store(max(peak.Load(), now.Add(1)))
			time.Sleep(100 * time.Millisecond)
			now.Add(-1)
			return nil
		})
		h := open(t, health.Config{MaxParallel: 2})
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			require.NoError(t, h.Add(health.Check{Name: name, Checker: slow}))
		}
		start := time.Now()
		assert.Equal(t, health.StatusHealthy, h.Evaluate(t.Context()).Status)
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
		assert.Equal(t, int64(2), peak.Load())
	})
}

func TestWedgedChecksGiveTheirTurnToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{MaxParallel: 1}, health.Check{Name: "stuck", Checker: g, Timeout: time.Second})
		go h.Evaluate(t.Context())
		synctest.Wait()
		require.NoError(t, h.Add(health.Check{Name: "waits", Checker: health.CheckFunc(ok)}))
		rep := h.Evaluate(t.Context())
		assert.Equal(t, health.OutcomeUnknown, rep.Checks[1].Outcome, "it had no turn yet")
		assert.Equal(t, health.StatusUnhealthy, rep.Status)
		time.Sleep(time.Second)
		rep = h.Evaluate(t.Context())
		assert.Equal(t, "stuck", rep.Checks[0].Reason)
		assert.Equal(t, health.OutcomeOK, rep.Checks[1].Outcome)
		g.release <- nil
	})
}

//nolint:paralleltest // it counts the goroutines of the process
func TestWedgedCheckCostsOneGoroutine(t *testing.T) {
	var runs atomic.Int64
	unblock := make(chan struct{})
	wedged := health.CheckFunc(func(context.Context) error {
		runs.Add(1)
		<-unblock
		return nil
	})
	h := open(t, health.Config{Budget: time.Millisecond, Cache: -1},
		health.Check{Name: "db", Checker: wedged, Timeout: 10 * time.Millisecond},
		health.Check{Name: "queue", Checker: wedged, Timeout: 10 * time.Millisecond, Every: time.Millisecond})
	require.NoError(t, h.Start(t.Context()))
	before := runtime.NumGoroutine() // two of them are the loop of queue and the pulse
	for range 10_000 {
		for _, path := range []string{"/health", "/health/ready"} {
			require.Equal(t, 503, get(h.Handler(), path).Code)
		}
		require.LessOrEqual(t, runtime.NumGoroutine(), before+8, "one for db, and some for a moment")
	}
	assert.Equal(t, int64(2), runs.Load())
	close(unblock)
	assert.Eventually(t, func() bool { return get(h.Handler(), "/health").Code == 200 }, 5*time.Second, time.Millisecond)
	require.NoError(t, h.Close())
}
