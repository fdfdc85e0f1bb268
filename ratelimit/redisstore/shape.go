package redisstore

import (
	"fmt"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"golang.org/x/time/rate"
)

const (
	fine   = 1000 // units per microsecond
	coarse = 1
	// A float64 has 53 bits. Three taus must fit, and a time and a tau.
	maxFine   = 1 << 51 // the longest tau in nanoseconds: 26 days
	maxCoarse = 3e15    // the longest tau in microseconds: 95 years
)

// shape is a valid tier with a bucket, in the units that the scripts count in.
type shape struct {
	tier          ratelimit.Tier // whose nanoseconds are units
	interval, tau int64
	grain         int64
}

var errTooFine = fmt.Errorf("redisstore: a tier that takes over 26 days to refill counts at least a microsecond a token, which makes this one over 95 years: %w", ratelimit.ErrInvalidTier)

// shapeOf returns the shape of a tier for which NoBucket is false.
func shapeOf(t ratelimit.Tier) (shape, error) {
	if err := t.Validate(); err != nil {
		return shape{}, err
	}
	interval, burst := int64(t.Interval()), int64(t.Burst)
	if tau := interval * burst; tau <= maxFine {
		return shape{tier: t, interval: interval, tau: tau, grain: fine}, nil
	}
	interval = (interval + 999) / 1000
	tau := interval * burst
	if tau > maxCoarse {
		return shape{}, errTooFine
	}
	t.Rate = rate.Limit(1e9 / float64(interval))
	return shape{tier: t, interval: interval, tau: tau, grain: coarse}, nil
}

// amount is what the scripts add to a debt for cost tokens. A cost above the
// burst becomes one that is just as impossible and does not overflow.
func (s *shape) amount(cost int) int64 {
	return min(int64(max(cost, 0)), int64(s.tier.Burst)+1) * s.interval
}

// duration is a number of units.
func (s *shape) duration(units int64) time.Duration { return time.Duration(units * (fine / s.grain)) }

// decide is [ratelimit.Tier.Decide] as the scripts decide. A part of a unit, which
// only memory knows, does not count: Redis must not be the milder one.
func (s *shape) decide(debt time.Duration, cost int) ratelimit.Decision {
	d := s.tier.Decide(debt/s.duration(1), cost)
	d.ResetAfter = s.duration(int64(d.ResetAfter))
	if d.RetryAfter != ratelimit.Never {
		d.RetryAfter = s.duration(int64(d.RetryAfter))
	}
	return d
}
