package idempotencytest

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/idempotency"
)

func runFaultRules() []rule {
	return []rule{
		{
			name:    "a response that could not be saved at once reaches its client, and is saved later",
			explain: "The request has happened. To withhold its response, or to release the claim, would make it happen twice.",
			run:     savedLater,
		},
		{
			name:    "while a response cannot be saved its request does not run again",
			explain: "A claim that is released because a save failed lets the retry of a finished request run.",
			run:     neverSaved,
		},
		{
			name:    "a store that does not answer a save does not hold the response back",
			explain: "The endpoint is done; its client must not wait for a store that hangs.",
			run:     saveHangs,
		},
		{
			name:    "a claim that cannot be released does not hold the response back",
			explain: "The client of a failed request has to learn of it, whatever the store does.",
			run:     releaseFails,
		},
		{
			name:    "a lease that was lost before the save does not cost the client its response",
			explain: "The attempt has happened, and only its own client can be told.",
			run:     leaseLostAtSave,
		},
		{
			name:    "one failed renewal of a lease is survived",
			explain: "A store that hiccups must not stop the endpoints that are running.",
			run:     renewalFails,
		},
		{
			name:    "a lease that is lost ends the endpoint's context, and its client is answered",
			explain: "Another attempt may run by now, so this one should stop; its client still waits for a response.",
			run:     leaseLostAtRenewal,
		},
	}
}

// holdsLease skips a rule whose retries must come within the lease.
func (s *subject) holdsLease() {
	if s.Config.Lease < time.Second || s.Config.Lease <= s.Config.Wait {
		s.skipf("takes a Config.Lease of at least 1 s and more than Config.Wait; it is %v", s.Config.Lease)
	}
}

func savedLater(s *subject) {
	s.holdsLease()
	var saves atomic.Int64
	s.faults.fail(hooks{complete: func(_ context.Context, next func() error) error {
		if saves.Add(1) == 1 {
			return errDown
		}
		return next()
	}})
	key := newKey()
	first := s.post(key)
	s.fresh(first, http.StatusCreated)
	s.replayOf(first, s.untilReplayed(key))
	s.ran(1)
}

func neverSaved(s *subject) {
	s.holdsLease()
	s.faults.fail(hooks{complete: func(context.Context, func() error) error { return errDown }})
	key := newKey()
	s.fresh(s.post(key), http.StatusCreated)
	s.inFlight(s.post(key))
	s.ran(1)
}

func saveHangs(s *subject) {
	s.boundedStore()
	s.faults.fail(hooks{complete: func(ctx context.Context, _ func() error) error { return s.hang(ctx) }})
	start := time.Now()
	s.fresh(s.post(newKey()), http.StatusCreated)
	assert.Less(s, time.Since(start), s.Config.StoreTimeout+margin, "time to the answer")
	s.ran(1)
}

func releaseFails(s *subject) {
	if s.stored(http.StatusInternalServerError) {
		s.skipf("Config.StoreResponse keeps every response that the rule could use")
	}
	s.faults.fail(hooks{release: func(func() error) error { return errDown }})
	s.handle(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	s.fresh(s.post(newKey()), http.StatusInternalServerError)
	s.ran(1)
}

func leaseLostAtSave(s *subject) {
	s.faults.fail(hooks{complete: func(context.Context, func() error) error { return idempotency.ErrLeaseLost }})
	s.fresh(s.post(newKey()), http.StatusCreated)
	s.ran(1)
}

// renews skips a rule that would wait too long for a renewal.
func (s *subject) renews() {
	if s.Config.Lease > longestLease {
		s.skipf("takes a Config.Lease of at most %v; it is %v", longestLease, s.Config.Lease)
	}
}

func renewalFails(s *subject) {
	s.renews()
	s.holdsLease()
	renewals := make(chan struct{}, 10)
	var count atomic.Int64
	s.faults.fail(hooks{extend: func(next func() error) error {
		defer func() {
			select {
			case renewals <- struct{}{}:
			default:
			}
		}()
		if count.Add(1) == 1 {
			return errDown
		}
		return next()
	}})
	gate := s.newGate()
	ended := make(chan error, 1)
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		gate.wait()
		ended <- r.Context().Err()
		s.answer(w, r)
	})
	key := newKey()
	running := s.start(s.call(key))
	for range 2 {
		await(s, renewals, "the renewal of the lease, at a third of it")
	}
	gate.open()
	assert.NoError(s, await(s, ended, "the endpoint"), "context of the endpoint") //nolint:testifylint // the rest is checked as well
	first := await(s, running, "the response")
	s.fresh(first, http.StatusCreated)
	s.replayOf(first, s.post(key))
	s.ran(1)
}

func leaseLostAtRenewal(s *subject) {
	s.renews()
	s.faults.fail(hooks{extend: func(func() error) error { return idempotency.ErrLeaseLost }})
	ended := make(chan bool, 1)
	s.handle(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(s.patience / 2)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
			ended <- true
		case <-timer.C:
			ended <- false
		case <-s.stop:
		}
		s.answer(w, r)
	})
	running := s.start(s.call(newKey()))
	assert.True(s, await(s, ended, "the endpoint"), "the context of the endpoint ended")
	s.fresh(await(s, running, "the response"), http.StatusCreated)
}
