package ratelimit

import (
	"math"
	"math/bits"
	"time"
)

// pace is a tier in the units of the engine, nanoseconds.
type pace struct {
	interval int64 // per token; 0 of a tier without a bucket
	tau      int64 // to refill an empty bucket: interval x burst
	burst    int64
	inverse  uint64 // 2^64 / interval
}

// pace returns the figures of a valid tier; those of one without a bucket are
// zero.
// The interval is rounded up, so that no rate is ever exceeded; a quotient that
// is whole but for the noise of float64 is taken as whole.
func (t Tier) pace() (pace, error) {
	if err := validateName(t.Name); err != nil {
		return pace{}, err
	}
	switch {
	case t.IsUnlimited(), t.IsBlocked():
		return pace{}, nil
	case !(t.Rate > 0 && t.Rate <= 1e9): // NaN fails as well
		return pace{}, errTierRate
	case t.Burst < 1:
		return pace{}, errTierBurst
	case t.Limit < 0:
		return pace{}, errTierLimit
	}
	exact := float64(time.Second) / float64(t.Rate)
	interval := math.Round(exact)
	if math.Abs(exact-interval) > exact*1e-15 {
		interval = math.Ceil(exact)
	}
	// The product of float64 is within one part in 2^52 of the true one: far
	// closer than maxTau is to the end of int64.
	if interval*float64(t.Burst) > maxTau {
		return pace{}, errTierTau
	}
	return newPace(int64(interval), int64(t.Burst)), nil
}

func newPace(interval, burst int64) pace {
	return pace{interval: interval, tau: interval * burst, burst: burst, inverse: math.MaxUint64 / uint64(interval)} //nolint:gosec // positive
}

// verdict is the outcome of one step of the generic cell rate algorithm.
type verdict struct {
	allowed bool
	debt    int64 // ns until the bucket is full again, after the decision
	wait    int64 // ns until the cost would be admitted; 0 when it is, Never when it cannot be
}

// admit decides about cost tokens against a bucket with the given debt, which
// is at most tau.
func (p pace) admit(debt, cost int64) verdict {
	if cost > p.burst {
		return verdict{debt: debt, wait: int64(Never)}
	}
	after := debt + cost*p.interval
	if after > p.tau {
		return verdict{debt: debt, wait: after - p.tau}
	}
	return verdict{allowed: true, debt: after}
}

// tokens is how many whole tokens a bucket with this debt holds. A division
// would take a quarter of the time of a decision; the product is off by one at
// most.
func (p pace) tokens(debt int64) int {
	left := uint64(p.tau - debt) //nolint:gosec // not negative
	n, _ := bits.Mul64(left, p.inverse)
	if left-n*uint64(p.interval) >= uint64(p.interval) { //nolint:gosec // positive
		n++
	}
	return int(n) //nolint:gosec // at most burst
}

// rescale carries a debt over from a bucket that refills in from to one that
// refills in to: the used fraction stays. It rounds up, so that changing to
// and fro never mints a token.
func rescale(debt, from, to int64) int64 {
	scaled, rest := scale(debt, from, to)
	if rest {
		scaled++
	}
	return scaled
}

// scale returns debt x to / from rounded down, and whether there is a rest.
func scale(debt, from, to int64) (scaled int64, rest bool) {
	if debt <= 0 {
		return 0, false
	}
	debt = min(debt, from)                         // so that the quotient is at most to
	hi, lo := bits.Mul64(uint64(debt), uint64(to)) //nolint:gosec // positive
	quo, rem := bits.Div64(hi, lo, uint64(max(from, 1)))
	return int64(quo), rem > 0 //nolint:gosec // at most to
}

// fill reports v in the terms of tier t, but for Policy and Source. It is small
// enough to be inlined.
func (d *Decision) fill(t *Tier, p pace, v verdict, cost int) {
	tokens, limit := p.tokens(v.debt), t.limit()
	d.Allowed = v.allowed
	d.Limit, d.Remaining = limit, min(tokens, limit)
	d.Burst, d.Tokens, d.Cost = t.Burst, tokens, cost
	d.RetryAfter, d.ResetAfter = time.Duration(v.wait), time.Duration(v.debt)
}
