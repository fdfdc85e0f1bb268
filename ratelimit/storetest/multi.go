package storetest

import (
	"context"
	"math"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

func multi(check func(*subject, ratelimit.MultiTaker)) func(*subject) {
	return func(s *subject) {
		m, ok := s.store.(ratelimit.MultiTaker)
		if !ok {
			s.t.Skip("the store is no MultiTaker")
		}
		check(s, m)
	}
}

// takeAll returns as many decisions as there are takes.
func (s *subject) takeAll(m ratelimit.MultiTaker, takes ...ratelimit.Take) []ratelimit.Decision {
	s.t.Helper()
	decisions, err := m.TakeAll(s.ctx(), takes)
	require.NoError(s.t, err)
	require.Len(s.t, decisions, len(takes))
	return decisions
}

// minutes is a duration in intervals of the tier of most rules.
func minutes(n int) time.Duration { return time.Duration(n) * interval }

func multiRules() []rule {
	return []rule{
		{"TakeAll takes all in the order of the takes", multi(func(s *subject, m ratelimit.MultiTaker) {
			a, b := ratelimit.JoinKey("a", "t"), ratelimit.JoinKey("b", "t")
			big := other(3*burst, interval)
			d := s.takeAll(m, ratelimit.Take{Key: b, Tier: big, Cost: 5}, ratelimit.Take{Key: a, Tier: tier(), Cost: 2}, ratelimit.Take{Key: "t", Tier: tier(), Cost: 1})
			s.is(d[0], big, 5, want{true, 3*burst - 5, 0, minutes(5)})
			s.is(d[1], tier(), 2, want{true, burst - 2, 0, minutes(2)})
			s.is(d[2], tier(), 1, want{true, burst - 1, 0, minutes(1)})
			s.peek(a, tier(), burst-2, minutes(2))
			s.peek(b, big, 3*burst-5, minutes(5))
			s.peek("t", tier(), burst-1, minutes(1))
		})},
		{"TakeAll takes nothing when one of the takes is refused", multi(checkRefusedTakeAll)},
		{"TakeAll decides about one key after the other when another take is refused", multi(func(s *subject, m ratelimit.MultiTaker) {
			s.take("k", tier(), 6, want{true, 4, 0, minutes(6)})
			for range 3 {
				d := s.takeAll(m, ratelimit.Take{Key: "k", Tier: tier(), Cost: 3}, ratelimit.Take{Key: "k", Tier: tier(), Cost: 2},
					ratelimit.Take{Key: "k", Tier: ratelimit.Blocked("b"), Cost: 1})
				assert.Equal(s.t, []bool{true, false, false}, []bool{d[0].Allowed, d[1].Allowed, d[2].Allowed})
				s.lasts(minutes(1), d[1].RetryAfter, "the wait of the second")
			}
			s.peek("k", tier(), 4, minutes(6))
		})},
		{"TakeAll of different tenants takes nothing when one of the takes is refused", multi(func(s *subject, m ratelimit.MultiTaker) {
			s.drain("full", tier())
			s.take("used", tier(), 4, want{true, 6, 0, minutes(4)})
			for i, order := range [][]string{{"new", "used", "full"}, {"full", "used", "new"}, {"used", "full", "new"}} {
				var takes []ratelimit.Take
				for _, key := range order {
					takes = append(takes, ratelimit.Take{Key: key, Tier: tier(), Cost: 2})
				}
				for n, d := range s.takeAll(m, takes...) {
					switch order[n] {
					case "new":
						s.is(d, tier(), 2, want{true, burst, 0, 0}, "order %d", i)
					case "used":
						s.is(d, tier(), 2, want{true, 6, 0, minutes(4)}, "order %d", i)
					case "full":
						s.is(d, tier(), 2, want{false, 0, minutes(2), minutes(burst)}, "order %d", i)
					}
				}
				s.peek("new", tier(), burst, 0, "order %d", i)
				s.peek("used", tier(), 6, minutes(4), "order %d", i)
				s.peek("full", tier(), 0, minutes(burst), "order %d", i)
			}
		})},
		{"TakeAll decides takes of one key one after the other", multi(checkSameKey)},
		{"TakeAll knows peeks and costs that are too high", multi(func(s *subject, m ratelimit.MultiTaker) {
			a, b := ratelimit.JoinKey("a", "t"), ratelimit.JoinKey("b", "t")
			d := s.takeAll(m, ratelimit.Take{Key: a, Tier: tier(), Cost: 0}, ratelimit.Take{Key: b, Tier: tier(), Cost: 1}, ratelimit.Take{Key: a, Tier: tier(), Cost: math.MinInt})
			s.is(d[0], tier(), 0, want{true, burst, 0, 0})
			s.is(d[1], tier(), 1, want{true, burst - 1, 0, interval})
			s.is(d[2], tier(), 0, want{true, burst, 0, 0})
			d = s.takeAll(m, ratelimit.Take{Key: a, Tier: tier(), Cost: 1}, ratelimit.Take{Key: b, Tier: tier(), Cost: math.MaxInt})
			s.is(d[0], tier(), 1, want{true, burst, 0, 0})
			s.is(d[1], tier(), math.MaxInt, want{false, burst - 1, ratelimit.Never, interval})
			s.peek(a, tier(), burst, 0)
		})},
		{"TakeAll admits unlimited tiers and refuses with blocked ones", multi(func(s *subject, m ratelimit.MultiTaker) {
			unlimited, _ := ratelimit.Unlimited("u").NoBucket(3)
			blocked, _ := ratelimit.Blocked("b").NoBucket(3)
			free := ratelimit.Take{Key: "unlimited", Tier: ratelimit.Unlimited("u"), Cost: 3}
			never := ratelimit.Take{Key: "blocked", Tier: ratelimit.Blocked("b"), Cost: 3}
			paid := ratelimit.Take{Key: "k", Tier: tier(), Cost: 3}
			d := s.takeAll(m, free, paid)
			assert.Equal(s.t, unlimited, d[0])
			s.is(d[1], tier(), 3, want{true, burst - 3, 0, minutes(3)})
			for _, takes := range [][]ratelimit.Take{{free, paid, never}, {never, paid, free}} {
				d = s.takeAll(m, takes...)
				assert.ElementsMatch(s.t, []ratelimit.Decision{unlimited, blocked}, []ratelimit.Decision{d[0], d[2]})
				s.is(d[1], tier(), 3, want{true, burst - 3, 0, minutes(3)})
			}
			assert.Equal(s.t, []ratelimit.Decision{unlimited, unlimited}, s.takeAll(m, free, free))
			assert.Equal(s.t, []ratelimit.Decision{blocked}, s.takeAll(m, never))
			s.peek("k", tier(), burst-3, minutes(3))
		})},
		{"TakeAll of nothing is nothing", multi(func(s *subject, m ratelimit.MultiTaker) {
			s.takeAll(m)
		})},
		{"TakeAll with an invalid tier is an error and takes nothing", multi(func(s *subject, m ratelimit.MultiTaker) {
			for name, invalid := range invalidTiers() {
				_, err := m.TakeAll(s.ctx(), []ratelimit.Take{{Key: "a", Tier: tier(), Cost: 1}, {Key: "b", Tier: invalid, Cost: 1}, {Key: "c", Tier: tier(), Cost: 1}})
				require.Error(s.t, err, name)
			}
			s.peek("a", tier(), burst, 0)
			s.peek("c", tier(), burst, 0)
		})},
		{"TakeAll whose context is done decides or fails", multi(func(s *subject, m ratelimit.MultiTaker) {
			ctx, cancel := context.WithCancel(s.ctx())
			cancel()
			left := burst
			if _, err := m.TakeAll(ctx, []ratelimit.Take{{Key: "a", Tier: tier(), Cost: 1}, {Key: "b", Tier: tier(), Cost: 1}}); err == nil {
				left--
			} else {
				require.ErrorIs(s.t, err, context.Canceled)
			}
			s.peek("a", tier(), left, minutes(burst-left))
			s.peek("b", tier(), left, minutes(burst-left))
		})},
		{"TakeAll keeps a change of tier", multi(func(s *subject, m ratelimit.MultiTaker) {
			a, b, slow := ratelimit.JoinKey("a", "t"), ratelimit.JoinKey("b", "t"), other(burst, 10*interval)
			s.take(a, tier(), 5, want{true, 5, 0, minutes(5)})
			s.drain(b, tier())
			d := s.takeAll(m, ratelimit.Take{Key: a, Tier: slow, Cost: 1}, ratelimit.Take{Key: b, Tier: slow, Cost: 1})
			s.is(d[0], slow, 1, want{true, 5, 0, minutes(50)})
			s.is(d[1], slow, 1, want{false, 0, minutes(10), minutes(100)})
			s.advance(minutes(10))
			d = s.takeAll(m, ratelimit.Take{Key: a, Tier: slow, Cost: 6}, ratelimit.Take{Key: b, Tier: slow, Cost: 1})
			s.is(d[0], slow, 6, want{true, 0, 0, minutes(100)})
			s.is(d[1], slow, 1, want{true, 0, 0, minutes(100)})
		})},
	}
}

func checkRefusedTakeAll(s *subject, m ratelimit.MultiTaker) {
	a, b, c := ratelimit.JoinKey("a", "t"), ratelimit.JoinKey("b", "t"), ratelimit.JoinKey("c", "t")
	s.take(a, tier(), 1, want{true, burst - 1, 0, minutes(1)})
	s.take(b, tier(), 8, want{true, 2, 0, minutes(8)})
	for range 3 {
		d := s.takeAll(m, ratelimit.Take{Key: a, Tier: tier(), Cost: 2}, ratelimit.Take{Key: b, Tier: tier(), Cost: 3}, ratelimit.Take{Key: c, Tier: tier(), Cost: burst})
		s.is(d[0], tier(), 2, want{true, burst - 1, 0, minutes(1)})
		s.is(d[1], tier(), 3, want{false, 2, minutes(1), minutes(8)})
		s.is(d[2], tier(), burst, want{true, burst, 0, 0})
	}
	s.peek(a, tier(), burst-1, minutes(1))
	s.peek(b, tier(), 2, minutes(8))
	s.peek(c, tier(), burst, 0)
	s.advance(interval)
	d := s.takeAll(m, ratelimit.Take{Key: a, Tier: tier(), Cost: 2}, ratelimit.Take{Key: b, Tier: tier(), Cost: 3}, ratelimit.Take{Key: c, Tier: tier(), Cost: burst})
	s.is(d[0], tier(), 2, want{true, burst - 2, 0, minutes(2)})
	s.is(d[1], tier(), 3, want{true, 0, 0, minutes(burst)})
	s.is(d[2], tier(), burst, want{true, 0, 0, minutes(burst)})
}

func checkSameKey(s *subject, m ratelimit.MultiTaker) {
	take := func(cost int) ratelimit.Take { return ratelimit.Take{Key: "k", Tier: tier(), Cost: cost} }
	d := s.takeAll(m, take(1), take(2), take(3))
	s.is(d[0], tier(), 1, want{true, 9, 0, minutes(1)})
	s.is(d[1], tier(), 2, want{true, 7, 0, minutes(3)})
	s.is(d[2], tier(), 3, want{true, 4, 0, minutes(6)})

	for range 3 {
		d = s.takeAll(m, take(3), take(2))
		s.is(d[0], tier(), 3, want{true, 4, 0, minutes(6)})
		assert.False(s.t, d[1].Allowed, "4 tokens do not serve 3 and 2")
		s.lasts(interval, d[1].RetryAfter)
		s.peek("k", tier(), 4, minutes(6))
	}
	s.advance(interval)
	d = s.takeAll(m, take(3), take(2))
	s.is(d[0], tier(), 3, want{true, 2, 0, minutes(8)})
	s.is(d[1], tier(), 2, want{true, 0, 0, minutes(burst)})

	// In another tier the second take sees the same part of the bucket used.
	big := other(10*burst, interval)
	d = s.takeAll(m, ratelimit.Take{Key: "two", Tier: tier(), Cost: 5}, ratelimit.Take{Key: "two", Tier: big, Cost: 50})
	s.is(d[0], tier(), 5, want{true, 5, 0, minutes(5)})
	s.is(d[1], big, 50, want{true, 0, 0, minutes(10 * burst)})
	s.take("half", tier(), 5, want{true, 5, 0, minutes(5)})
	d = s.takeAll(m, ratelimit.Take{Key: "half", Tier: tier(), Cost: 1}, ratelimit.Take{Key: "half", Tier: big, Cost: 41})
	s.is(d[0], tier(), 1, want{true, 5, 0, minutes(5)})
	assert.False(s.t, d[1].Allowed, "40 tokens are left for the second")
	s.peek("half", big, 50, minutes(50))
}
