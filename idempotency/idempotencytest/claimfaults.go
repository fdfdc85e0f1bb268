package idempotencytest

import (
	"context"
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/idempotency"
)

func claimFaultRules() []rule {
	return []rule{
		{
			name:    "when the store is down nothing runs, unless the service fails open",
			explain: "A request that asks for protection and runs without it may run twice, and nobody notices.",
			run:     storeDown,
		},
		{
			name:    "a store that does not answer a claim is given up in time",
			explain: "A hanging store must not hang the service with it.",
			run:     claimHangs,
		},
		{
			name:    "a full store refuses, also a service that fails open",
			explain: "Whoever can fill a store could otherwise switch the protection off.",
			run:     storeFull,
		},
		{
			name:    "a claim whose answer was lost is given back",
			explain: "The store took the claim and nothing runs: without a release, retries are refused until its lease ends.",
			run:     claimAnswerLost,
		},
	}
}

func (s *subject) storeDown(got reply) {
	s.refused(got, http.StatusServiceUnavailable)
	assert.NotEmpty(s, got.header.Get("Retry-After"), "Retry-After")
}

func storeDown(s *subject) {
	s.faults.fail(hooks{claim: func(context.Context, func() (idempotency.Claim, error)) (idempotency.Claim, error) {
		return idempotency.Claim{}, errDown
	}})
	key := newKey()
	if s.Config.FailOpen {
		for range 2 {
			s.fresh(s.post(key), http.StatusCreated)
		}
		s.ran(2)
	} else {
		s.storeDown(s.post(key))
		s.ran(0)
	}
	s.faults.heal()
	key = newKey()
	first := s.post(key)
	s.fresh(first, http.StatusCreated)
	s.replayOf(first, s.post(key))
}

// boundedStore skips a rule that would wait too long.
func (s *subject) boundedStore() {
	if d := s.Config.StoreTimeout; d < 0 || d > longestTimeout {
		s.skipf("takes a Config.StoreTimeout of at most %v; it is %v", longestTimeout, d)
	}
}

// hang waits for the end of ctx, which a store has to honor.
func (s *subject) hang(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stop:
		return errDown
	}
}

func claimHangs(s *subject) {
	s.boundedStore()
	s.faults.fail(hooks{claim: func(ctx context.Context, _ func() (idempotency.Claim, error)) (idempotency.Claim, error) {
		return idempotency.Claim{}, s.hang(ctx)
	}})
	start := time.Now()
	got := s.post(newKey())
	assert.Less(s, time.Since(start), s.Config.StoreTimeout+margin, "time to the answer")
	if s.Config.FailOpen {
		s.fresh(got, http.StatusCreated)
		return
	}
	s.storeDown(got)
	s.ran(0)
}

func storeFull(s *subject) {
	s.faults.fail(hooks{claim: func(context.Context, func() (idempotency.Claim, error)) (idempotency.Claim, error) {
		return idempotency.Claim{}, idempotency.ErrStoreFull
	}})
	s.storeDown(s.post(newKey()))
	s.ran(0)
}

func claimAnswerLost(s *subject) {
	if s.Config.FailOpen {
		s.skipf("a service that fails open runs the request")
	}
	s.faults.fail(hooks{claim: func(_ context.Context, next func() (idempotency.Claim, error)) (idempotency.Claim, error) {
		if _, err := next(); err != nil {
			return idempotency.Claim{}, err
		}
		return idempotency.Claim{}, errNoAnswer
	}})
	key := newKey()
	s.storeDown(s.post(key))
	s.ran(0)
	s.faults.heal()
	var got reply
	s.eventually("the claim to be released", func() bool {
		got = s.post(key)
		if got.status == http.StatusConflict {
			s.inFlight(got)
			return false
		}
		return true
	})
	s.fresh(got, http.StatusCreated)
	s.ran(1)
}
