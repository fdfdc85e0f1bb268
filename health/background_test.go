package health_test

import (
	"context"
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

// started opens and starts a Health that is closed at the end of the test.
func started(t *testing.T, cfg health.Config, checks ...health.Check) *health.Health {
	t.Helper()
	h := open(t, cfg, checks...)
	require.NoError(t, h.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	return h
}

func TestBackgroundCheckRunsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		h := open(t, health.Config{}, health.Check{Name: "db", Every: 10 * time.Second, Checker: health.CheckFunc(func(context.Context) error {
			at = append(at, time.Since(begin))
			return nil
		})})
		require.NoError(t, h.Start(t.Context()))
		require.NoError(t, h.Start(t.Context()), "again")
		time.Sleep(time.Hour)
		for range 100 { // probes run nothing
			assert.Equal(t, health.StatusHealthy, h.Evaluate(t.Context()).Status)
		}
		require.NoError(t, h.Close())

		assert.Zero(t, at[0], "first at once")
		assert.InDelta(t, 360, len(at), 10)
		pauses := make(map[time.Duration]bool)
		for i := range at[1:] {
			pause := at[i+1] - at[i]
			assert.GreaterOrEqual(t, pause, 9*time.Second)
			assert.LessOrEqual(t, pause, 11*time.Second)
			pauses[pause] = true
		}
		assert.Greater(t, len(pauses), 100, "jitter")
		n := len(at)
		time.Sleep(time.Hour)
		assert.Len(t, at, n, "nothing runs after Close")
	})
}

func TestBackgroundCheckBeforeItsFirstResult(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := started(t, health.Config{}, health.Check{Name: "db", Every: time.Minute, InitialDelay: 5 * time.Second, Checker: c})
		time.Sleep(5*time.Second - 1)
		begin := time.Now()
		rec := get(h.Handler(), "/health")
		assert.Equal(t, 503, rec.Code)
		assert.Contains(t, rec.Body.String(), `"checks":{"db":"unknown"}`)
		assertBody(t, `{"status":"not_ready","reason":"checks"}`, get(h.Handler(), "/health/ready"))
		assert.Equal(t, 200, get(h.Handler(), "/health/live").Code)
		assert.Zero(t, time.Since(begin), "nothing to wait for")
		assert.Zero(t, c.count())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, 1, c.count())
		assert.Equal(t, 200, get(h.Handler(), "/health/ready").Code)
	})
}

func TestBackgroundCheckRunsOnDemandUntilStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := open(t, health.Config{}, health.Check{Name: "db", Every: time.Minute, InitialDelay: time.Minute, Checker: c})
		assert.Equal(t, 200, get(h.Handler(), "/health").Code)
		time.Sleep(time.Second)
		assert.Equal(t, 200, get(h.Handler(), "/health").Code)
		assert.Equal(t, 2, c.count())
		require.NoError(t, h.Start(t.Context()))
		time.Sleep(30 * time.Second)
		assert.Equal(t, 200, get(h.Handler(), "/health").Code, "the last result holds")
		assert.Equal(t, 2, c.count())
		require.NoError(t, h.Close())
	})
}

func TestAddAndRemoveAfterStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := started(t, health.Config{})
		require.NoError(t, h.Add(health.Check{Name: "db", Every: time.Second, Checker: c}))
		synctest.Wait()
		assert.Equal(t, 1, c.count())
		time.Sleep(10 * time.Second)
		n := c.count()
		assert.Greater(t, n, 8)
		assert.True(t, h.Remove("db"))
		time.Sleep(time.Minute)
		assert.Equal(t, n, c.count())
	})
}

func TestStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, health.Config{})
		require.NoError(t, h.Close())
		require.EqualError(t, h.Start(t.Context()), "health: start: already closed")
		over, end := context.WithCancel(t.Context())
		end()
		h = open(t, health.Config{}, health.Check{Name: "db", Every: time.Second, Checker: health.CheckFunc(ok)})
		require.ErrorIs(t, h.Start(over), context.Canceled)
		assert.Equal(t, 200, get(h.Handler(), "/health").Code, "nothing was started: it runs on demand")

		c := &switchable{}
		h = open(t, health.Config{}, health.Check{Name: "db", Every: time.Second, Checker: c})
		require.NoError(t, h.Drain(t.Context(), 0))
		require.NoError(t, h.Start(t.Context()))
		time.Sleep(time.Minute)
		assert.Zero(t, c.count(), "a service that drains starts nothing")
		require.NoError(t, h.Close())

		var changes changeLog
		h = open(t, health.Config{Listener: changes.add}, health.Check{Name: "db", Every: time.Second, Checker: c})
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, h.Start(ctx))
		time.Sleep(5 * time.Second)
		cancel()
		synctest.Wait()
		assert.Equal(t, 200, get(h.Handler(), "/health").Code)
		n := c.count()
		time.Sleep(time.Minute)
		assert.Equal(t, n, c.count())
		assert.Equal(t, health.OutcomeStale, only(t, h.Evaluate(t.Context())).Outcome)
		assert.Equal(t, []string{"db unknown ok", "db ok stale"}, changes.list(), "nobody stays in the dark")
		require.EqualError(t, h.Start(t.Context()), "health: start: already ended with its context")
		require.NoError(t, h.Close())
	})
}

func TestDrainEndsBackgroundChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, c := &logs{}, &switchable{}
		h := started(t, health.Config{Logger: out.logger(), Listener: func(health.Change) {}}, health.Check{Name: "db", Every: time.Second, Checker: c})
		time.Sleep(10 * time.Second)
		require.NoError(t, h.Drain(t.Context(), 0))
		n := c.count()
		c.set(errDown)
		time.Sleep(time.Hour)
		assert.Equal(t, n, c.count())
		assert.Contains(t, get(h.Handler(), "/health").Body.String(), `"checks":{"db":"ok"}`, "not stale either")
		assert.Empty(t, out.String())
	})
}

func TestStaleness(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		check health.Check
		after time.Duration // the last result
	}{
		{"two periods and the default timeout", health.Check{Every: 10 * time.Second}, 25 * time.Second},
		{"two periods and the timeout", health.Check{Every: 10 * time.Second, Timeout: time.Second}, 21 * time.Second},
		{"own", health.Check{Every: 10 * time.Second, StaleAfter: time.Minute}, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tc.check.Name, tc.check.Checker = "db", health.CheckFunc(ok)
				h := open(t, health.Config{}, tc.check)
				ctx, cancel := context.WithCancel(t.Context())
				require.NoError(t, h.Start(ctx))
				synctest.Wait()
				cancel() // no more runs
				time.Sleep(tc.after)
				assert.Equal(t, health.OutcomeOK, only(t, h.Evaluate(t.Context())).Outcome)
				assert.Equal(t, health.OutcomeOK, only(t, h.Snapshot()).Outcome)
				time.Sleep(time.Nanosecond)
				assert.Equal(t, health.OutcomeStale, only(t, h.Evaluate(t.Context())).Outcome)
				got := only(t, h.Snapshot())
				assert.Equal(t, health.OutcomeStale, got.Outcome)
				assert.Equal(t, got.At.Add(tc.after), got.Since)
				assert.Contains(t, get(h.Handler(), "/health").Body.String(), `"checks":{"db":"stale"}`)
				assert.Equal(t, 503, get(h.Handler(), "/health").Code)
				assert.Equal(t, 503, get(h.Handler(), "/health/ready").Code)
				require.NoError(t, h.Close())
			})
		})
	}
}

// A run that takes its time, but not too much for its timeout.
func TestStaleWhileARunGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var changes changeLog
		h := open(t, health.Config{Listener: changes.add}, health.Check{Name: "db", Checker: g, Every: 10 * time.Second, Timeout: time.Hour, StaleAfter: time.Minute})
		require.NoError(t, h.Start(t.Context()))
		g.release <- nil
		time.Sleep(2 * time.Minute)
		got := only(t, h.Evaluate(t.Context()))
		assert.Equal(t, health.OutcomeStale, got.Outcome)
		assert.Empty(t, got.Reason)
		assert.Equal(t, []string{"db unknown ok", "db ok stale"}, changes.list())
		g.release <- nil
		synctest.Wait()
		got = only(t, h.Evaluate(t.Context()))
		assert.Equal(t, health.OutcomeOK, got.Outcome)
		assert.Equal(t, got.At, got.Since)
		assert.Equal(t, []string{"db unknown ok", "db ok stale", "db stale ok"}, changes.list())
		require.NoError(t, h.Close())
	})
}

func TestWedgedBackgroundCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "db", Every: 10 * time.Second, Timeout: time.Second, Checker: g})
		require.NoError(t, h.Start(t.Context()))
		g.release <- nil
		time.Sleep(time.Minute)
		assert.Equal(t, int64(2), g.runs.Load())
		for range 1000 {
			got := only(t, h.Evaluate(t.Context()))
			assert.Equal(t, health.OutcomeTimeout, got.Outcome)
			assert.Equal(t, "stuck", got.Reason)
			time.Sleep(time.Second)
		}
		assert.Equal(t, int64(2), g.runs.Load())
		g.release <- nil
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, int64(3), g.runs.Load(), "runs again within the cache period, not in ten seconds")
		g.release <- nil
		synctest.Wait()
		assert.Equal(t, health.StatusHealthy, h.Evaluate(t.Context()).Status)
		require.NoError(t, h.Close())
	})
}

// Only the first late result is in a hurry to be replaced.
func TestCheckThatIsAlwaysLateIsNotHurried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		h := open(t, health.Config{}, health.Check{Name: "db", Every: time.Hour, Timeout: 100 * time.Millisecond, Checker: health.CheckFunc(func(context.Context) error {
			runs.Add(1)
			time.Sleep(200 * time.Millisecond)
			return nil
		})})
		require.NoError(t, h.Start(t.Context()))
		time.Sleep(10 * time.Hour)
		assert.LessOrEqual(t, runs.Load(), int64(13))
		require.NoError(t, h.Close())
	})
}

func TestBackgroundCheckSurvivesGoexit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		h := open(t, health.Config{}, health.Check{Name: "db", Every: time.Second, Checker: health.CheckFunc(func(context.Context) error {
			if runs.Add(1) < 3 {
				runtime.Goexit()
			}
			return nil
		})})
		require.NoError(t, h.Start(t.Context()))
		time.Sleep(time.Minute)
		assert.Greater(t, runs.Load(), int64(50))
		got := only(t, h.Snapshot())
		assert.Equal(t, health.OutcomeOK, got.Outcome)
		assert.Equal(t, uint64(2), got.Runs.Failed)
		require.NoError(t, h.Close())
	})
}

// A result that was stale is no reason to forgive the first failure after it.
func TestFailureAfterStaleCounts(t *testing.T) {
	t.Parallel()
	for _, optional := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var changes []health.Change
			hog, c := newGate(), &switchable{}
			h := open(t, health.Config{MaxParallel: 1, Listener: func(ch health.Change) { changes = append(changes, ch) }},
				health.Check{Name: "hog", Checker: hog, Timeout: time.Hour, Optional: true},
				health.Check{Name: "db", Checker: c, Every: 10 * time.Second, FailAfter: 3, Optional: optional})
			require.NoError(t, h.Start(t.Context()))
			synctest.Wait()
			go h.Evaluate(t.Context()) // the hog takes the only turn
			time.Sleep(2 * time.Minute)
			c.set(errDown)
			hog.release <- nil
			synctest.Wait()
			got := h.Snapshot().Checks[1]
			assert.NotEqual(t, health.OutcomeOK, got.Outcome)
			assert.False(t, got.Up)
			require.NoError(t, h.Close())
			for i, ch := range changes[1:] {
				assert.False(t, ch.Since.Before(changes[i].Since), "%+v after %+v", ch, changes[i])
			}
		})
	}
}

func TestLivenessWaitsForNoTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, health.Config{MaxParallel: 1},
			health.Check{Name: "db", Checker: health.CheckFunc(obedient)},
			health.Check{Name: "worker", Checker: health.NewHeartbeat(time.Hour), Every: time.Second, Timeout: time.Second, ForLive: true})
		require.NoError(t, h.Start(t.Context()))
		for range 300 {
			go h.Evaluate(t.Context())
			time.Sleep(time.Second)
			assert.Equal(t, 200, get(h.Handler(), "/health/live").Code)
		}
		require.NoError(t, h.Close())
	})
}

func TestNoCheckBeginsAfterDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, c := newGate(), &switchable{}
		h := open(t, health.Config{MaxParallel: 1}, health.Check{Name: "a", Checker: g})
		go h.Evaluate(t.Context())
		synctest.Wait()
		require.NoError(t, h.Add(health.Check{Name: "b", Checker: c}))
		go h.Evaluate(t.Context()) // b waits for its turn
		synctest.Wait()
		require.NoError(t, h.Drain(t.Context(), 0))
		g.release <- nil
		synctest.Wait()
		assert.Zero(t, c.count())
	})
}

// changeLog is a listener.
type changeLog struct {
	mu  sync.Mutex
	all []string
}

func (c *changeLog) add(ch health.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, strings.Join([]string{ch.Name, string(ch.From), string(ch.To)}, " "))
}

func (c *changeLog) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.all...)
}
