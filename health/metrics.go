package health

import (
	"strconv"
	"time"
)

// appendMetrics writes rep in the text exposition format 0.0.4 of Prometheus.
// Label values are from closed alphabets and need no escaping.
func appendMetrics(b []byte, rep Report) []byte {
	m := exposition{b}
	m.family("health_up", "gauge", "1 unless the service is unhealthy.")
	m.sample("health_up", "", flag(rep.Status != StatusUnhealthy))
	m.family("health_ready", "gauge", "1 when the service takes traffic.")
	m.sample("health_ready", "", flag(rep.NotReady == ""))
	m.family("health_draining", "gauge", "1 when the service is shutting down.")
	m.sample("health_draining", "", flag(rep.NotReady == "draining"))

	m.family("health_check_up", "gauge", "1 when the check passes.")
	for _, c := range rep.Checks {
		m.sample("health_check_up", label("check", c.Name)+","+label("critical", strconv.FormatBool(!c.Optional)), flag(c.Up))
	}
	m.family("health_check_status", "gauge", "1 for the value of the check, 0 for the others.")
	for _, c := range rep.Checks {
		for _, o := range [...]Outcome{OutcomeOK, OutcomeDegraded, OutcomeFailed, OutcomeTimeout, OutcomeStale, OutcomeUnknown} {
			m.sample("health_check_status", label("check", c.Name)+","+label("status", string(o)), flag(c.Outcome == o))
		}
	}
	m.each(rep, "health_check_duration_seconds", "Duration of the last run.", func(c CheckResult) float64 { return c.Duration.Seconds() })
	m.each(rep, "health_check_last_run_timestamp_seconds", "Unix time of the end of the last run, 0 before the first.", func(c CheckResult) float64 { return unix(c.At) })
	m.each(rep, "health_check_last_success_timestamp_seconds", "Unix time of the last run that passed, 0 when none did.", func(c CheckResult) float64 { return unix(c.LastOK) })
	m.each(rep, "health_check_stuck", "1 while a run has outlived its timeout and not returned.", func(c CheckResult) float64 { return flag(c.Stuck) })
	m.family("health_check_runs_total", "counter", "Runs by result.")
	for _, c := range rep.Checks {
		for _, count := range [...]struct {
			result Outcome
			n      uint64
		}{{OutcomeOK, c.Runs.OK}, {OutcomeDegraded, c.Runs.Degraded}, {OutcomeFailed, c.Runs.Failed}, {OutcomeTimeout, c.Runs.Timeout}} {
			m.sample("health_check_runs_total", label("check", c.Name)+","+label("result", string(count.result)), float64(count.n))
		}
	}
	return m.text
}

type exposition struct{ text []byte }

func (m *exposition) family(name, kind, help string) {
	m.text = append(m.text, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// each writes a gauge with one sample a check.
func (m *exposition) each(rep Report, name, help string, value func(CheckResult) float64) {
	m.family(name, "gauge", help)
	for _, c := range rep.Checks {
		m.sample(name, label("check", c.Name), value(c))
	}
}

func (m *exposition) sample(name, labels string, value float64) {
	m.text = append(m.text, name...)
	if labels != "" {
		m.text = append(m.text, "{"+labels+"}"...)
	}
	m.text = append(m.text, ' ')
	m.text = strconv.AppendFloat(m.text, value, 'f', -1, 64)
	m.text = append(m.text, '\n')
}

func label(name, value string) string { return name + `="` + value + `"` }

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
