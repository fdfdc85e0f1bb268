package idempotencytest

import (
	"context"
	"net/http"
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/idempotency"
)

func problemRules() []rule {
	return []rule{{
		name:    "refusals are problem documents, each of its own type, that never repeat the key",
		explain: "Programs tell refusals apart by their type, people follow its link, and pages and logs must not leak keys.",
		run:     refusals,
	}}
}

func refusals(s *subject) {
	if s.Config.KeyFunc != nil {
		s.skipf("Config.KeyFunc knows the syntax of keys, the suite does not")
	}
	key := newKey()
	seen := map[string]string{}
	note := func(what string, got reply, status int) {
		problemType := s.refused(got, status)
		assert.Empty(s, seen[problemType], "%s has the type of another refusal, %s", what, problemType)
		seen[problemType] = what
		assert.NotContains(s, got.body, key, "body of the refusal: %s", what)
		for name, values := range got.header {
			assert.NotContains(s, strings.Join(values, ","), key, "header %s of the refusal: %s", name, what)
		}
	}
	claims := func(claim idempotency.Claim, err error) {
		s.faults.fail(hooks{claim: func(context.Context, func() (idempotency.Claim, error)) (idempotency.Claim, error) { return claim, err }})
	}

	note("key malformed", s.do(s.spell([]string{`"` + key})), http.StatusBadRequest)
	if s.Config.RequireKey {
		note("key missing", s.do(s.call("")), http.StatusBadRequest)
	}
	s.fresh(s.post(key), http.StatusCreated)
	other := s.call(key)
	other.say(`{"amount":50}`)
	note("key reused", s.do(other), http.StatusUnprocessableEntity)
	claims(idempotency.Claim{State: idempotency.Busy, RetryAfter: s.Config.Lease}, nil)
	note("in flight", s.post(key), http.StatusConflict)
	claims(idempotency.Claim{State: idempotency.Replay}, nil)
	note("response unavailable", s.post(key), http.StatusConflict)
	claims(idempotency.Claim{}, idempotency.ErrStoreFull)
	note("store full", s.post(key), http.StatusServiceUnavailable)
	s.ran(1)
}
