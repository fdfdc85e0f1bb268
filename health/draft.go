package health

import "time"

// The body of application/health+json, draft-inadarei-api-health-check-06.
type (
	draftReport struct {
		Status  string                  `json:"status"`
		Version string                  `json:"version"`
		Checks  map[string][]draftCheck `json:"checks"`
	}
	draftCheck struct {
		Component string     `json:"componentId,omitempty"`
		Type      string     `json:"componentType,omitempty"`
		Value     *float64   `json:"observedValue,omitempty"`
		Unit      string     `json:"observedUnit,omitempty"`
		Status    string     `json:"status"`
		Time      *time.Time `json:"time,omitempty"`
		Output    string     `json:"output,omitempty"`
	}
)

// draft is the report in the words of the draft: section 4 for the names of
// members. detailed adds what only authorised readers see.
func (h *Health) draft(status Status, readings []reading, now time.Time, detailed bool) draftReport {
	checks := make(map[string][]draftCheck, len(readings)+1)
	uptime := now.Sub(h.start).Truncate(time.Second).Seconds()
	checks["uptime"] = []draftCheck{{Type: "system", Value: &uptime, Unit: "s", Status: "pass", Time: instant(now)}}
	for _, rd := range readings {
		view := rd.view()
		c := draftCheck{Component: view.Name, Status: draftOutcome(view)}
		if detailed {
			if !view.At.IsZero() {
				took := milliseconds(view.Duration)
				c.Value, c.Unit, c.Time = &took, "ms", instant(view.At)
			}
			if c.Status != "pass" {
				c.Output = view.Reason
			}
		}
		checks[view.Name+":responseTime"] = []draftCheck{c}
	}
	return draftReport{Status: draftStatus(status), Version: h.cfg.Version, Checks: checks}
}

func draftStatus(s Status) string {
	switch s {
	case StatusHealthy:
		return "pass"
	case StatusDegraded:
		return "warn"
	default:
		return "fail"
	}
}

func draftOutcome(c CheckResult) string {
	switch {
	case c.Outcome == OutcomeOK:
		return "pass"
	case c.Optional || c.Outcome.passing():
		return "warn"
	default:
		return "fail"
	}
}
