package health_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func TestMisconfiguration(t *testing.T) {
	t.Parallel()
	good := health.Check{Name: "db", Checker: health.CheckFunc(ok)}
	for _, tc := range []struct {
		name string
		c    health.Check
		want string
	}{
		{"empty name", health.Check{Checker: good.Checker}, `health: check name ""`},
		{"upper case", health.Check{Name: "DB", Checker: good.Checker}, `health: check name "DB"`},
		{"space", health.Check{Name: "a b", Checker: good.Checker}, `health: check name "a b"`},
		{"quote", health.Check{Name: `a"b`, Checker: good.Checker}, `health: check name "a\"b"`},
		{"first is a dot", health.Check{Name: ".a", Checker: good.Checker}, `health: check name ".a"`},
		{"not ASCII", health.Check{Name: "é", Checker: good.Checker}, `health: check name "é"`},
		{"64 characters", health.Check{Name: strings.Repeat("a", 64), Checker: good.Checker}, `health: check name "aaaa`},
		{"twice", good, `health: check "db": name already registered`},
		{"no checker", health.Check{Name: "x"}, `health: check "x": no checker`},
		{"nil function", health.Check{Name: "x", Checker: health.CheckFunc(nil)}, `health: check "x": checker is a nil function`},
		{"negative timeout", health.Check{Name: "x", Checker: good.Checker, Timeout: -1}, `health: check "x": negative timeout -1ns`},
		{"negative period", health.Check{Name: "x", Checker: good.Checker, Every: -1}, `health: check "x": negative period -1ns`},
		{"negative delay", health.Check{Name: "x", Checker: good.Checker, Every: 1, InitialDelay: -1}, `health: check "x": negative initial delay -1ns`},
		{"delay of nothing", health.Check{Name: "x", Checker: good.Checker, InitialDelay: 1}, `health: check "x": an initial delay needs a period`},
		{"negative staleness", health.Check{Name: "x", Checker: good.Checker, StaleAfter: -1}, `health: check "x": negative limit of staleness -1ns`},
		{"stale before the next run", health.Check{Name: "x", Checker: good.Checker, Every: 10 * time.Second, StaleAfter: 11 * time.Second}, `health: check "x": results would be stale after 11s, before the next run after 10s and a tenth`},
		{"negative threshold", health.Check{Name: "x", Checker: good.Checker, FailAfter: -1}, `health: check "x": negative threshold`},
		{"group with a space", health.Check{Name: "x", Checker: good.Checker, Groups: []string{"a b"}}, `health: check "x": group "a b": want a name`},
		{"optional and for liveness", health.Check{Name: "x", Checker: good.Checker, Optional: true, ForLive: true}, `health: check "x": optional and for liveness at once`},
		{"own remote check for liveness", health.Check{Name: "x", Checker: health.Remote(good.Checker), ForLive: true}, `health: check "x": not fit for liveness`},
		{"nothing remote", health.Check{Name: "x", Checker: health.Remote(nil)}, `health: check "x": no checker`},
		{"query of nothing", health.Check{Name: "x", Checker: health.SQLQuery(nil, "")}, `health: check "x": no database`},
		{"write to nothing", health.Check{Name: "x", Checker: health.SQLWrite(nil, "w")}, `health: check "x": no database`},
		{"no directory", health.Check{Name: "x", Checker: health.DirWritable("")}, `health: check "x": no directory`},
		{"negative goroutines", health.Check{Name: "x", Checker: health.Runtime(-1, 0)}, `health: check "x": negative limit of goroutines: -1`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := health.New(health.Config{}, good, tc.c)
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), tc.want), err.Error())
		})
	}
	_, err := health.New(health.Config{}, good, health.Check{Name: "0a_.-" + strings.Repeat("z", 58), Checker: good.Checker})
	assert.NoError(t, err)
}

func TestStarting(t *testing.T) {
	t.Parallel()
	c := &switchable{}
	h := open(t, health.Config{Starting: true}, health.Check{Name: "db", Checker: c})
	rec := get(h.Handler(), "/health/ready")
	assert.Equal(t, 503, rec.Code)
	assertBody(t, `{"status":"not_ready","reason":"starting"}`, rec)
	rec = get(h.Handler(), "/health/startup")
	assert.Equal(t, 503, rec.Code)
	assertBody(t, `{"status":"starting"}`, rec)
	assert.Equal(t, 200, get(h.Handler(), "/health/live").Code)
	assert.Zero(t, c.count())

	h.MarkStarted()
	assertBody(t, `{"status":"ready"}`, get(h.Handler(), "/health/ready"))
	assertBody(t, `{"status":"started"}`, get(h.Handler(), "/health/startup"))
}

func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, health.Config{Starting: true}, health.Check{Name: "db", Checker: health.CheckFunc(ok)})
		assert.Equal(t, 200, get(h.Handler(), "/health").Code)
		done := make(chan error, 1)
		start := time.Now()
		go func() { done <- h.Drain(t.Context(), 10*time.Second) }()
		synctest.Wait()

		for range 2 {
			rec := get(h.Handler(), "/health/ready")
			assert.Equal(t, 503, rec.Code)
			assertBody(t, `{"status":"not_ready","reason":"draining"}`, rec)
			rec = get(h.Handler(), "/health")
			assert.Equal(t, 503, rec.Code)
			assert.Contains(t, rec.Body.String(), `{"status":"unhealthy",`)
			assert.Contains(t, rec.Body.String(), `"checks":{"db":"ok"}`)
			assert.Equal(t, 200, get(h.Handler(), "/health/live").Code)
			assert.Equal(t, "draining", h.Snapshot().NotReady)
			h.MarkStarted() // does not end it
		}
		require.NoError(t, <-done)
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, 503, get(h.Handler(), "/health/ready").Code, "for good")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, h.Drain(ctx, time.Hour), context.DeadlineExceeded)
		assert.Equal(t, 11*time.Second, time.Since(start))
		require.NoError(t, h.Drain(ctx, 0))
	})
}

// A probe that waits for checks does not announce readiness after the drain.
func TestDrainDuringAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: g})
		ready, whole := make(chan int, 1), make(chan int, 1)
		go func() { ready <- get(h.Handler(), "/health/ready").Code }()
		go func() { whole <- get(h.Handler(), "/health").Code }()
		synctest.Wait()
		require.NoError(t, h.Drain(t.Context(), 0))
		g.release <- nil
		assert.Equal(t, 503, <-ready)
		assert.Equal(t, 503, <-whole)
	})
}

func TestSnapshotRunsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: c})
		rep := h.Snapshot()
		assert.Equal(t, health.OutcomeUnknown, only(t, rep).Outcome)
		assert.Equal(t, health.StatusUnhealthy, rep.Status, "a missing result is a failing one")
		assert.Equal(t, "checks", rep.NotReady)
		assert.Zero(t, c.count())

		at := time.Now()
		h.Evaluate(t.Context())
		time.Sleep(time.Hour)
		rep = h.Snapshot()
		assert.Equal(t, health.Report{
			Status: health.StatusHealthy, Version: "0.3.0", Uptime: time.Hour, Time: at.Add(time.Hour),
			Checks: []health.CheckResult{{Name: "db", Outcome: health.OutcomeOK, Up: true, At: at, Since: at, LastOK: at, Runs: health.Runs{OK: 1}}},
		}, rep)
		assert.Equal(t, 1, c.count())
	})
}

func TestAddAndRemove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, health.Config{}, health.Check{Name: "a", Checker: health.CheckFunc(ok)}, health.Check{Name: "b", Checker: fails(errDown)})
		assert.Equal(t, 503, get(h.Handler(), "/health").Code)
		assert.True(t, h.Remove("b"))
		assert.False(t, h.Remove("b"))
		require.NoError(t, h.Add(health.Check{Name: "c", Checker: health.CheckFunc(ok)}))
		require.NoError(t, h.Add(health.Check{Name: "b", Checker: health.CheckFunc(ok)}))
		assert.Contains(t, get(h.Handler(), "/health").Body.String(), `"checks":{"a":"ok","c":"ok","b":"ok"}`)
	})
}

// Removing a check takes it out of the probes that wait for it, without a
// false alarm.
func TestRemoveDuringAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &logs{}
		h := open(t, health.Config{Logger: out.logger()},
			health.Check{Name: "a", Checker: health.CheckFunc(ok)}, health.Check{Name: "b", Checker: health.CheckFunc(obedient)})
		rep := make(chan health.Report, 1)
		go func() { rep <- h.Evaluate(t.Context()) }()
		synctest.Wait()
		assert.True(t, h.Remove("b"))
		got := <-rep
		assert.Equal(t, health.StatusHealthy, got.Status)
		assert.Equal(t, "a", only(t, got).Name)
		assert.Empty(t, out.String())
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, two := newGate(), newGate()
		c := &switchable{}
		h := open(t, health.Config{MaxParallel: -1},
			health.Check{Name: "stuck.b", Checker: one}, health.Check{Name: "obedient", Checker: health.CheckFunc(obedient)},
			health.Check{Name: "stuck.a", Checker: two}, health.Check{Name: "ok", Checker: c})
		go h.Evaluate(t.Context())
		synctest.Wait()

		start := time.Now()
		require.EqualError(t, h.Close(), "health: close: still running: stuck.a, stuck.b")
		assert.Equal(t, 500*time.Millisecond, time.Since(start))

		time.Sleep(time.Hour)
		rep := h.Evaluate(t.Context())
		assert.Equal(t, health.StatusUnhealthy, rep.Status)
		assert.Equal(t, "draining", rep.NotReady)
		assert.Equal(t, 1, c.count(), "nothing runs after Close")
		require.EqualError(t, h.Add(health.Check{Name: "x", Checker: c}), `health: check "x": already closed`)
		assert.Equal(t, 200, get(h.Handler(), "/health/live").Code)

		one.release <- nil
		two.release <- nil
		synctest.Wait()
		start = time.Now()
		require.NoError(t, h.Close())
		assert.Zero(t, time.Since(start))
	})
}

func TestRunThatCloseCancelledIsNone(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{0, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate()
			h := open(t, health.Config{}, health.Check{Name: "db", Checker: g, Every: every})
			require.NoError(t, h.Start(t.Context()))
			go h.Evaluate(t.Context())
			g.release <- nil
			time.Sleep(11 * time.Second)
			go h.Evaluate(t.Context())
			synctest.Wait()
			require.Equal(t, int64(2), g.runs.Load())
			require.Error(t, h.Close())
			time.Sleep(time.Minute)
			got := only(t, h.Snapshot())
			assert.Equal(t, health.OutcomeOK, got.Outcome)
			assert.Equal(t, health.Runs{OK: 1}, got.Runs)
			g.release <- nil
		})
	}
}

func TestCloseNamesRemovedChecksToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: g})
		h.Evaluate(t.Context())
		assert.True(t, h.Remove("db"))
		require.EqualError(t, h.Close(), "health: close: still running: db")
		g.release <- nil
	})
}

// Whatever is removed was never down.
func TestAddAndRemoveWhileProbing(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{Cache: -1})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = h.Add(health.Check{Name: "a", Checker: health.CheckFunc(ok)})
				h.Remove("a")
			}
		}
	})
	for range 20_000 {
		assert.Equal(t, health.StatusHealthy, h.Evaluate(t.Context()).Status)
	}
	close(stop)
	wg.Wait()
	require.NoError(t, h.Close())
}

func TestExtremeDurations(t *testing.T) {
	t.Parallel()
	const longest = time.Duration(math.MaxInt64)
	for name, tc := range map[string]struct {
		cfg   health.Config
		check health.Check
	}{
		"cache":   {health.Config{Cache: longest}, health.Check{}},
		"budget":  {health.Config{Budget: longest, MaxParallel: 1 << 20}, health.Check{}},
		"timeout": {health.Config{}, health.Check{Timeout: longest}},
		"every":   {health.Config{}, health.Check{Every: longest}},
		"all":     {health.Config{Cache: longest, Budget: longest}, health.Check{Timeout: longest, Every: longest}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &switchable{}
				tc.check.Name, tc.check.Checker = "a", c
				h := open(t, tc.cfg, tc.check)
				require.NoError(t, h.Start(t.Context()))
				synctest.Wait()
				got := only(t, h.Evaluate(t.Context()))
				assert.Equal(t, health.OutcomeOK, got.Outcome)
				assert.Empty(t, got.Reason)
				time.Sleep(10 * time.Second)
				assert.Equal(t, health.OutcomeOK, only(t, h.Snapshot()).Outcome)
				assert.Equal(t, 1, c.count())
				require.NoError(t, h.Close())
			})
		})
	}
}

func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{Cache: -1, MaxParallel: 2, Budget: 20 * time.Millisecond},
		health.Check{Name: "ok", Checker: health.CheckFunc(ok)},
		health.Check{Name: "panics", Checker: health.CheckFunc(func(context.Context) error { panic("x") })},
		health.Check{Name: "hangs", Checker: health.CheckFunc(obedient), Timeout: time.Millisecond})
	var wg sync.WaitGroup
	for _, f := range []func(int){
		func(int) { get(h.Handler(), "/health") },
		func(int) { get(h.Handler(), "/health/ready") },
		func(int) { h.Snapshot() },
		func(int) {
			_ = h.Add(health.Check{Name: "x", Checker: health.CheckFunc(obedient), Timeout: time.Millisecond})
		},
		func(int) { h.Remove("x") },
		func(int) { h.MarkStarted() },
		func(i int) {
			if i == 60 {
				_ = h.Drain(t.Context(), 0)
			}
		},
		func(i int) {
			if i == 90 {
				assert.NoError(t, h.Close())
			}
		},
	} {
		for range 2 {
			wg.Go(func() {
				for i := range 100 {
					f(i)
					time.Sleep(50 * time.Microsecond)
				}
			})
		}
	}
	wg.Wait()
	require.NoError(t, h.Close())
	assert.Equal(t, 503, get(h.Handler(), "/health").Code)
}

func TestDrainingAnswersAtOnceWhateverTheChecksDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h, err := health.New(health.Config{Version: "1"}, health.Check{Name: "hangs", Checker: health.CheckFunc(func(context.Context) error {
			<-release
			return nil
		})})
		require.NoError(t, err)
		require.NoError(t, h.Drain(t.Context(), 0))
		start := time.Now()
		rec := httptest.NewRecorder()
		h.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/health", nil))
		assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
		assert.Zero(t, time.Since(start))
		close(release)
	})
}
