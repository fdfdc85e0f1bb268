package health

import (
	"context"
	"time"
)

// Evaluate runs the checks whose results are too old and reports the state. It
// takes at most [Config.Budget]. Checks see the values of ctx, but not its
// cancellation, and neither does the wait: concurrent evaluations share a run.
func (h *Health) Evaluate(ctx context.Context) Report {
	entries, st := h.current()
	return h.compile(h.results(ctx, entries, st))
}

// Snapshot reports the last known results, whatever their age, and never runs
// or waits for a check. A check that never ran is unknown.
func (h *Health) Snapshot() Report {
	entries, st := h.current()
	st.closed = true // as after Close: nothing runs
	return h.compile(h.results(context.Background(), entries, st))
}

// notReady returns why the service takes no traffic, or "".
func (h *Health) notReady(ctx context.Context) string {
	entries, st := h.current()
	if reason := st.notReady(); reason != "" {
		return reason
	}
	critical := make([]*entry, 0, len(entries))
	for _, e := range entries {
		if e.forReady() {
			critical = append(critical, e)
		}
	}
	return h.compile(h.results(ctx, critical, st)).NotReady
}

// results evaluates entries, all at the same time.
func (h *Health) results(ctx context.Context, entries []*entry, st state) (results []CheckResult, readyFailed bool) {
	now := time.Now()
	tickets := make([]ticket, len(entries))
	waiting := false
	for i, e := range entries {
		if st.closed || st.draining { // a dependency that stops first must not delay the answer, nor fill the log
			res, _ := e.peek(now, 0)
			tickets[i] = ticket{entry: e, res: res}
		} else {
			tickets[i] = h.join(ctx, e, now)
		}
		waiting = waiting || tickets[i].run != nil
	}
	var budget <-chan struct{}
	if waiting && h.cfg.Budget > 0 {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Budget)
		defer cancel()
		budget = c.Done()
	}
	results = make([]CheckResult, 0, len(entries))
	for _, t := range tickets {
		res := h.await(t, budget)
		if waiting && t.gone() {
			continue // removed meanwhile: its result was dropped
		}
		view := res.view(t.Check)
		readyFailed = readyFailed || t.forReady() && !view.Outcome.passing()
		results = append(results, view)
	}
	return results, readyFailed
}

// await returns the result of t, at the latest when budget is closed.
func (h *Health) await(t ticket, budget <-chan struct{}) result {
	if t.run == nil {
		return t.res
	}
	select {
	case <-t.run.done:
		return t.resultOf(t.run)
	case <-t.run.late:
		return t.resultOf(t.run)
	case <-budget:
	}
	select {
	case <-t.run.done:
		return t.resultOf(t.run)
	default:
		return t.overdue(t.run, time.Now(), h.cfg.Cache)
	}
}

// view is the result as others see it.
func (r result) view(c Check) CheckResult {
	out := r.outcome
	switch {
	case out == "":
		out = OutcomeUnknown
	case c.Optional && !out.passing():
		out = OutcomeDegraded
	}
	return CheckResult{
		Name: c.Name, Outcome: out, Reason: r.reason, Optional: c.Optional,
		At: r.at, Duration: r.duration,
	}
}
