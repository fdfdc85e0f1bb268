package ratelimit

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Limit is one of several limits of a request, each with buckets of its own.
type Limit struct {
	// Name is the name of its buckets in the store and of its policy in
	// decisions and problem documents, by the rules of [Tier.Name]. It is
	// required, and no other limit of the Limiter may have it.
	Name string
	// Key names whose bucket a request uses. Default: the key of [New], which is
	// then found once, and whose limits are one step in any [MultiTaker].
	Key KeyFunc
	// Tier finds the tier. It is required.
	Tier TierFunc
}

// limit is a Limit in use.
type limit struct {
	Limit

	shared Tier // of its bucket that requests without a key share
}

// limitsOf returns all limits, that of [New] first.
func limitsOf(key KeyFunc, tier TierFunc, cfg Config) ([]limit, error) {
	limits := []limit{{Limit: Limit{Name: cfg.Name, Key: key, Tier: tier}}}
	for _, lim := range cfg.Limits {
		limits = append(limits, limit{Limit: lim})
	}
	var errs []error
	for i := range limits {
		lim := &limits[i]
		where := "ratelimit: Config.Name"
		if i > 0 {
			where = fmt.Sprintf("ratelimit: Config.Limits[%d]", i-1)
			sameName := func(other limit) bool { return other.Name == lim.Name }
			if lim.Name == "" || slices.ContainsFunc(limits[:i], sameName) {
				errs = append(errs, errors.New(where+": the name is missing or not unique"))
			}
		}
		if validateName(lim.Name) != nil {
			errs = append(errs, errors.New(where+" is not printable ASCII of at most 64 characters"))
		}
		fixed, err := fixedTier(lim.Tier)
		if i > 0 && err != nil {
			err = fmt.Errorf("%s: %w", where, err)
		}
		errs = append(errs, err)
		lim.shared = cfg.SharedTier.atMost(&fixed)
	}
	return limits, errors.Join(errs...)
}

// fixedTier returns the tier of [Fixed], which needs no request, and an error
// when it is invalid.
func fixedTier(tier TierFunc) (Tier, error) {
	if tier == nil {
		return Tier{}, errors.New("ratelimit: tier is nil")
	}
	if reflect.ValueOf(tier).Pointer() != reflect.ValueOf(Fixed(Free)).Pointer() {
		return Tier{}, nil
	}
	t, err := tier(nil)
	if err != nil {
		return Tier{}, err
	}
	return t, t.Validate()
}

// atMost returns t, or what is stricter in other, where that has a bucket.
func (t Tier) atMost(other *Tier) Tier {
	p, err := other.pace()
	if err != nil || p.interval == 0 || other.Rate >= t.Rate && other.Burst >= t.Burst {
		return t
	}
	return Tier{Name: other.Name, Rate: min(t.Rate, other.Rate), Burst: min(t.Burst, other.Burst)}
}
