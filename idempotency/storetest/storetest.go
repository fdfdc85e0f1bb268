// Package storetest checks that a store keeps the contract of
// [idempotency.Store]. Whoever writes a store calls [Run] in a test.
package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// Harness is what [Run] needs to know of a store.
type Harness struct {
	// New returns an empty store. It is called once a rule; whatever has to be
	// ended is ended by t.Cleanup. A janitor must not run more often than twice
	// an hour.
	New func(t *testing.T) idempotency.Store
	// Advance moves the clock of the store that New returned last, by sleeping
	// in a bubble, by the clock of a stand-in, or by moving the times of all
	// records back. Rules advance by minutes, and leave a second of room around
	// each edge.
	Advance func(d time.Duration)
}

// Run checks each rule of the contract in a subtest of its own, one after the
// other. bubble runs a subtest: pass testing/synctest.Test for a store in
// memory, and nil for one that talks to somebody else. Rules about [idempotency.Purger]
// and [idempotency.Waiter] are skipped for stores that are neither.
//
// A store is called from up to 64 goroutines at once, with records of up to
// 1 MiB.
func Run(t *testing.T, bubble func(*testing.T, func(*testing.T)), h Harness) {
	if bubble == nil {
		bubble = func(t *testing.T, f func(*testing.T)) { f(t) }
	}
	require.NotNil(t, h.New, "Harness.New")
	require.NotNil(t, h.Advance, "Harness.Advance")
	for _, rule := range rules() {
		t.Run(rule.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				rule.check(&subject{t: t, store: h.New(t), advance: h.Advance})
			})
		})
	}
}

type rule struct {
	name  string
	check func(*subject)
}

func rules() []rule {
	return append(append(append(claimRules(), ownerRules()...), optionalRules()...), raceRules()...)
}

const (
	lease = time.Minute
	ttl   = time.Hour
	edge  = time.Second // room for the time that passes by itself
	short = 2 * lease   // a TTL that ends before a janitor comes
)

// subject is a store under test.
type subject struct {
	t       *testing.T
	store   idempotency.Store
	advance func(time.Duration)
	made    atomic.Uint64
}

func (s *subject) ctx() context.Context { return s.t.Context() }

// key returns a key that was not used before.
func (s *subject) key() idempotency.Key {
	var k idempotency.Key
	binary.BigEndian.PutUint64(k[:], s.made.Add(1))
	k[31] = 0xff // bytes that are no text
	return k
}

// token returns a token that was not used before.
func (s *subject) token() idempotency.Token {
	var tok idempotency.Token
	binary.BigEndian.PutUint64(tok[:], s.made.Add(1))
	tok[15] = 0xff
	return tok
}

func request(k idempotency.Key, tok idempotency.Token) idempotency.ClaimRequest {
	return idempotency.ClaimRequest{Key: k, Token: tok, Fingerprint: idempotency.Fingerprint{1, 0, 0xff}, Lease: lease, TTL: ttl}
}

func other(req idempotency.ClaimRequest) idempotency.ClaimRequest {
	req.Fingerprint = idempotency.Fingerprint{2}
	return req
}

func (s *subject) claim(req idempotency.ClaimRequest) idempotency.Claim {
	s.t.Helper()
	claim, err := s.store.Claim(s.ctx(), req)
	require.NoError(s.t, err)
	return claim
}

// own claims k and returns the token.
func (s *subject) own(k idempotency.Key, attempt int) idempotency.Token {
	s.t.Helper()
	tok := s.token()
	claim := s.claim(request(k, tok))
	require.Equal(s.t, idempotency.Claimed.String(), claim.State.String(), "state of the claim")
	require.Equal(s.t, attempt, claim.Attempt, "attempt of the claim")
	return tok
}

func (s *subject) isBusy(k idempotency.Key) {
	s.t.Helper()
	claim := s.claim(request(k, s.token()))
	assert.Equal(s.t, idempotency.Busy.String(), claim.State.String(), "state of the claim")
	assert.Positive(s.t, claim.RetryAfter)
	assert.LessOrEqual(s.t, claim.RetryAfter, lease)
}

func (s *subject) replays(k idempotency.Key, rec []byte) {
	s.t.Helper()
	claim := s.claim(request(k, s.token()))
	assert.Equal(s.t, idempotency.Replay.String(), claim.State.String(), "state of the claim")
	assert.True(s.t, bytes.Equal(rec, claim.Record), "%d bytes in, %d bytes out", len(rec), len(claim.Record))
}

func (s *subject) extend(k idempotency.Key, tok idempotency.Token) error {
	return s.store.Extend(s.ctx(), k, tok, lease)
}

func (s *subject) complete(k idempotency.Key, tok idempotency.Token, rec string) error {
	return s.store.Complete(s.ctx(), k, tok, []byte(rec), ttl)
}

func (s *subject) release(k idempotency.Key, tok idempotency.Token) {
	s.t.Helper()
	require.NoError(s.t, s.store.Release(s.ctx(), k, tok))
}
