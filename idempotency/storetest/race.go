package storetest

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

const crowd = 64

// together calls f from n goroutines at once.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
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

// crowdClaims lets a crowd claim k and returns the winners' attempts and how
// often another state was seen.
func (s *subject) crowdClaims(k idempotency.Key) (attempts []int, states map[idempotency.ClaimState]int) {
	var mu sync.Mutex
	states = map[idempotency.ClaimState]int{}
	together(crowd, func(int) {
		claim, err := s.store.Claim(s.ctx(), request(k, s.token()))
		s.noError(err)
		mu.Lock()
		defer mu.Unlock()
		states[claim.State]++
		if claim.State == idempotency.Claimed {
			attempts = append(attempts, claim.Attempt)
		}
	})
	return attempts, states
}

func raceRules() []rule {
	return []rule{
		{"of claims at once one wins", func(s *subject) {
			for range 10 {
				attempts, states := s.crowdClaims(s.key())
				assert.Equal(s.t, []int{1}, attempts)
				assert.Equal(s.t, crowd-1, states[idempotency.Busy])
			}
		}},
		{"of take-overs at once one wins", func(s *subject) {
			k := s.key()
			s.own(k, 1)
			for attempt := 2; attempt < 8; attempt++ {
				s.advance(lease)
				attempts, states := s.crowdClaims(k)
				assert.Equal(s.t, []int{attempt}, attempts)
				assert.Equal(s.t, crowd-1, states[idempotency.Busy])
			}
		}},
		{"of claims of a released key at once one wins", func(s *subject) {
			k := s.key()
			s.release(k, s.own(k, 1))
			attempts, _ := s.crowdClaims(k)
			assert.Equal(s.t, []int{2}, attempts)
		}},
		{"claims during a completion see it or wait, and never win", func(s *subject) {
			for range 10 {
				k := s.key()
				tok := s.own(k, 1)
				together(crowd/4, func(i int) {
					if i == 0 {
						s.noError(s.complete(k, tok, "r"))
						return
					}
					claim, err := s.store.Claim(s.ctx(), request(k, s.token()))
					s.noError(err)
					assert.Contains(s.t, []idempotency.ClaimState{idempotency.Busy, idempotency.Replay}, claim.State)
				})
				s.replays(k, []byte("r"))
			}
		}},
		{"a late completion and a take-over exclude each other", func(s *subject) {
			for range 20 {
				k := s.key()
				stale, taker := s.own(k, 1), s.token()
				s.advance(lease)
				var completed error
				var claim idempotency.Claim
				var err error
				together(2, func(i int) {
					if i == 0 {
						completed = s.complete(k, stale, "stale")
					} else {
						claim, err = s.store.Claim(s.ctx(), request(k, taker))
					}
				})
				require.NoError(s.t, err)
				if completed == nil {
					require.Equal(s.t, idempotency.Replay.String(), claim.State.String(), "state of the claim")
					continue
				}
				require.ErrorIs(s.t, completed, idempotency.ErrLeaseLost)
				require.Equal(s.t, idempotency.Claimed.String(), claim.State.String(), "state of the claim")
				require.NoError(s.t, s.complete(k, taker, "taker"))
				s.replays(k, []byte("taker"))
			}
		}},
		{"a late renewal and a take-over exclude each other", func(s *subject) {
			for range 20 {
				k := s.key()
				stale := s.own(k, 1)
				s.advance(lease)
				var extended, err error
				var claim idempotency.Claim
				together(2, func(i int) {
					if i == 0 {
						extended = s.extend(k, stale)
					} else {
						claim, err = s.store.Claim(s.ctx(), request(k, s.token()))
					}
				})
				require.NoError(s.t, err)
				assert.Equal(s.t, errors.Is(extended, idempotency.ErrLeaseLost), claim.State == idempotency.Claimed)
			}
		}},
		{"a purge takes no record that is claimed meanwhile", checkPurgeRace},
	}
}

func checkPurgeRace(s *subject) {
	p, ok := s.store.(idempotency.Purger)
	if !ok {
		s.t.Skip("the store is no Purger")
	}
	const records = 200
	keys, tokens := make([]idempotency.Key, records), make([]idempotency.Token, records)
	for i := range keys {
		keys[i] = s.key()
		require.NoError(s.t, s.store.Complete(s.ctx(), keys[i], s.own(keys[i], 1), []byte("r"), short))
	}
	s.advance(short)
	var next atomic.Int64
	together(crowd/4, func(i int) {
		if i%4 == 0 {
			for range 20 {
				_, err := p.Purge(s.ctx(), records/20)
				s.noError(err)
			}
			return
		}
		for n := next.Add(1) - 1; n < records; n = next.Add(1) - 1 {
			tokens[n] = s.token()
			claim, err := s.store.Claim(s.ctx(), request(keys[n], tokens[n]))
			s.noError(err)
			assert.Equal(s.t, idempotency.Claimed.String(), claim.State.String(), "state of the claim")
		}
	})
	for i, k := range keys {
		require.NoError(s.t, s.extend(k, tokens[i]), "a live claim was purged")
	}
}
