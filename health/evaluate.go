package health

import (
	"context"
	"time"
)

// reading is what an answer shows of one check.
type reading struct {
	*entry

	res     *result
	run     *run // to wait for, or nil
	outcome Outcome
	stale   bool
}

// scratch is what an answer needs and leaves behind for the next one.
type scratch struct {
	readings []reading
	body     []byte
}

// Evaluate runs the checks whose results are too old and reports the state. It
// takes at most [Config.Budget]. Checks see the values of ctx, but not its
// cancellation, and neither does the wait: concurrent evaluations share a run.
func (h *Health) Evaluate(ctx context.Context) Report {
	s := h.set.Load()
	return h.report(h.read(ctx, s, s.all, nil))
}

// Snapshot reports the last known results and never runs or waits for a check.
// A check that never ran is unknown. The result of a check without
// [Check.Every] is shown whatever its age.
func (h *Health) Snapshot() Report {
	s := h.set.Load()
	now := h.now()
	readings := make([]reading, len(s.all))
	for i, e := range s.all {
		readings[i] = reading{entry: e, res: e.known.Load()}
		h.judge(s, &readings[i], now)
	}
	return h.report(readings)
}

// Alive reports what the liveness probe answers: false when a check with
// [Check.ForLive] fails. It runs those checks only, as [Health.Evaluate] does.
func (h *Health) Alive(ctx context.Context) bool {
	s := h.set.Load()
	if len(s.live) == 0 || s.draining || h.pass(s, s.live) {
		return true
	}
	sc := h.borrow()
	defer h.giveBack(sc)
	sc.readings = h.read(ctx, s, s.live, sc.readings)
	return !h.sum(sc.readings).dead
}

// now is the time since h was made. It costs half of time.Now.
func (h *Health) now() time.Duration { return time.Since(h.start) }

// read appends to into what is known of the entries, after the runs that it
// needs.
func (h *Health) read(ctx context.Context, s *set, entries []*entry, into []reading) []reading {
	now, waiting := h.now(), false
	for _, e := range entries {
		rd := reading{entry: e, res: e.known.Load()}
		if !h.settled(s, e, rd.res, now) {
			if rd.run = h.join(ctx, e); rd.run == nil {
				continue // removed meanwhile
			}
			waiting = true
		}
		into = append(into, rd)
	}
	if waiting {
		into = h.await(ctx, into)
		now = h.now()
	}
	for i := range into {
		h.judge(s, &into[i], now)
	}
	return into
}

// pass reports that all entries pass, as far as is known without a run.
func (h *Health) pass(s *set, entries []*entry) bool {
	now := h.now()
	for _, e := range entries {
		rd := reading{entry: e, res: e.known.Load()}
		if !h.settled(s, e, rd.res, now) {
			return false
		}
		if h.judge(s, &rd, now); !rd.outcome.passing() {
			return false
		}
	}
	return true
}

// settled reports that no run is needed, or none may begin.
func (h *Health) settled(s *set, e *entry, r *result, now time.Duration) bool {
	return r.outcome != "" && now-r.end < h.cfg.Cache || r.stuck || s.started && e.Every > 0 || s.idle()
}

// judge fills in the outcome as others see it.
func (h *Health) judge(s *set, rd *reading, now time.Duration) {
	outcome := rd.res.outcome
	if rd.Every > 0 && s.started && !s.idle() && h.isStale(rd.entry, rd.res, now) {
		outcome, rd.stale = OutcomeStale, true
	}
	rd.outcome = rd.shown(outcome)
}

// join returns the run of e to wait for, which may have ended. It starts one when
// none is in flight, and returns nil when e was removed.
func (h *Health) join(ctx context.Context, e *entry) *run {
	// The caller's cancellation must not reach a run that others share.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r, fresh := e.claim(cancel)
	if !fresh {
		cancel()
		return r
	}
	if !h.spawn(e.Name, cancel, func() { h.execute(ctx, e, r) }) {
		cancel()
		e.drop(r)
	}
	return r
}

// await waits for the runs, at most the budget, and drops what was removed
// meanwhile.
func (h *Health) await(ctx context.Context, readings []reading) []reading {
	var budget <-chan struct{}
	if h.cfg.Budget > 0 {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Budget)
		defer cancel()
		budget = c.Done()
	}
	kept := readings[:0]
	for _, rd := range readings {
		if rd.run != nil {
			rd.res = rd.run.wait(rd.entry, budget)
		}
		if !rd.gone() {
			kept = append(kept, rd)
		}
	}
	return kept
}

// wait returns what is known of e when r has ended, at the latest when budget is
// closed.
func (r *run) wait(e *entry, budget <-chan struct{}) *result {
	select {
	case <-r.done:
		return e.known.Load()
	case <-r.late:
		return e.known.Load()
	case <-budget:
		return r.overdue(e, time.Now())
	}
}

// overdue is the result for an answer that cannot wait for r any longer: the
// last one while it is worth something.
func (r *run) overdue(e *entry, now time.Time) *result {
	e.mu.Lock()
	defer e.mu.Unlock()
	res := e.known.Load()
	if e.run != r || r.expired || res.outcome != "" && now.Sub(res.at) < e.StaleAfter {
		return res
	}
	n := *res
	if r.began.IsZero() {
		n.outcome, n.reason = "", ""
		return &n
	}
	if n.outcome != OutcomeTimeout {
		n.outcome, n.since = OutcomeTimeout, now
	}
	n.reason, n.at, n.duration = reasonTimeout, now, now.Sub(r.began)
	return &n
}
