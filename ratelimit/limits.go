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
	// Key names whose bucket a request uses. Default: the key of [New]. Limits
	// with the same key are one step in any store.
	Key KeyFunc
	// Tier finds the tier. It is required.
	Tier TierFunc
}

// limitsOf returns all limits, that of [New] first.
func limitsOf(key KeyFunc, tier TierFunc, cfg Config) ([]Limit, error) {
	limits := append([]Limit{{Name: cfg.Name, Key: key, Tier: tier}}, cfg.Limits...)
	var errs []error
	for i, lim := range limits {
		where := "ratelimit: Config.Name"
		if i > 0 {
			where = fmt.Sprintf("ratelimit: Config.Limits[%d]", i-1)
			sameName := func(other Limit) bool { return other.Name == lim.Name }
			if lim.Name == "" || slices.ContainsFunc(limits[:i], sameName) {
				errs = append(errs, errors.New(where+": the name is missing or not unique"))
			}
		}
		if validateName(lim.Name) != nil {
			errs = append(errs, errors.New(where+" is not printable ASCII of at most 64 characters"))
		}
		if err := validateTierFunc(lim.Tier); i == 0 {
			errs = append(errs, err)
		} else if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
		if lim.Key == nil {
			limits[i].Key = key
		}
	}
	return limits, errors.Join(errs...)
}

// validateTierFunc looks inside those of [Fixed], which need no request.
func validateTierFunc(tier TierFunc) error {
	if tier == nil {
		return errors.New("ratelimit: tier is nil")
	}
	if reflect.ValueOf(tier).Pointer() != reflect.ValueOf(Fixed(Free)).Pointer() {
		return nil
	}
	t, err := tier(nil)
	if err == nil {
		err = t.Validate()
	}
	return err
}
