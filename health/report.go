package health

import (
	"context"
	"time"
)

// Status is the state of the service.
type Status string

// The states of the service.
const (
	Healthy   Status = "healthy"
	Degrading Status = "degraded"
	Unhealthy Status = "unhealthy"
)

// Report is the state at one moment.
type Report struct {
	Status    Status
	Version   string
	Uptime    time.Duration // monotonic
	Timestamp time.Time     // UTC
	Ready     bool
	Reason    string        // why not ready: starting, draining or checks
	Checks    []CheckReport // in the order in which they were added
}

// CheckReport is the state of one check.
type CheckReport struct {
	Name  string
	Value Value
}

// Evaluate runs the checks whose results are too old, waits for them within
// the budget, and reports. The end of ctx ends the waiting, not the checks.
func (h *Health) Evaluate(ctx context.Context) Report {
	checks := h.list()
	budget := time.NewTimer(h.cfg.Budget)
	defer budget.Stop()
	waits := make([]<-chan struct{}, len(checks))
	for i, c := range checks {
		waits[i] = c.fresh(ctx)
	}
	over := false
	waited := make([]bool, len(checks))
	for i, done := range waits {
		if done == nil {
			waited[i] = true
			continue
		}
		if over {
			select {
			case <-done:
				waited[i] = true
			default:
			}
			continue
		}
		select {
		case <-done:
			waited[i] = true
		case <-budget.C:
			over = true
		case <-ctx.Done():
			over = true
		}
	}
	return h.report(checks, waited)
}

// Snapshot reports the last results and runs nothing.
func (h *Health) Snapshot() Report {
	checks := h.list()
	waited := make([]bool, len(checks))
	for i := range waited {
		waited[i] = true
	}
	return h.report(checks, waited)
}

func (h *Health) report(checks []*check, waited []bool) Report {
	h.mu.Lock()
	started, draining := h.started, h.draining
	h.mu.Unlock()
	r := Report{
		Status: Healthy, Version: h.cfg.Version, Uptime: time.Since(h.start), Timestamp: time.Now().UTC(),
		Ready: true, Checks: make([]CheckReport, len(checks)),
	}
	notReady := func(reason string) { r.Ready, r.Reason = false, reason }
	for i, c := range checks {
		value := c.read(waited[i])
		r.Checks[i] = CheckReport{c.Name, value}
		switch value {
		case OK:
		case Weak:
			if r.Status == Healthy {
				r.Status = Degrading
			}
		default:
			r.Status = Unhealthy
			if !c.NotForReady {
				notReady("checks")
			}
		}
	}
	if !started {
		notReady("starting")
	}
	if draining {
		r.Status = Unhealthy
		notReady("draining")
	}
	return r
}
