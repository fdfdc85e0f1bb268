package storetest

import (
	"slices"
	"strconv"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

const crowd = 64

// together calls f from a crowd of goroutines at once.
func together(f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// noError is for goroutines, which must not end the test.
func (s *subject) noError(err error) {
	s.t.Helper()
	assert.NoError(s.t, err)
}

// tally counts what a crowd was given.
type tally struct {
	mu     sync.Mutex
	count  int
	tokens []int
}

func (t *tally) add(d ratelimit.Decision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	t.tokens = append(t.tokens, d.Tokens)
}

func raceRules() []rule {
	return []rule{
		{"a crowd is admitted exactly the burst, and each sees another number of tokens", func(s *subject) {
			crowded := other(100, interval)
			var admitted tally
			together(func(int) {
				for range 4 {
					d, err := s.store.Take(s.ctx(), "k", crowded, 1)
					s.noError(err)
					if d.Allowed {
						admitted.add(d)
					}
				}
			})
			slices.Sort(admitted.tokens)
			require.Equal(s.t, crowded.Burst, admitted.count)
			assert.Len(s.t, slices.Compact(admitted.tokens), crowded.Burst, "Tokens of the admitted")
			assert.Equal(s.t, 0, admitted.tokens[0])
		}},
		{"costs of a crowd add up", func(s *subject) {
			crowded := other(200, interval)
			var mu sync.Mutex
			taken := 0
			together(func(i int) {
				cost := i%7 + 1
				for range 3 {
					d, err := s.store.Take(s.ctx(), "k", crowded, cost)
					s.noError(err)
					if d.Allowed {
						mu.Lock()
						taken += cost
						mu.Unlock()
					}
				}
			})
			assert.LessOrEqual(s.t, taken, crowded.Burst)
			s.peek("k", crowded, crowded.Burst-taken, minutes(taken))
		}},
		{"members of a crowd with keys of their own do not meet", func(s *subject) {
			together(func(i int) {
				for n := range burst + 1 {
					d, err := s.store.Take(s.ctx(), strconv.Itoa(i), tier(), 1)
					s.noError(err)
					assert.Equal(s.t, n < burst, d.Allowed)
				}
			})
		}},
		{"a crowd of two tiers is admitted one bucket", func(s *subject) {
			tiers := []ratelimit.Tier{other(120, interval), other(40, 7*interval)}
			var admitted [2]tally
			together(func(i int) {
				for range 4 {
					d, err := s.store.Take(s.ctx(), "k", tiers[i%2], 1)
					s.noError(err)
					if d.Allowed {
						admitted[i%2].add(d)
					}
				}
			})
			used := float64(admitted[0].count)/120 + float64(admitted[1].count)/40
			assert.LessOrEqual(s.t, used, 1+1e-9, "used part of the bucket")
			assert.Greater(s.t, used, 1-1.0/40, "used part of the bucket")
		}},
		{"TakeAll of a crowd takes all or nothing", multi(func(s *subject, m ratelimit.MultiTaker) {
			minute, day := other(50, interval), other(30, 100*interval)
			takes := []ratelimit.Take{{Key: ratelimit.JoinKey("minute", "t"), Tier: minute, Cost: 1}, {Key: ratelimit.JoinKey("day", "t"), Tier: day, Cost: 1}}
			var admitted tally
			together(func(int) {
				for range 2 {
					d, err := m.TakeAll(s.ctx(), takes)
					s.noError(err)
					if len(d) == 2 && d[0].Allowed && d[1].Allowed {
						admitted.add(d[1])
					}
				}
			})
			slices.Sort(admitted.tokens)
			assert.Equal(s.t, day.Burst, admitted.count)
			assert.Len(s.t, slices.Compact(admitted.tokens), day.Burst, "Tokens of the admitted")
			s.peek(takes[0].Key, minute, minute.Burst-day.Burst, minutes(day.Burst))
			s.peek(takes[1].Key, day, 0, minutes(100*day.Burst))
		})},
		{"TakeAll of a crowd leaves what it gave back to different tenants", multi(func(s *subject, m ratelimit.MultiTaker) {
			a, b := other(40, interval), other(30, interval)
			takes := []ratelimit.Take{{Key: "a", Tier: a, Cost: 1}, {Key: "b", Tier: b, Cost: 1}}
			var admitted tally
			together(func(int) {
				d, err := m.TakeAll(s.ctx(), takes)
				s.noError(err)
				if len(d) == 2 && d[0].Allowed && d[1].Allowed {
					admitted.add(d[1])
				}
			})
			assert.LessOrEqual(s.t, admitted.count, 30)
			s.peek("a", a, 40-admitted.count, minutes(admitted.count))
			s.peek("b", b, 30-admitted.count, minutes(admitted.count))
		})},
		{"refunds of a crowd add up", func(s *subject) {
			r, ok := s.store.(ratelimit.Refunder)
			if !ok {
				s.t.Skip("the store is no Refunder")
			}
			crowded := other(2*crowd, interval)
			together(func(i int) {
				d, err := s.store.Take(s.ctx(), "k", crowded, 2)
				s.noError(err)
				assert.True(s.t, d.Allowed)
				s.noError(r.Refund(s.ctx(), "k", crowded, i%2+1))
			})
			s.peek("k", crowded, 2*crowd-crowd/2, minutes(crowd/2))
		}},
	}
}
