package storetest

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func claimRules() []rule {
	return []rule{
		{"an absent key is claimed as attempt 1", func(s *subject) {
			s.own(s.key(), 1)
		}},
		{"a claimed key is busy for others", func(s *subject) {
			k := s.key()
			s.own(k, 1)
			s.isBusy(k)
			s.isBusy(k)
		}},
		{"a claim may be repeated under its token, which renews the lease", func(s *subject) {
			req := request(s.key(), s.token())
			require.Equal(s.t, 1, s.claim(req).Attempt)
			s.advance(lease - edge)
			claim := s.claim(req)
			assert.Equal(s.t, idempotency.Claimed.String(), claim.State.String(), "state of the claim")
			assert.Equal(s.t, 1, claim.Attempt, "attempt of the claim")
			s.advance(lease - edge)
			s.isBusy(req.Key)
		}},
		{"another fingerprint is a mismatch while in flight", func(s *subject) {
			k := s.key()
			s.own(k, 1)
			assert.Equal(s.t, idempotency.Mismatch.String(), s.claim(other(request(k, s.token()))).State.String(), "state of the claim")
			s.isBusy(k)
		}},
		{"another fingerprint is a mismatch when the lease has ended", func(s *subject) {
			k := s.key()
			s.own(k, 1)
			s.advance(lease)
			assert.Equal(s.t, idempotency.Mismatch.String(), s.claim(other(request(k, s.token()))).State.String(), "state of the claim")
			s.own(k, 2)
		}},
		{"another fingerprint is a mismatch after completion", func(s *subject) {
			k := s.key()
			require.NoError(s.t, s.complete(k, s.own(k, 1), "r"))
			assert.Equal(s.t, idempotency.Mismatch.String(), s.claim(other(request(k, s.token()))).State.String(), "state of the claim")
			s.replays(k, []byte("r"))
		}},
		{"a lease holds to its end, and is then taken over as the next attempt", func(s *subject) {
			k := s.key()
			s.own(k, 1)
			s.advance(lease - edge)
			s.isBusy(k)
			s.advance(edge)
			s.own(k, 2)
			s.isBusy(k)
			s.advance(lease)
			s.own(k, 3)
		}},
		{"a lease of 50 ms ends", func(s *subject) {
			req := request(s.key(), s.token())
			req.Lease = 50 * time.Millisecond
			s.claim(req)
			s.advance(50 * time.Millisecond)
			s.own(req.Key, 2)
		}},
		{"a record in flight expires its TTL after its lease", func(s *subject) {
			k := s.key()
			s.own(k, 1)
			s.advance(lease + ttl - edge)
			s.own(k, 2)
			s.advance(lease + ttl)
			s.own(k, 1)
		}},
		{"an expired record is claimed with any fingerprint", func(s *subject) {
			k := s.key()
			s.own(k, 1)
			s.advance(lease + ttl)
			claim := s.claim(other(request(k, s.token())))
			assert.Equal(s.t, idempotency.Claimed.String(), claim.State.String(), "state of the claim")
			assert.Equal(s.t, 1, claim.Attempt, "attempt of the claim")
		}},
		{"a record is replayed byte for byte", func(s *subject) {
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			for _, rec := range [][]byte{[]byte("r"), every, bytes.Repeat(every, 4096)} {
				k := s.key()
				require.NoError(s.t, s.store.Complete(s.ctx(), k, s.own(k, 1), rec, ttl))
				s.replays(k, rec)
				s.replays(k, rec)
			}
		}},
		{"an empty record is a replay, not absent", func(s *subject) {
			k := s.key()
			require.NoError(s.t, s.store.Complete(s.ctx(), k, s.own(k, 1), nil, ttl))
			s.replays(k, nil)
		}},
		{"a record does not change with the slice that it was stored from", func(s *subject) {
			k, rec := s.key(), []byte("before")
			require.NoError(s.t, s.store.Complete(s.ctx(), k, s.own(k, 1), rec, ttl))
			copy(rec, "after!")
			s.replays(k, []byte("before"))
		}},
		{"a completed record expires after its TTL", func(s *subject) {
			k := s.key()
			require.NoError(s.t, s.complete(k, s.own(k, 1), "r"))
			s.advance(ttl - edge)
			s.replays(k, []byte("r"))
			s.advance(edge)
			s.own(k, 1)
		}},
		{"the TTL is that of Complete", func(s *subject) {
			k := s.key()
			require.NoError(s.t, s.store.Complete(s.ctx(), k, s.own(k, 1), []byte("r"), 48*ttl))
			s.advance(47 * ttl)
			s.replays(k, []byte("r"))
			s.advance(ttl)
			s.own(k, 1)
		}},
		{"keys do not meet", func(s *subject) {
			a, b := s.key(), s.key()
			tok := s.own(a, 1)
			s.own(b, 1)
			require.ErrorIs(s.t, s.complete(b, tok, "r"), idempotency.ErrLeaseLost)
			require.NoError(s.t, s.complete(a, tok, "r"))
			s.isBusy(b)
		}},
	}
}
