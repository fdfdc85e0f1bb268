package storetest

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

func takeRules() []rule {
	return []rule{
		{"a new bucket is full", func(s *subject) {
			s.peek("k", tier(), burst, 0)
		}},
		{"the burst is admitted and the next is refused", func(s *subject) {
			for i := 1; i <= burst; i++ {
				s.take("k", tier(), 1, want{true, burst - i, 0, time.Duration(i) * interval})
			}
			s.take("k", tier(), 1, want{false, 0, interval, burst * interval})
		}},
		{"the burst may be taken at once", func(s *subject) {
			s.drain("k", tier())
			s.take("k", tier(), 1, want{false, 0, interval, burst * interval})
		}},
		{"a cost is taken whole or not at all", func(s *subject) {
			s.take("k", tier(), 7, want{true, 3, 0, 7 * interval})
			s.take("k", tier(), 5, want{false, 3, 2 * interval, 7 * interval})
			s.take("k", tier(), 3, want{true, 0, 0, 10 * interval})
		}},
		{"a refusal takes nothing", func(s *subject) {
			s.drain("k", tier())
			for range 20 {
				s.take("k", tier(), 1, want{false, 0, interval, burst * interval})
			}
			s.advance(interval)
			s.take("k", tier(), 1, want{true, 0, 0, burst * interval})
		}},
		{"RetryAfter is exact", func(s *subject) {
			s.drain("k", tier())
			s.take("k", tier(), 3, want{false, 0, 3 * interval, burst * interval})
			s.advance(3*interval - s.edge())
			s.take("k", tier(), 3, want{false, 2, s.edge(), 7*interval + s.edge()})
			s.advance(s.edge())
			s.take("k", tier(), 3, want{true, 0, 0, burst * interval})
		}},
		{"a peek is allowed and takes nothing", func(s *subject) {
			for range 2 * burst {
				s.peek("k", tier(), burst, 0)
			}
			s.drain("k", tier())
			for range 2 * burst {
				s.peek("k", tier(), 0, burst*interval)
			}
			s.advance(interval)
			s.take("k", tier(), 1, want{true, 0, 0, burst * interval})
		}},
		{"a negative cost is a peek", func(s *subject) {
			s.take("k", tier(), 4, want{true, 6, 0, 4 * interval})
			for _, cost := range []int{-1, -burst, math.MinInt32, math.MinInt} {
				s.take("k", tier(), cost, want{true, 6, 0, 4 * interval}, "cost %d", cost)
			}
		}},
		{"a cost above the burst is refused for good", func(s *subject) {
			for _, cost := range []int{burst + 1, math.MaxInt32, math.MaxInt / int(interval), math.MaxInt} {
				s.take("k", tier(), cost, want{false, burst, ratelimit.Never, 0}, "cost %d of a full bucket", cost)
			}
			s.take("k", tier(), 4, want{true, 6, 0, 4 * interval})
			for _, cost := range []int{burst + 1, math.MaxInt} {
				s.take("k", tier(), cost, want{false, 6, ratelimit.Never, 4 * interval}, "cost %d of a used bucket", cost)
			}
			s.peek("k", tier(), 6, 4*interval)
		}},
		{"a bucket refills evenly", func(s *subject) {
			s.drain("k", tier())
			for i := 1; i < burst; i++ {
				s.advance(interval)
				s.peek("k", tier(), i, time.Duration(burst-i)*interval)
			}
			s.advance(interval)
			s.peek("k", tier(), burst, 0)
		}},
		{"parts of a token count", func(s *subject) {
			s.drain("k", tier())
			for range 3 {
				s.advance(interval / 2)
			}
			s.take("k", tier(), 1, want{true, 0, 0, burst*interval - interval/2})
			s.advance(interval / 2)
			s.take("k", tier(), 1, want{true, 0, 0, burst * interval})
		}},
		{"a bucket never gets fuller than full", func(s *subject) {
			s.drain("k", tier())
			s.advance(1000 * time.Hour)
			s.peek("k", tier(), burst, 0)
			s.drain("k", tier())
			s.take("k", tier(), 1, want{false, 0, interval, burst * interval})
		}},
		{"keys do not meet", checkKeys},
		{"a call whose context is done decides or fails", checkCanceled},
		{"an invalid tier is an error and takes nothing", func(s *subject) {
			s.take("k", tier(), 4, want{true, 6, 0, 4 * interval})
			for name, invalid := range invalidTiers() {
				for _, cost := range []int{0, 1, math.MaxInt} {
					d, err := s.store.Take(s.ctx(), "k", invalid, cost)
					require.Error(s.t, err, name)
					assert.False(s.t, d.Allowed, name)
				}
			}
			s.peek("k", tier(), 6, 4*interval)
		}},
	}
}

func checkKeys(s *subject) {
	long := strings.Repeat("k", 1<<16-1)
	keys := []string{
		"", "a", "A", "aa", "a ", " a", "a\x00", "b", "ä", "a\u0308", "a\r\nb", "a:b", "{a}", "{b}", "{}", "}", "*", "%00",
		"\xff", "\xff\xfe", long + "1", long + "2", long,
		ratelimit.JoinKey("", "\x00a"), ratelimit.JoinKey("limit", "a"), ratelimit.JoinKey("LIMIT", "a"), ratelimit.JoinKey("other", "a"), ratelimit.JoinKey("limit", "b"), ratelimit.JoinKey("limit", ""),
	}
	for round := 1; round <= 2; round++ {
		for i, key := range keys {
			s.take(key, tier(), round, want{true, burst - round*(round+1)/2, 0, time.Duration(round*(round+1)/2) * interval},
				"key %d, %.20q, in round %d", i, key, round)
		}
	}
}

// checkCanceled leaves it to the store whether it looks at the context. What it
// answers must be true.
func checkCanceled(s *subject) {
	ctx, cancel := context.WithCancel(s.ctx())
	cancel()
	s.take("k", tier(), 1, want{true, burst - 1, 0, interval})
	left := burst - 1
	d, err := s.store.Take(ctx, "k", tier(), 2)
	if err == nil {
		left -= 2
		s.is(d, tier(), 2, want{true, left, 0, time.Duration(burst-left) * interval})
	} else {
		require.ErrorIs(s.t, err, context.Canceled)
		assert.False(s.t, d.Allowed)
	}
	s.peek("k", tier(), left, time.Duration(burst-left)*interval)
}
