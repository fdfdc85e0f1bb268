// Package healthprometheus shows the state of a [health.Health] as metrics in a
// registry of client_golang. Its name is not that of its folder, since every
// program that imports it imports client_golang's package prometheus too.
//
// # Model
//
// A scrape takes one [health.Health.Snapshot] and never runs a check or waits for
// one: a scraper that is slow, frequent or hostile costs nothing of what is
// checked, and all series of a scrape show the same moment. The results are
// those of the probes and of the checks with [health.Check.Every]; where there is
// neither, every check stays unknown.
//
// # Metrics
//
// All are gauges, runs_total excepted, and 1 is good except for draining and
// stuck. The names and meanings are those of the core's own /health/metrics.
//
//	health_up                                    0 when the service is unhealthy
//	health_ready                                 1 when it takes traffic
//	health_draining                              1 once it drains or is closed
//	health_check_up{check,critical}              1 when it passes, with or without a limitation
//	health_check_status{check,status}            1 for the current outcome, 0 for the five others
//	health_check_duration_seconds{check}         of the last run
//	health_check_last_run_timestamp_seconds{check}
//	health_check_last_success_timestamp_seconds{check}
//	health_check_runs_total{check,result}        by ok, degraded, failed and timeout
//	health_check_stuck{check}                    1 while a run outlives its timeout
//
// The statuses are ok, degraded, failed, timeout, stale and unknown. An optional
// check that fails has the status degraded, as in every answer, and
// health_check_up 0. What takes the service down is
//
//	health_check_up{critical="true"} == 0
//
// # Guarantees and limits
//
// All series of a check are there from its registration to its removal, at 0
// where nothing is known yet, and no value is NaN. A check has 15 series. Labels
// are names of checks and values of closed sets: no text of an error gets here.
// Counters start again at 0 when a check is removed and added again.
//
// Timestamps are those of the machine's clock, in seconds since 1970; 0 is never.
//
// For a prefix or further labels, and for two services in one registry, register
// through prometheus.WrapRegistererWithPrefix or prometheus.WrapRegistererWith.
package healthprometheus

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/prometheus/client_golang/prometheus"
)

// Source is what a [Collector] shows. [health.Health] is one. Snapshot is called
// concurrently when scrapes are, and must return at once.
type Source interface {
	Snapshot() health.Report
}

// Collector is a [prometheus.Collector]. Its methods may be called concurrently.
// Make one with [NewCollector].
type Collector struct {
	source Source

	up, ready, draining              *prometheus.Desc
	checkUp, status, duration, stuck *prometheus.Desc
	lastRun, lastSuccess, runs       *prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a Collector of source, to be registered. One of a nil
// source is refused by the registry.
func NewCollector(source Source) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		if source == nil {
			return prometheus.NewInvalidDesc(errors.New("healthprometheus: source is nil"))
		}
		return prometheus.NewDesc("health_"+name, help, labels, nil)
	}
	return &Collector{
		source: source,

		up:       desc("up", "Whether no critical check fails and the service does not drain."),
		ready:    desc("ready", "Whether the service takes traffic."),
		draining: desc("draining", "Whether the service drains."),

		checkUp:     desc("check_up", "Whether the check passes, with or without a limitation.", "check", "critical"),
		status:      desc("check_status", "1 for the outcome of the check, 0 for the others.", "check", "status"),
		duration:    desc("check_duration_seconds", "How long the last run of the check took.", "check"),
		lastRun:     desc("check_last_run_timestamp_seconds", "When the last result of the check was known, 0 for never.", "check"),
		lastSuccess: desc("check_last_success_timestamp_seconds", "When a run of the check last passed, 0 for never.", "check"),
		runs:        desc("check_runs_total", "Runs of the check by result.", "check", "result"),
		stuck:       desc("check_stuck", "Whether a run of the check has outlived its timeout and not returned.", "check"),
	}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.up, c.ready, c.draining,
		c.checkUp, c.status, c.duration, c.lastRun, c.lastSuccess, c.runs, c.stuck,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	rep := c.source.Snapshot()
	out := sink(ch)
	out.gauge(c.up, bit(rep.Status == health.StatusHealthy || rep.Status == health.StatusDegraded))
	out.gauge(c.ready, bit(rep.NotReady == ""))
	out.gauge(c.draining, bit(rep.NotReady == "draining"))
	for _, check := range rep.Checks {
		c.collect(out, check)
	}
}

func (c *Collector) collect(out sink, check health.CheckResult) {
	outcome := known(check.Outcome)
	out.gauge(c.checkUp, bit(check.Up), check.Name, strconv.FormatBool(!check.Optional))
	for _, o := range outcomes() {
		out.gauge(c.status, bit(o == outcome), check.Name, string(o))
	}
	out.gauge(c.duration, check.Duration.Seconds(), check.Name)
	out.gauge(c.lastRun, seconds(check.At), check.Name)
	out.gauge(c.lastSuccess, seconds(check.LastOK), check.Name)
	out.counter(c.runs, check.Runs.OK, check.Name, "ok")
	out.counter(c.runs, check.Runs.Degraded, check.Name, "degraded")
	out.counter(c.runs, check.Runs.Failed, check.Name, "failed")
	out.counter(c.runs, check.Runs.Timeout, check.Name, "timeout")
	out.gauge(c.stuck, bit(check.Stuck), check.Name)
}

func outcomes() []health.Outcome {
	return []health.Outcome{
		health.OutcomeOK, health.OutcomeDegraded, health.OutcomeFailed,
		health.OutcomeTimeout, health.OutcomeStale, health.OutcomeUnknown,
	}
}

// known maps an outcome of a later core to unknown, so that one status of a
// check is always 1.
func known(o health.Outcome) health.Outcome {
	if slices.Contains(outcomes(), o) {
		return o
	}
	return health.OutcomeUnknown
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

// sink turns what cannot be a metric into an error of the scrape, where the
// constructors named Must would end the process.
type sink chan<- prometheus.Metric

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.send(d, prometheus.GaugeValue, v, labels)
}

func (s sink) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s.send(d, prometheus.CounterValue, float64(v), labels)
}

func (s sink) send(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels []string) {
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	s <- m
}
