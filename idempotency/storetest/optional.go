package storetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

// purgeAll removes what can be removed.
func (s *subject) purgeAll(p idempotency.Purger) int {
	s.t.Helper()
	n, err := p.Purge(s.ctx(), 0)
	require.NoError(s.t, err)
	return n
}

func optionalRules() []rule {
	purger := func(check func(*subject, idempotency.Purger)) func(*subject) {
		return func(s *subject) {
			p, ok := s.store.(idempotency.Purger)
			if !ok {
				s.t.Skip("the store is no Purger")
			}
			check(s, p)
		}
	}
	waiter := func(check func(*subject, idempotency.Waiter)) func(*subject) {
		return func(s *subject) {
			w, ok := s.store.(idempotency.Waiter)
			if !ok {
				s.t.Skip("the store is no Waiter")
			}
			check(s, w)
		}
	}
	return []rule{
		{"Purge removes expired records only", purger(func(s *subject, p idempotency.Purger) {
			dead, overdue, running, completed, released := s.key(), s.key(), s.key(), s.key(), s.key()
			require.NoError(s.t, s.store.Complete(s.ctx(), dead, s.own(dead, 1), []byte("r"), short))
			s.own(overdue, 1)
			s.advance(short) // overdue has lost its lease and is not expired
			tok := s.own(running, 1)
			require.NoError(s.t, s.complete(completed, s.own(completed, 1), "r"))
			s.release(released, s.own(released, 1))
			assert.Equal(s.t, 1, s.purgeAll(p))
			assert.Zero(s.t, s.purgeAll(p))
			s.own(dead, 1)
			s.own(overdue, 2)
			require.NoError(s.t, s.extend(running, tok))
			s.replays(completed, []byte("r"))
			s.own(released, 2)
		})},
		{"Purge stops at its limit", purger(func(s *subject, p idempotency.Purger) {
			for range 10 {
				k := s.key()
				require.NoError(s.t, s.store.Complete(s.ctx(), k, s.own(k, 1), []byte("r"), short))
			}
			s.advance(short)
			for _, want := range []int{4, 4, 2, 0} {
				n, err := p.Purge(s.ctx(), 4)
				require.NoError(s.t, err)
				assert.Equal(s.t, want, n)
			}
		})},
		{"Wait returns at once where nothing is in flight", waiter(func(s *subject, w idempotency.Waiter) {
			completed, released, overdue := s.key(), s.key(), s.key()
			require.NoError(s.t, s.complete(completed, s.own(completed, 1), "r"))
			s.release(released, s.own(released, 1))
			s.own(overdue, 1)
			s.advance(lease)
			for _, k := range []idempotency.Key{s.key(), completed, released, overdue} {
				require.NoError(s.t, w.Wait(s.ctx(), k))
			}
		})},
		{"Wait ends with the attempt, and with its context", waiter(func(s *subject, w idempotency.Waiter) {
			k := s.key()
			tok := s.own(k, 1)
			ctx, cancel := context.WithTimeout(s.ctx(), 10*time.Millisecond)
			defer cancel()
			require.ErrorIs(s.t, w.Wait(ctx, k), context.DeadlineExceeded)
			done := make(chan error)
			go func() { done <- w.Wait(s.ctx(), k) }()
			require.NoError(s.t, s.complete(k, tok, "r"))
			require.NoError(s.t, <-done)
		})},
	}
}
