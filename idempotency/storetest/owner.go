package storetest

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// refused asserts that tok owns nothing under k any more.
func (s *subject) refused(k idempotency.Key, tok idempotency.Token) {
	s.t.Helper()
	require.ErrorIs(s.t, s.extend(k, tok), idempotency.ErrLeaseLost)
	require.ErrorIs(s.t, s.complete(k, tok, "stale"), idempotency.ErrLeaseLost)
	s.release(k, tok) // no error, and no effect
}

func ownerRules() []rule {
	return []rule{
		{"Extend renews from now", func(s *subject) {
			k := s.key()
			tok := s.own(k, 1)
			for range 3 {
				s.advance(lease - edge)
				require.NoError(s.t, s.extend(k, tok))
			}
			s.advance(lease - edge)
			s.isBusy(k)
			s.advance(edge)
			s.own(k, 2)
		}},
		{"Extend pushes the expiry", func(s *subject) {
			k := s.key()
			tok := s.own(k, 1)
			s.advance(lease - edge)
			require.NoError(s.t, s.extend(k, tok))
			s.advance(lease + ttl - edge)
			s.own(k, 2)
		}},
		{"an owner may extend and complete after its lease, while nobody took over", func(s *subject) {
			k := s.key()
			tok := s.own(k, 1)
			s.advance(lease + edge)
			require.NoError(s.t, s.extend(k, tok))
			s.isBusy(k)
			s.advance(lease + edge)
			require.NoError(s.t, s.complete(k, tok, "r"))
			s.replays(k, []byte("r"))
		}},
		{"an owner that was overtaken changes nothing", func(s *subject) {
			k := s.key()
			stale := s.own(k, 1)
			s.advance(lease)
			tok := s.own(k, 2)
			s.refused(k, stale)
			s.isBusy(k)
			require.NoError(s.t, s.complete(k, tok, "r"))
			s.refused(k, stale)
			s.replays(k, []byte("r"))
		}},
		{"a stranger changes nothing", func(s *subject) {
			absent := s.key()
			s.refused(absent, s.token())
			s.own(absent, 1)

			k := s.key()
			tok := s.own(k, 1)
			s.refused(k, s.token())
			s.isBusy(k)
			require.NoError(s.t, s.complete(k, tok, "r"))
			s.refused(k, s.token())
			s.replays(k, []byte("r"))
		}},
		{"an expired record has no owner", func(s *subject) {
			k := s.key()
			tok := s.own(k, 1)
			s.advance(lease + ttl)
			s.refused(k, tok)
			s.own(k, 1)
		}},
		{"a completed record is not extended or released", func(s *subject) {
			k := s.key()
			tok := s.own(k, 1)
			require.NoError(s.t, s.complete(k, tok, "r"))
			require.ErrorIs(s.t, s.extend(k, tok), idempotency.ErrLeaseLost)
			s.release(k, tok)
			s.replays(k, []byte("r"))
		}},
		{"Complete may be repeated by its owner, and the first record stays", func(s *subject) {
			k := s.key()
			tok := s.own(k, 1)
			require.NoError(s.t, s.complete(k, tok, "first"))
			require.NoError(s.t, s.complete(k, tok, "second"))
			s.replays(k, []byte("first"))
		}},
		{"a claim under the token of a completed record is a replay", func(s *subject) {
			req := request(s.key(), s.token())
			s.claim(req)
			require.NoError(s.t, s.complete(req.Key, req.Token, "r"))
			assert.Equal(s.t, idempotency.Replay.String(), s.claim(req).State.String(), "state of the claim")
		}},
		{"a released key is claimed as the next attempt, with any fingerprint", func(s *subject) {
			k := s.key()
			s.release(k, s.own(k, 1))
			req := other(request(k, s.token()))
			claim := s.claim(req)
			assert.Equal(s.t, idempotency.Claimed.String(), claim.State.String(), "state of the claim")
			assert.Equal(s.t, 2, claim.Attempt, "attempt of the claim")
			assert.Equal(s.t, idempotency.Mismatch.String(), s.claim(request(k, s.token())).State.String(), "state of the claim")
			s.release(k, req.Token)
			s.own(k, 3)
		}},
		{"a released key has no owner", func(s *subject) {
			k := s.key()
			tok := s.own(k, 1)
			s.release(k, tok)
			s.refused(k, tok)
			s.own(k, 2)
		}},
		{"a released record expires after the TTL of its claim", func(s *subject) {
			k := s.key()
			s.release(k, s.own(k, 1))
			s.advance(ttl - edge)
			tok := s.own(k, 2)
			s.release(k, tok)
			s.advance(ttl)
			s.own(k, 1)
		}},
	}
}
