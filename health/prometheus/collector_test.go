package healthprometheus_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	healthprometheus "github.com/bracework/bracework/health/prometheus"
)

// source shows what the test sets, and counts.
type source struct {
	report    atomic.Pointer[health.Report]
	snapshots atomic.Int64
}

func (s *source) Snapshot() health.Report {
	s.snapshots.Add(1)
	return *s.report.Load()
}

func showing(rep health.Report) *source {
	s := &source{}
	s.report.Store(&rep)
	return s
}

// registry is pedantic: it compares what is collected with what is described.
func registry(t *testing.T, collectors ...prometheus.Collector) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	for _, c := range collectors {
		require.NoError(t, reg.Register(c))
	}
	return reg
}

// gather has the value of each series by its name and labels.
func gather(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			out[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return out
}

func TestExposition(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 8, 15, 30, 0, 250_000_000, time.UTC) // 1767886200.25
	src := showing(health.Report{
		Status:   health.StatusUnhealthy,
		NotReady: "checks",
		Checks: []health.CheckResult{{
			Name: "database", Outcome: health.OutcomeTimeout, Reason: "stuck", Stuck: true,
			At: at, LastOK: at.Add(-time.Minute), Duration: 1500 * time.Millisecond, Failures: 2,
			Runs: health.Runs{OK: 40, Degraded: 3, Failed: 1, Timeout: 2},
		}, {
			Name: "mail", Outcome: health.OutcomeUnknown, Optional: true,
		}},
	})
	want := `
# HELP health_check_duration_seconds How long the last run of the check took.
# TYPE health_check_duration_seconds gauge
health_check_duration_seconds{check="database"} 1.5
health_check_duration_seconds{check="mail"} 0
# HELP health_check_last_run_timestamp_seconds When the last result of the check was known, 0 for never.
# TYPE health_check_last_run_timestamp_seconds gauge
health_check_last_run_timestamp_seconds{check="database"} 1.76788620025e+09
health_check_last_run_timestamp_seconds{check="mail"} 0
# HELP health_check_last_success_timestamp_seconds When a run of the check last passed, 0 for never.
# TYPE health_check_last_success_timestamp_seconds gauge
health_check_last_success_timestamp_seconds{check="database"} 1.76788614025e+09
health_check_last_success_timestamp_seconds{check="mail"} 0
# HELP health_check_runs_total Runs of the check by result.
# TYPE health_check_runs_total counter
health_check_runs_total{check="database",result="degraded"} 3
health_check_runs_total{check="database",result="failed"} 1
health_check_runs_total{check="database",result="ok"} 40
health_check_runs_total{check="database",result="timeout"} 2
health_check_runs_total{check="mail",result="degraded"} 0
health_check_runs_total{check="mail",result="failed"} 0
health_check_runs_total{check="mail",result="ok"} 0
health_check_runs_total{check="mail",result="timeout"} 0
# HELP health_check_status 1 for the outcome of the check, 0 for the others.
# TYPE health_check_status gauge
health_check_status{check="database",status="degraded"} 0
health_check_status{check="database",status="failed"} 0
health_check_status{check="database",status="ok"} 0
health_check_status{check="database",status="stale"} 0
health_check_status{check="database",status="timeout"} 1
health_check_status{check="database",status="unknown"} 0
health_check_status{check="mail",status="degraded"} 0
health_check_status{check="mail",status="failed"} 0
health_check_status{check="mail",status="ok"} 0
health_check_status{check="mail",status="stale"} 0
health_check_status{check="mail",status="timeout"} 0
health_check_status{check="mail",status="unknown"} 1
# HELP health_check_stuck Whether a run of the check has outlived its timeout and not returned.
# TYPE health_check_stuck gauge
health_check_stuck{check="database"} 1
health_check_stuck{check="mail"} 0
# HELP health_check_up Whether the check passes, with or without a limitation.
# TYPE health_check_up gauge
health_check_up{check="database",critical="true"} 0
health_check_up{check="mail",critical="false"} 0
# HELP health_draining Whether the service drains.
# TYPE health_draining gauge
health_draining 0
# HELP health_ready Whether the service takes traffic.
# TYPE health_ready gauge
health_ready 0
# HELP health_up Whether no critical check fails and the service does not drain.
# TYPE health_up gauge
health_up 0
`
	reg := registry(t, healthprometheus.NewCollector(src))
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(want)))
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestService(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		report              health.Report
		up, ready, draining float64
	}{
		"healthy":       {health.Report{Status: health.StatusHealthy}, 1, 1, 0},
		"degraded":      {health.Report{Status: health.StatusDegraded}, 1, 1, 0},
		"starting":      {health.Report{Status: health.StatusHealthy, NotReady: "starting"}, 1, 0, 0},
		"draining":      {health.Report{Status: health.StatusUnhealthy, NotReady: "draining"}, 0, 0, 1},
		"not for ready": {health.Report{Status: health.StatusUnhealthy}, 0, 1, 0},
		"a later state": {health.Report{Status: "on fire"}, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := gather(t, registry(t, healthprometheus.NewCollector(showing(tt.report))))
			assert.Equal(t, map[string]float64{"health_up": tt.up, "health_ready": tt.ready, "health_draining": tt.draining}, got)
		})
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for outcome, up := range map[health.Outcome]float64{
		health.OutcomeOK:       1,
		health.OutcomeDegraded: 1,
		health.OutcomeFailed:   0,
		health.OutcomeTimeout:  0,
		health.OutcomeStale:    0,
		health.OutcomeUnknown:  0,
		"a later outcome":      0,
	} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			got := gather(t, registry(t, healthprometheus.NewCollector(showing(health.Report{
				Checks: []health.CheckResult{{Name: "db", Outcome: outcome, Up: up == 1}},
			}))))
			assert.InDelta(t, up, got["health_check_up{check=db,critical=true}"], 0)
			assert.Len(t, got, 3+15)
			current := 0
			for name, v := range got {
				assert.False(t, math.IsNaN(v), name)
				if strings.HasPrefix(name, "health_check_status{") && v == 1 {
					current++
				}
			}
			assert.Equal(t, 1, current, "one status is the current one")
			want := outcome
			if outcome == "a later outcome" {
				want = health.OutcomeUnknown
			}
			assert.InDelta(t, 1, got["health_check_status{check=db,status="+string(want)+"}"], 0)
		})
	}
}

func TestChecksComeAndGo(t *testing.T) {
	t.Parallel()
	src := showing(health.Report{})
	reg := registry(t, healthprometheus.NewCollector(src))
	assert.Len(t, gather(t, reg), 3)
	src.report.Store(&health.Report{Checks: []health.CheckResult{{Name: "a"}, {Name: "b"}}})
	assert.Len(t, gather(t, reg), 3+2*15)
	src.report.Store(&health.Report{Checks: []health.CheckResult{{Name: "b"}}})
	got := gather(t, reg)
	assert.Len(t, got, 3+15)
	assert.Contains(t, got, "health_check_stuck{check=b}")
	assert.EqualValues(t, 3, src.snapshots.Load(), "one snapshot a scrape")
}

func TestTwoServicesInOneRegistry(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for _, service := range []string{"orders", "billing"} {
		labelled := prometheus.WrapRegistererWith(prometheus.Labels{"service": service}, reg)
		src := showing(health.Report{NotReady: "draining", Checks: []health.CheckResult{{Name: "db", Outcome: health.OutcomeOK, Up: true}}})
		require.NoError(t, labelled.Register(healthprometheus.NewCollector(src)))
		require.Error(t, labelled.Register(healthprometheus.NewCollector(src)), "twice the same series")
	}
	prefixed := prometheus.WrapRegistererWithPrefix("acme_", reg)
	require.NoError(t, prefixed.Register(healthprometheus.NewCollector(showing(health.Report{}))))

	got := gather(t, reg)
	assert.InDelta(t, 1, got["health_check_up{check=db,critical=true,service=orders}"], 0)
	assert.InDelta(t, 1, got["health_draining{service=billing}"], 0)
	assert.Contains(t, got, "acme_health_up")
	assert.Len(t, got, 2*(3+15)+3)
}

func TestMistakesAreErrors(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, prometheus.NewRegistry().Register(healthprometheus.NewCollector(nil)), "healthprometheus: source is nil")

	reg := registry(t, healthprometheus.NewCollector(showing(health.Report{Checks: []health.CheckResult{{Name: "\xff"}}})))
	_, err := reg.Gather()
	require.Error(t, err, "a name that is no label fails the scrape, not the process")
}

// A real service: the collector shows what probes found and runs nothing.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		var down atomic.Bool
		checks, err := health.New(health.Config{}, health.Check{Name: "db", Checker: health.CheckFunc(func(context.Context) error {
			runs.Add(1)
			if down.Load() {
				return errors.New("dial tcp 10.0.0.7:5432: connection refused")
			}
			return nil
		})})
		require.NoError(t, err)
		reg := registry(t, healthprometheus.NewCollector(checks))

		got := gather(t, reg)
		assert.InDelta(t, 1, got["health_check_status{check=db,status=unknown}"], 0)
		assert.InDelta(t, 0, got["health_up"], 0)
		assert.InDelta(t, 0, got["health_check_last_run_timestamp_seconds{check=db}"], 0)
		assert.Zero(t, runs.Load())

		checks.Evaluate(t.Context())
		got = gather(t, reg)
		assert.InDelta(t, 1, got["health_up"], 0)
		assert.InDelta(t, 1, got["health_ready"], 0)
		assert.InDelta(t, 1, got["health_check_up{check=db,critical=true}"], 0)
		assert.InDelta(t, time.Now().Unix(), got["health_check_last_run_timestamp_seconds{check=db}"], 0)

		down.Store(true)
		time.Sleep(2 * time.Second) // the result is old enough for a probe to renew it
		assert.InDelta(t, 1, gather(t, reg)["health_up"], 0)
		assert.EqualValues(t, 1, runs.Load())
		checks.Evaluate(t.Context())
		assert.InDelta(t, 0, gather(t, reg)["health_check_up{check=db,critical=true}"], 0)

		require.NoError(t, checks.Drain(t.Context(), 0))
		assert.InDelta(t, 1, gather(t, reg)["health_draining"], 0)
		require.True(t, checks.Remove("db"))
		assert.Len(t, gather(t, reg), 3)
		require.NoError(t, checks.Close())
		assert.InDelta(t, 1, gather(t, reg)["health_draining"], 0)
		assert.EqualValues(t, 2, runs.Load())
	})
}

func TestScrapesAreConcurrent(t *testing.T) {
	t.Parallel()
	passing := health.CheckFunc(func(context.Context) error { return nil })
	checks, err := health.New(health.Config{Cache: -1}, health.Check{Name: "db", Checker: passing})
	require.NoError(t, err)
	reg := registry(t, healthprometheus.NewCollector(checks))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				_, err := reg.Gather()
				assert.NoError(t, err)
			}
		})
	}
	for range 50 {
		checks.Evaluate(t.Context())
		require.NoError(t, checks.Add(health.Check{Name: "more", Checker: passing}))
		require.True(t, checks.Remove("more"))
	}
	wg.Wait()
	require.NoError(t, checks.Close())
}
