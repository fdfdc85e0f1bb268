package health_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := open(t, health.Config{},
			health.Check{Name: "db", Checker: health.CheckFunc(func(ctx context.Context) error {
				time.Sleep(12500 * time.Microsecond)
				return c.Check(ctx)
			})},
			health.Check{Name: "mail", Checker: health.CheckFunc(ok), Optional: true})
		metrics := func() string {
			rec := get(h.Handler(), "/health/metrics")
			assert.Equal(t, 200, rec.Code)
			assert.Equal(t, "text/plain; version=0.0.4; charset=utf-8", rec.Header().Get("Content-Type"))
			assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			return rec.Body.String()
		}
		assert.Equal(t, `# HELP health_up 1 unless the service is unhealthy.
# TYPE health_up gauge
health_up 0
# HELP health_ready 1 when the service takes traffic.
# TYPE health_ready gauge
health_ready 0
# HELP health_draining 1 when the service is shutting down.
# TYPE health_draining gauge
health_draining 0
# HELP health_check_up 1 when the check passes.
# TYPE health_check_up gauge
health_check_up{check="db",critical="true"} 0
health_check_up{check="mail",critical="false"} 0
# HELP health_check_status 1 for the value of the check, 0 for the others.
# TYPE health_check_status gauge
health_check_status{check="db",status="ok"} 0
health_check_status{check="db",status="degraded"} 0
health_check_status{check="db",status="failed"} 0
health_check_status{check="db",status="timeout"} 0
health_check_status{check="db",status="stale"} 0
health_check_status{check="db",status="unknown"} 1
health_check_status{check="mail",status="ok"} 0
health_check_status{check="mail",status="degraded"} 0
health_check_status{check="mail",status="failed"} 0
health_check_status{check="mail",status="timeout"} 0
health_check_status{check="mail",status="stale"} 0
health_check_status{check="mail",status="unknown"} 1
# HELP health_check_duration_seconds Duration of the last run.
# TYPE health_check_duration_seconds gauge
health_check_duration_seconds{check="db"} 0
health_check_duration_seconds{check="mail"} 0
# HELP health_check_last_run_timestamp_seconds Unix time of the end of the last run, 0 before the first.
# TYPE health_check_last_run_timestamp_seconds gauge
health_check_last_run_timestamp_seconds{check="db"} 0
health_check_last_run_timestamp_seconds{check="mail"} 0
# HELP health_check_last_success_timestamp_seconds Unix time of the last run that passed, 0 when none did.
# TYPE health_check_last_success_timestamp_seconds gauge
health_check_last_success_timestamp_seconds{check="db"} 0
health_check_last_success_timestamp_seconds{check="mail"} 0
# HELP health_check_stuck 1 while a run has outlived its timeout and not returned.
# TYPE health_check_stuck gauge
health_check_stuck{check="db"} 0
health_check_stuck{check="mail"} 0
# HELP health_check_runs_total Runs by result.
# TYPE health_check_runs_total counter
health_check_runs_total{check="db",result="ok"} 0
health_check_runs_total{check="db",result="degraded"} 0
health_check_runs_total{check="db",result="failed"} 0
health_check_runs_total{check="db",result="timeout"} 0
health_check_runs_total{check="mail",result="ok"} 0
health_check_runs_total{check="mail",result="degraded"} 0
health_check_runs_total{check="mail",result="failed"} 0
health_check_runs_total{check="mail",result="timeout"} 0
`, metrics(), "every series is there from registration on")
		assert.Zero(t, c.count(), "a scrape runs nothing")

		h.Evaluate(t.Context())
		c.set(health.Degraded(errDown))
		time.Sleep(time.Second)
		h.Evaluate(t.Context())
		got := metrics()
		for _, line := range []string{
			"health_up 1", "health_ready 1", "health_draining 0",
			`health_check_up{check="db",critical="true"} 1`,
			`health_check_status{check="db",status="degraded"} 1`,
			`health_check_status{check="db",status="unknown"} 0`,
			`health_check_duration_seconds{check="db"} 0.0125`,
			`health_check_last_run_timestamp_seconds{check="db"} 946684801.025`,
			`health_check_last_success_timestamp_seconds{check="mail"} 946684801.012`,
			`health_check_runs_total{check="db",result="ok"} 1`,
			`health_check_runs_total{check="db",result="degraded"} 1`,
			`health_check_runs_total{check="mail",result="ok"} 2`,
		} {
			assert.Contains(t, got, line+"\n")
		}
		require.NoError(t, h.Drain(t.Context(), 0))
		got = metrics()
		assert.Contains(t, got, "health_up 0\n")
		assert.Contains(t, got, "health_ready 0\n")
		assert.Contains(t, got, "health_draining 1\n")
	})
}

func TestMetricsOfAWedgedCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: g, Timeout: time.Second})
		h.Evaluate(t.Context())
		time.Sleep(time.Minute)
		body := get(h.Metrics(), "/metrics").Body.String()
		assert.Contains(t, body, `health_check_stuck{check="db"} 1`+"\n")
		assert.Contains(t, body, `health_check_runs_total{check="db",result="timeout"} 1`+"\n")
		assert.Contains(t, body, `health_check_status{check="db",status="timeout"} 1`+"\n")
		g.release <- nil
		synctest.Wait()
		assert.Contains(t, get(h.Metrics(), "/metrics").Body.String(), `health_check_stuck{check="db"} 0`+"\n")
	})
}

func TestMetricsMethods(t *testing.T) {
	t.Parallel()
	h := open(t, health.Config{})
	rec := httptest.NewRecorder()
	h.Metrics().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/metrics", nil))
	assert.Equal(t, 405, rec.Code)
	assert.Equal(t, "GET, HEAD", rec.Header().Get("Allow"))
}
