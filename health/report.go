package health

import (
	"encoding/json"
	"time"
)

// Status is the state of the service as a whole.
type Status string

// The values of [Status].
const (
	StatusHealthy   Status = "healthy"   // every check is ok
	StatusDegraded  Status = "degraded"  // an optional check fails, or a check reports a limitation
	StatusUnhealthy Status = "unhealthy" // a critical check has no passing result, or the service drains
)

// Outcome is the result of a check. The set is closed; more values may be
// added, so treat an unknown one as not ok.
type Outcome string

// The values of [Outcome].
const (
	OutcomeOK       Outcome = "ok"
	OutcomeDegraded Outcome = "degraded" // works with a limitation, or an optional check fails
	OutcomeFailed   Outcome = "failed"
	OutcomeTimeout  Outcome = "timeout" // no result in time
	OutcomeUnknown  Outcome = "unknown" // no result yet
)

func (o Outcome) passing() bool { return o == OutcomeOK || o == OutcomeDegraded }

// Report is the state of the service at one moment.
type Report struct {
	Status Status
	// NotReady says why the service takes no traffic: "draining", "starting",
	// "checks", or "" when it is ready.
	NotReady string
	Version  string
	// Uptime is the time since [New]. It is monotonic: setting the clock does
	// not change it. On Linux it excludes the time that the machine slept.
	Uptime time.Duration
	Time   time.Time
	Checks []CheckResult // in the order of registration
}

// CheckResult is the last known result of one check.
type CheckResult struct {
	Name     string
	Outcome  Outcome
	Reason   string // code of [Reason]; "" when ok or unknown
	Optional bool
	At       time.Time     // when the result was known; zero when unknown
	Duration time.Duration // how long the run took
}

// compile makes the report of results. It looks at the state afresh: a drain
// that began while checks ran must show.
func (h *Health) compile(results []CheckResult, readyFailed bool) Report {
	_, st := h.current()
	now := time.Now()
	rep := Report{
		Status:  StatusHealthy,
		Version: h.cfg.Version,
		Uptime:  now.Sub(h.start),
		Time:    now,
		Checks:  results,
	}
	for _, res := range results {
		switch {
		case res.Outcome == OutcomeOK:
		case res.Optional || res.Outcome.passing():
			if rep.Status == StatusHealthy {
				rep.Status = StatusDegraded
			}
		default:
			rep.Status = StatusUnhealthy
		}
	}
	if st.draining {
		rep.Status = StatusUnhealthy
	}
	rep.NotReady = st.notReady()
	if rep.NotReady == "" && readyFailed {
		rep.NotReady = "checks"
	}
	return rep
}

// appendJSON writes the body of /health. The names and values of checks are
// from closed alphabets and need no escaping; the version is free text.
func (rep Report) appendJSON(b []byte) []byte {
	version, err := json.Marshal(rep.Version)
	if err != nil {
		version = []byte(`""`) // a string always marshals
	}
	b = append(b, `{"status":"`...)
	b = append(b, rep.Status...)
	b = append(b, `","version":`...)
	b = append(b, version...)
	b = append(b, `,"uptime":"`...)
	b = append(b, rep.Uptime.Truncate(time.Second).String()...)
	b = append(b, `","timestamp":"`...)
	b = rep.Time.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","checks":{`...)
	for i, c := range rep.Checks {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, c.Name...)
		b = append(b, `":"`...)
		b = append(b, c.Outcome...)
		b = append(b, '"')
	}
	return append(b, "}}\n"...)
}
