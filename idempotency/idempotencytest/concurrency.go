package idempotencytest

import (
	"net/http"
	"time"

	"github.com/stretchr/testify/assert"
)

func concurrencyRules() []rule {
	return append(overBoth(rule{
		name:    "of many requests at once with one key, one runs",
		explain: "A client that timed out retries while its first request is still running. Both must not happen.",
		run:     oneOfMany,
	}), rule{
		name:    "requests with different keys run side by side",
		explain: "A lock that is wider than one key makes every client wait for the slowest one.",
		run:     sideBySide,
	})
}

// enoughToAnswer is when the suite stops to wait for refusals: a service may
// let a second request wait for the first one.
const enoughToAnswer = 2 * time.Second

func oneOfMany(s *subject) {
	const many = 50
	key, gate := newKey(), s.gated()
	replies := make(chan reply, many)
	for range many {
		go func() { replies <- s.try(s.call(key)) }()
	}
	await(s, gate.entered, "the endpoint")
	var got []reply
	for timeout := time.After(enoughToAnswer); len(got) < many-1 && timeout != nil; {
		select {
		case r := <-replies:
			got = append(got, r)
		case <-timeout:
			timeout = nil
		}
	}
	gate.open()
	for len(got) < many {
		got = append(got, await(s, replies, "a response"))
	}
	fresh, body := 0, ""
	for _, r := range got {
		if r.err == nil && r.status == http.StatusCreated && !s.isReplay(r) {
			fresh, body = fresh+1, r.body
		}
	}
	assert.Equal(s, 1, fresh, "fresh responses")
	s.ran(1)
	for _, r := range got {
		switch {
		case r.err != nil:
			s.Errorf("no whole response: %v", r.err)
		case r.status == http.StatusCreated:
			assert.Equal(s, body, r.body)
		default:
			s.inFlight(r)
		}
	}
	again := s.post(key)
	assert.True(s, s.isReplay(again), "a later retry is a replay")
	assert.Equal(s, body, again.body)
}

func sideBySide(s *subject) {
	const several = 5
	gate := s.gated()
	replies := make(chan reply, several)
	for range several {
		go func() { replies <- s.try(s.call(newKey())) }()
	}
	for range several {
		await(s, gate.entered, "the endpoint, which other keys must not hold up")
	}
	gate.open()
	for range several {
		s.fresh(await(s, replies, "a response"), http.StatusCreated)
	}
}
