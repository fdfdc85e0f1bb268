package ratelimit

import "time"

// Interval is the time per token, in whole nanoseconds and rounded up; 0 when
// the tier has no bucket or is invalid.
func (t Tier) Interval() time.Duration {
	p, _ := t.pace()
	return time.Duration(p.interval)
}

// NoBucket returns the decision of a tier that has no bucket, and whether t is
// such a tier: an unlimited one admits, a blocked one refuses for good.
func (t Tier) NoBucket(cost int) (d Decision, ok bool) {
	ok = d.noBucket(&t, cost)
	return d, ok
}

func (d *Decision) noBucket(t *Tier, cost int) bool {
	switch {
	case t.IsUnlimited():
		d.Allowed = true
	case t.IsBlocked():
		d.RetryAfter = Never
	default:
		return false
	}
	d.Policy, d.Cost, d.Source = t.policy(), max(cost, 0), SourceBypass
	return true
}

// Decide returns the decision about cost tokens of a bucket that, before, takes
// debt to be full again: the generic cell rate algorithm for implementations of
// [Store]. After it the debt is [Decision.ResetAfter]. The Source is left to the
// caller. The tier must be valid and have a bucket, else the result is the zero
// Decision, which refuses.
func (t Tier) Decide(debt time.Duration, cost int) (d Decision) {
	p, err := t.pace()
	if err != nil || p.interval == 0 {
		return d
	}
	cost = max(cost, 0)
	d.fill(&t, p, p.admit(min(max(int64(debt), 0), p.tau), int64(cost)), cost)
	d.Policy = t.policy()
	return d
}
