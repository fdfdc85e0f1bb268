package idempotency_test

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
)

func memory(t *testing.T, cfg idempotency.MemoryConfig) *idempotency.MemoryStore {
	t.Helper()
	s := idempotency.NewMemoryStore(cfg)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func keyNumber(n int) (key idempotency.Key) {
	binary.LittleEndian.PutUint64(key[:], uint64(n))
	return key
}

func claimOf(key, token, fp byte) idempotency.ClaimRequest {
	return idempotency.ClaimRequest{
		Key: idempotency.Key{key}, Token: idempotency.Token{token}, Fingerprint: idempotency.Fingerprint{fp},
		Lease: 30 * time.Second, TTL: time.Hour,
	}
}

func TestMemoryStoreStateMachine(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	type machine struct {
		t     *testing.T
		s     *idempotency.MemoryStore
		claim func(token, fp byte) idempotency.Claim
	}
	steps := func(name string, f func(machine)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := memory(t, idempotency.MemoryConfig{})
				f(machine{t: t, s: s, claim: func(token, fp byte) idempotency.Claim {
					c, err := s.Claim(ctx, claimOf(1, token, fp))
					require.NoError(t, err)
					return c
				}})
			})
		})
	}
	key, a, b := idempotency.Key{1}, idempotency.Token{1}, idempotency.Token{2}
	claimed := func(attempt int) idempotency.Claim {
		return idempotency.Claim{State: idempotency.Claimed, Attempt: attempt}
	}
	mismatch := idempotency.Claim{State: idempotency.Mismatch}

	steps("in flight: busy for others, mismatch for another fingerprint", func(m machine) {
		assert.Equal(m.t, claimed(1), m.claim(1, 1))
		time.Sleep(10 * time.Second)
		assert.Equal(m.t, idempotency.Claim{State: idempotency.Busy, RetryAfter: 20 * time.Second}, m.claim(2, 1))
		assert.Equal(m.t, mismatch, m.claim(2, 2))
	})
	steps("a claim can be repeated with its token", func(m machine) {
		assert.Equal(m.t, claimed(1), m.claim(1, 1))
		assert.Equal(m.t, claimed(1), m.claim(1, 1))
	})
	steps("the lease ends to the nanosecond; the next claim is attempt 2", func(m machine) {
		m.claim(1, 1)
		time.Sleep(30*time.Second - 1)
		assert.Equal(m.t, idempotency.Busy, m.claim(2, 1).State)
		time.Sleep(time.Nanosecond)
		assert.Equal(m.t, mismatch, m.claim(2, 2), "another fingerprint cannot take over")
		assert.Equal(m.t, claimed(2), m.claim(2, 1))
		require.ErrorIs(m.t, m.s.Complete(ctx, key, a, []byte("stale"), time.Hour), idempotency.ErrLeaseLost)
		require.ErrorIs(m.t, m.s.Extend(ctx, key, a, time.Hour), idempotency.ErrLeaseLost)
		require.NoError(m.t, m.s.Release(ctx, key, a))
		assert.Equal(m.t, idempotency.Busy, m.claim(3, 1).State, "a stale owner releases nothing")
	})
	steps("extend moves the end", func(m machine) {
		m.claim(1, 1)
		time.Sleep(20 * time.Second)
		require.NoError(m.t, m.s.Extend(ctx, key, a, 30*time.Second))
		time.Sleep(30*time.Second - 1)
		assert.Equal(m.t, idempotency.Busy, m.claim(2, 1).State)
	})
	steps("an owner whose lease ended completes if nobody took over", func(m machine) {
		m.claim(1, 1)
		time.Sleep(time.Minute)
		require.NoError(m.t, m.s.Complete(ctx, key, a, []byte("r"), time.Hour))
		assert.Equal(m.t, "r", string(m.claim(2, 1).Record))
	})
	steps("completed: replay until the TTL, then absent", func(m machine) {
		m.claim(1, 1)
		require.NoError(m.t, m.s.Complete(ctx, key, a, []byte("r"), time.Minute))
		require.NoError(m.t, m.s.Complete(ctx, key, a, []byte("again"), time.Minute), "repeated by its owner")
		assert.Equal(m.t, idempotency.Claim{State: idempotency.Replay, Record: []byte("r")}, m.claim(2, 1))
		assert.Equal(m.t, mismatch, m.claim(2, 2))
		require.ErrorIs(m.t, m.s.Extend(ctx, key, a, time.Hour), idempotency.ErrLeaseLost)
		require.ErrorIs(m.t, m.s.Complete(ctx, key, b, nil, time.Hour), idempotency.ErrLeaseLost)
		require.NoError(m.t, m.s.Release(ctx, key, a))
		assert.Equal(m.t, idempotency.Replay, m.claim(2, 1).State, "what is completed cannot be released")
		time.Sleep(time.Minute - 1)
		assert.Equal(m.t, idempotency.Replay, m.claim(2, 1).State)
		time.Sleep(time.Nanosecond)
		assert.Equal(m.t, claimed(1), m.claim(2, 2))
	})
	steps("released: the attempt is kept, the fingerprint is not", func(m machine) {
		m.claim(1, 1)
		require.NoError(m.t, m.s.Release(ctx, key, a))
		require.ErrorIs(m.t, m.s.Complete(ctx, key, a, nil, time.Hour), idempotency.ErrLeaseLost)
		assert.Equal(m.t, claimed(2), m.claim(2, 2))
		require.NoError(m.t, m.s.Release(ctx, key, b))
		time.Sleep(time.Hour)
		assert.Equal(m.t, claimed(1), m.claim(3, 3), "expired")
	})
	steps("a record in flight outlives its lease by the TTL", func(m machine) {
		m.claim(1, 1)
		time.Sleep(time.Hour + 30*time.Second - 1)
		assert.Equal(m.t, claimed(2), m.claim(2, 1))
		time.Sleep(time.Hour + 30*time.Second)
		assert.Equal(m.t, claimed(1), m.claim(3, 1))
	})
	steps("absent: nothing to extend, complete or release", func(m machine) {
		require.ErrorIs(m.t, m.s.Extend(ctx, key, a, time.Hour), idempotency.ErrLeaseLost)
		require.ErrorIs(m.t, m.s.Complete(ctx, key, a, nil, time.Hour), idempotency.ErrLeaseLost)
		require.NoError(m.t, m.s.Release(ctx, key, a))
	})
}

func TestMemoryStoreDoesNotRetainTheRecord(t *testing.T) {
	t.Parallel()
	s := memory(t, idempotency.MemoryConfig{})
	_, err := s.Claim(t.Context(), claimOf(1, 1, 1))
	require.NoError(t, err)
	rec := []byte("record")
	require.NoError(t, s.Complete(t.Context(), idempotency.Key{1}, idempotency.Token{1}, rec, time.Hour))
	rec[0] = 'X'
	c, err := s.Claim(t.Context(), claimOf(1, 2, 1))
	require.NoError(t, err)
	assert.Equal(t, "record", string(c.Record))
}

func TestMemoryStoreOneWinner(t *testing.T) {
	t.Parallel()
	s := memory(t, idempotency.MemoryConfig{})
	var wins atomic.Int64
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			req := claimOf(1, 0, 1)
			binary.LittleEndian.PutUint32(req.Token[:], uint32(i))
			if c, err := s.Claim(t.Context(), req); err == nil && c.State == idempotency.Claimed {
				wins.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, wins.Load())
}

func TestMemoryStoreJanitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t, idempotency.MemoryConfig{})
		for i := range 2000 {
			req := claimOf(0, 1, 1)
			req.Key = keyNumber(i)
			_, err := s.Claim(t.Context(), req)
			require.NoError(t, err)
			require.NoError(t, s.Complete(t.Context(), req.Key, req.Token, make([]byte, 100), 90*time.Minute))
		}
		time.Sleep(2*time.Hour - time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, 2000, s.Stats().Records, "expired, and removed at the hour")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, idempotency.MemoryStats{}, s.Stats())
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
		_, err := s.Claim(t.Context(), claimOf(1, 1, 1))
		assert.NoError(t, err, "still decides after Close")
	})
}

func TestMemoryStorePurge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t, idempotency.MemoryConfig{PurgeEvery: -1})
		for i := range 10 {
			req := claimOf(0, 1, 1)
			req.Key = keyNumber(i)
			_, err := s.Claim(t.Context(), req)
			require.NoError(t, err)
			require.NoError(t, s.Complete(t.Context(), req.Key, req.Token, nil, time.Duration(i+1)*time.Minute))
		}
		time.Sleep(5 * time.Minute)
		n, err := s.Purge(t.Context(), 3)
		require.NoError(t, err)
		assert.Equal(t, 3, n)
		n, err = s.Purge(t.Context(), 0)
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		assert.Equal(t, 5, s.Stats().Records)
	})
}

func TestMemoryStoreCap(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t, idempotency.MemoryConfig{MaxBytes: 64 << 10})
		complete := func(i, size int) error {
			req := claimOf(0, 1, 1)
			req.Key = keyNumber(i)
			if _, err := s.Claim(ctx, req); err != nil {
				return err
			}
			return s.Complete(ctx, req.Key, req.Token, make([]byte, size), time.Hour)
		}
		state := func(i int) (idempotency.ClaimState, int) {
			req := claimOf(0, 9, 1)
			req.Key = keyNumber(i)
			c, err := s.Claim(ctx, req)
			require.NoError(t, err)
			return c.State, len(c.Record)
		}
		inFlight := claimOf(0, 7, 1)
		inFlight.Key, inFlight.Lease = keyNumber(-1), time.Hour
		_, err := s.Claim(ctx, inFlight)
		require.NoError(t, err)
		for i := range 20 {
			require.NoError(t, complete(i, 8<<10))
			time.Sleep(time.Second)
			assert.LessOrEqual(t, s.Stats().Bytes, int64(64<<10))
		}
		for i, want := range map[int]int{0: 0, 12: 0, 13: 8 << 10, 19: 8 << 10} {
			st, size := state(i)
			assert.Equal(t, idempotency.Replay, st, "record %d is still completed", i)
			assert.Equal(t, want, size, "record %d", i)
		}
		assert.Equal(t, idempotency.MemoryStats{Records: 21, InFlight: 1, Tombstones: 13, Bytes: s.Stats().Bytes}, s.Stats())

		// Only tombstones and claims in flight are left in the end.
		var full error
		for i := 100; full == nil; i++ {
			full = complete(i, 0)
		}
		require.ErrorIs(t, full, idempotency.ErrStoreFull)
		assert.LessOrEqual(t, s.Stats().Bytes, int64(64<<10))
		require.NoError(t, s.Extend(ctx, inFlight.Key, inFlight.Token, 3*time.Hour), "what is in flight is never evicted")
		time.Sleep(time.Hour)
		assert.NoError(t, complete(5000, 0), "expired records make room at once")
	})
}

func TestMemoryStoreUnderLoad(t *testing.T) {
	t.Parallel()
	s := memory(t, idempotency.MemoryConfig{MaxBytes: 32 << 10, PurgeEvery: time.Millisecond})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				req := idempotency.ClaimRequest{Key: keyNumber(i % 100), Token: idempotency.Token{byte(g), byte(i), byte(i >> 8)}, Lease: time.Millisecond, TTL: time.Millisecond}
				c, err := s.Claim(t.Context(), req)
				if err != nil || c.State != idempotency.Claimed {
					continue
				}
				switch i % 3 {
				case 0:
					_ = s.Complete(t.Context(), req.Key, req.Token, make([]byte, i%2000), time.Millisecond)
				case 1:
					_ = s.Release(t.Context(), req.Key, req.Token)
				default:
					_ = s.Extend(t.Context(), req.Key, req.Token, time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	assert.Eventually(t, func() bool { return s.Stats() == idempotency.MemoryStats{} }, 5*time.Second, 5*time.Millisecond,
		"everything expires and the accounts balance")
}
