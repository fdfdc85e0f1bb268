package health

import (
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
	OutcomeTimeout  Outcome = "timeout" // no result in time; reason stuck: the run goes on
	OutcomeStale    Outcome = "stale"   // a background check passed, but too long ago
	OutcomeUnknown  Outcome = "unknown" // no result yet
)

func (o Outcome) passing() bool { return o == OutcomeOK || o == OutcomeDegraded }

// Report is the state of the service at one moment.
type Report struct {
	Status Status
	// NotReady says why the service takes no traffic: "draining", "starting",
	// "checks", or "" when it is ready.
	NotReady string
	// Starting tells that [Health.MarkStarted] is still awaited.
	Starting bool
	// Dead tells that a check with [Check.ForLive] fails.
	Dead    bool
	Version string
	// Uptime is the time since [New]. It is monotonic: setting the clock does
	// not change it. On Linux it excludes the time that the machine slept.
	Uptime time.Duration
	Time   time.Time
	Checks []CheckResult // in the order of registration
}

// CheckResult is what is known of one check.
type CheckResult struct {
	Name       string
	Outcome    Outcome
	Up         bool   // it passes; an optional check that fails is degraded, and not up
	Reason     string // code of [Reason]; "" when ok, unknown or stale
	Optional   bool
	Background bool          // it runs by itself, not when a probe needs it
	Groups     []string      // shared: not to be changed
	At         time.Time     // when the result was known; zero when unknown
	Duration   time.Duration // how long the run took
	Since      time.Time     // since when the outcome is what it is; zero when unknown
	LastOK     time.Time     // when a run last passed; zero when none did
	Failures   int           // runs that failed in a row, up to the last one
	Stuck      bool          // the last run has outlived its timeout and not returned
	Runs       Runs
}

// Runs counts the runs of a check by what they found, from registration on. A
// run that was cancelled by [Health.Remove] or [Health.Close] is none.
type Runs struct {
	OK, Degraded, Failed, Timeout uint64
}

// Change is a change of what a check is reported to be. The first result is a
// change from [OutcomeUnknown].
type Change struct {
	Name     string
	From, To Outcome
	Reason   string    // code of [Reason] for To; "" when ok, unknown or stale
	Since    time.Time // since when the outcome is To
}

// report makes the report of readings.
func (h *Health) report(readings []reading) Report {
	sum, now := h.sum(readings), time.Now()
	rep := Report{
		Status: sum.status, NotReady: sum.notReady, Starting: sum.starting, Dead: sum.dead,
		Version: h.cfg.Version, Uptime: now.Sub(h.start), Time: now,
		Checks: make([]CheckResult, len(readings)),
	}
	for i, rd := range readings {
		rep.Checks[i] = rd.view()
	}
	return rep
}

func (rd reading) view() CheckResult {
	r := rd.res
	c := CheckResult{
		Name: rd.Name, Outcome: rd.outcome, Up: r.outcome.passing(), Reason: r.reason,
		Optional: rd.Optional, Background: rd.Every > 0, Groups: rd.Groups,
		At: r.at, Duration: r.duration, Since: r.since, LastOK: r.lastOK,
		Failures: r.failures, Stuck: r.stuck, Runs: r.runs,
	}
	if rd.stale {
		c.Up, c.Reason, c.Since = false, "", r.at.Add(rd.StaleAfter)
	}
	return c
}

// summary is what readings mean for the service.
type summary struct {
	status   Status
	notReady string
	starting bool
	dead     bool
}

// sum looks at the state afresh: a drain that began while checks ran must show.
func (h *Health) sum(readings []reading) summary {
	s := h.set.Load()
	sum := summary{status: StatusHealthy, notReady: s.notReady(), starting: s.starting}
	for i := range readings {
		rd := &readings[i]
		switch {
		case rd.outcome == OutcomeOK:
			continue
		case rd.Optional || rd.outcome.passing():
			if sum.status == StatusHealthy {
				sum.status = StatusDegraded
			}
			continue
		}
		sum.status = StatusUnhealthy
		sum.dead = sum.dead || rd.ForLive && rd.outcome != OutcomeUnknown
		if sum.notReady == "" && rd.forReady() {
			sum.notReady = "checks"
		}
	}
	if s.draining {
		sum.status, sum.dead = StatusUnhealthy, false
	}
	return sum
}
