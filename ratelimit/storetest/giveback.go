package storetest

import (
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// returnRules are about tokens that come back.
func returnRules() []rule {
	refunder := func(check func(s *subject, refund func(key string, tier ratelimit.Tier, cost int))) func(*subject) {
		return func(s *subject) {
			r, ok := s.store.(ratelimit.Refunder)
			if !ok {
				s.t.Skip("the store is no Refunder")
			}
			check(s, func(key string, tier ratelimit.Tier, cost int) {
				s.t.Helper()
				require.NoError(s.t, r.Refund(s.ctx(), key, tier, cost))
			})
		}
	}
	resetter := func(check func(s *subject, reset func(key string))) func(*subject) {
		return func(s *subject) {
			r, ok := s.store.(ratelimit.Resetter)
			if !ok {
				s.t.Skip("the store is no Resetter")
			}
			check(s, func(key string) {
				s.t.Helper()
				require.NoError(s.t, r.Reset(s.ctx(), key))
			})
		}
	}
	type refund = func(string, ratelimit.Tier, int)
	type reset = func(string)
	return []rule{
		{"Refund gives tokens back", refunder(func(s *subject, refund refund) {
			s.drain("k", tier())
			refund("k", tier(), 3)
			s.peek("k", tier(), 3, minutes(7))
			s.take("k", tier(), 4, want{false, 3, interval, minutes(7)})
			s.take("k", tier(), 3, want{true, 0, 0, minutes(burst)})
		})},
		{"Refund makes a bucket no fuller than full", refunder(func(s *subject, refund refund) {
			for _, cost := range []int{4, 5, burst, burst + 1, math.MaxInt32, math.MaxInt} {
				s.take("k", tier(), 4, want{true, 6, 0, minutes(4)})
				refund("k", tier(), cost)
				refund("k", tier(), cost)
				s.peek("k", tier(), burst, 0, "cost %d", cost)
				s.drain("k", tier())
				s.take("k", tier(), 1, want{false, 0, interval, minutes(burst)}, "cost %d", cost)
				refund("k", tier(), burst)
			}
		})},
		{"Refund to a bucket that does not exist does nothing", refunder(func(s *subject, refund refund) {
			refund("k", tier(), 3)
			s.drain("k", tier())
			s.take("k", tier(), 1, want{false, 0, interval, minutes(burst)})
		})},
		{"Refund of less than a token does nothing", refunder(func(s *subject, refund refund) {
			s.take("k", tier(), 4, want{true, 6, 0, minutes(4)})
			for _, cost := range []int{0, -1, -burst, math.MinInt} {
				refund("k", tier(), cost)
				s.peek("k", tier(), 6, minutes(4), "cost %d", cost)
			}
		})},
		{"Refund counts what has refilled", refunder(func(s *subject, refund refund) {
			s.drain("k", tier())
			s.advance(minutes(2))
			refund("k", tier(), 3)
			s.peek("k", tier(), 5, minutes(5))
		})},
		{"Refund after a change of tier gives back tokens of the tier it names", refunder(func(s *subject, refund refund) {
			big := other(10*burst, interval)
			s.drain("k", tier())
			refund("k", big, 30)
			s.peek("k", big, 30, minutes(70))
			s.peek("k", tier(), 3, minutes(7))
		})},
		{"Refund touches no other bucket", refunder(func(s *subject, refund refund) {
			keys := []string{"k", "K", ratelimit.JoinKey("a", "k"), ratelimit.JoinKey("b", "k")}
			for _, key := range keys {
				s.drain(key, tier())
			}
			refund(keys[2], tier(), 2)
			for i, key := range keys {
				refunded := 0
				if i == 2 {
					refunded = 2
				}
				s.peek(key, tier(), refunded, minutes(burst-refunded), "key %d", i)
			}
		})},
		{"Refund in a tier without a bucket does nothing", refunder(func(s *subject, refund refund) {
			s.drain("k", tier())
			refund("k", ratelimit.Unlimited("u"), 3)
			refund("k", ratelimit.Blocked("b"), 3)
			s.peek("k", tier(), 0, minutes(burst))
		})},
		{"Reset makes a bucket full, and no other", resetter(func(s *subject, reset reset) {
			keys := []string{"k", "K", ratelimit.JoinKey("a", "k"), ratelimit.JoinKey("b", "k")}
			for _, key := range keys {
				s.drain(key, tier())
			}
			for i, key := range keys {
				s.take(key, tier(), 1, want{false, 0, interval, minutes(burst)}, "key %d", i)
				reset(key)
				s.peek(key, tier(), burst, 0, "key %d", i)
			}
			s.drain("k", tier())
			s.take("k", tier(), 1, want{false, 0, interval, time.Duration(burst) * interval})
		})},
		{"Reset of a bucket that does not exist does nothing", resetter(func(s *subject, reset reset) {
			reset("k")
			reset("")
			s.peek("k", tier(), burst, 0)
		})},
	}
}
