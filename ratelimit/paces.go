package ratelimit

import (
	"math"
	"strconv"
	"sync/atomic"
)

// paceCache keeps the paces of the tiers seen first. Working one out takes as
// long as all the rest of a decision.
type paceCache [32]atomic.Pointer[paced]

type paced struct {
	tier  Tier
	pace  pace
	limit string // what X-RateLimit-Limit reports
}

// of returns what t.pace does.
func (c *paceCache) of(t *Tier) (pace, error) {
	if known := c.known(t); known != nil {
		return known.pace, nil
	}
	p, err := t.pace()
	if err == nil {
		c[c.place(t)].CompareAndSwap(nil, &paced{tier: *t, pace: p, limit: strconv.Itoa(t.limit())})
	}
	return p, err
}

// known returns what is kept of t, or nil.
func (c *paceCache) known(t *Tier) *paced {
	if k := c[c.place(t)].Load(); k != nil && k.is(t) {
		return k
	}
	return nil
}

// is compares the cheap fields first, and without the call that == is.
func (k *paced) is(t *Tier) bool {
	return k.tier.Rate == t.Rate && k.tier.Burst == t.Burst && k.tier.Limit == t.Limit && k.tier.Name == t.Name
}

func (*paceCache) place(t *Tier) uint64 {
	const golden = 0x9e3779b97f4a7c15
	return (math.Float64bits(float64(t.Rate)) + uint64(t.Burst)) * golden >> 59 //nolint:gosec // any bits do
}
