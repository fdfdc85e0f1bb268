package ratelimit

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// Tier is what a key may do: a token bucket of Burst tokens that refills at
// Rate tokens a second. It is a value; copies are equal.
type Tier struct {
	// Name is the policy's name in decisions, problem documents and logs: at
	// most 64 printable ASCII characters without quotes and backslashes. An
	// empty name is reported as "default".
	Name string
	// Rate is the refill, in tokens per second: above 0 and at most 1e9, or
	// [rate.Inf] for no limit. The time per token is kept in whole
	// nanoseconds, rounded up.
	Rate rate.Limit
	// Burst is the size of the bucket, in tokens: at least 1. It may take at
	// most 73 years to refill. Without meaning when Rate is [rate.Inf].
	Burst int
	// Limit is what X-RateLimit-Limit reports, and the most that
	// X-RateLimit-Remaining reports. It does not change what is admitted.
	// Zero: Burst.
	Limit int
}

// Free and Paid are the tiers of a service with two plans. Free is also what
// requests without a key share. They are meant to be read only; [New] copies
// Free once.
//
//nolint:gochecknoglobals // values in the API's documented vocabulary; a struct cannot be a constant
var (
	Free = Tier{Name: "free", Rate: 5, Burst: 10, Limit: 5}
	Paid = Tier{Name: "paid", Rate: 50, Burst: 100, Limit: 50}
)

// Per is the tier of n requests per every: a burst of n, refilled evenly, a
// token each every/n. As with any token bucket, a period that begins with the
// burst can see up to 2n requests. Per returns an invalid tier when n or every
// is not positive.
func Per(name string, n int, every time.Duration) Tier {
	if n <= 0 || every <= 0 {
		return Tier{Name: name}
	}
	return Tier{Name: name, Rate: rate.Limit(float64(n) / every.Seconds()), Burst: n}
}

// Unlimited is the tier that admits everything. Its requests have no bucket
// and no X-RateLimit headers.
func Unlimited(name string) Tier { return Tier{Name: name, Rate: rate.Inf} }

// Blocked is the tier that admits nothing, for a tenant that is suspended. Its
// requests have no bucket; they are refused for good, without Retry-After.
func Blocked(name string) Tier { return Tier{Name: name, Burst: blockedBurst} }

// IsUnlimited reports whether t admits everything.
func (t Tier) IsUnlimited() bool { return t.Rate == rate.Inf }

// IsBlocked reports whether t is a tier of [Blocked].
func (t Tier) IsBlocked() bool { return t.Burst == blockedBurst && t.Rate == 0 }

// TierFunc finds the tier of a request. It may look it up; bound that, since a
// server's request has no deadline. A request whose TierFunc returns an error or
// an invalid tier is answered with 503; the log has a line about errors once a
// minute, and one about each invalid tier. Answer an unknown tenant with
// [Blocked] or a tier of your choice rather than with an error. It is called once
// for each limit, and not for requests without a key, nor for skipped ones.
type TierFunc = func(*http.Request) (Tier, error)

// Fixed is the [TierFunc] of a service with one tier. [New] refuses an invalid
// one.
//
//go:noinline
func Fixed(t Tier) TierFunc {
	// Not inlined, all these functions have one address, by which New knows them.
	return func(*http.Request) (Tier, error) { return t, nil }
}

const (
	maxTierName = 64
	// maxTau keeps every sum of a time and two taus within an int64.
	maxTau = math.MaxInt64 / 4
	// blockedBurst marks a tier as blocked; nobody arrives at it by mistake.
	blockedBurst = math.MinInt
)

// ErrInvalidTier is wrapped by errors about a tier. A [Store] that returns such
// an error for a tier that it cannot keep has not failed.
var ErrInvalidTier = errors.New("ratelimit: invalid tier")

var (
	errTierRate  = fmt.Errorf("%w: rate is not in (0, 1e9] per second, nor rate.Inf", ErrInvalidTier)
	errTierBurst = fmt.Errorf("%w: burst is under 1", ErrInvalidTier)
	errTierTau   = fmt.Errorf("%w: burst takes more than 73 years to refill", ErrInvalidTier)
	errTierLimit = fmt.Errorf("%w: limit is negative", ErrInvalidTier)
	errTierName  = fmt.Errorf("%w: name is over 64 characters, or not printable ASCII without quotes and backslashes", ErrInvalidTier)
)

// Validate returns nil or an error that says which field is out of range. The
// zero Tier is invalid.
func (t Tier) Validate() error {
	_, err := t.pace()
	return err
}

func validateName(name string) error {
	if len(name) > maxTierName {
		return errTierName
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return errTierName
		}
	}
	return nil
}

// policy is the name that is reported.
func (t Tier) policy() string {
	if t.Name == "" {
		return "default"
	}
	return t.Name
}

// limit is the number that X-RateLimit-Limit reports.
func (t Tier) limit() int {
	if t.Limit == 0 {
		return t.Burst
	}
	return t.Limit
}

// String describes the tier for logs, such as "free: 5/s, burst 10".
func (t Tier) String() string {
	switch {
	case t.IsUnlimited():
		return t.policy() + ": unlimited"
	case t.IsBlocked():
		return t.policy() + ": blocked"
	}
	return fmt.Sprintf("%s: %v/s, burst %d", t.policy(), float64(t.Rate), t.Burst)
}
