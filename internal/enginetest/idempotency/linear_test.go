package idempotency_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/bracework/bracework/idempotency"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The steps of a store, as porcupine sees them. Leases outlast the test, so
// that no step depends on time.
type stepKind int

const (
	stepClaim stepKind = iota
	stepExtend
	stepComplete
	stepRelease
)

type step struct {
	kind        stepKind
	key         int
	token       idempotency.Token
	fingerprint byte
	record      string
}

type outcome struct {
	claim idempotency.Claim
	lost  bool
}

type modelState struct {
	phase       rune // 0 absent, 'P' in flight, 'C' completed, 'R' released
	token       idempotency.Token
	fingerprint byte
	attempt     int
	record      string
}

// next is the contract of idempotency.Store without its times.
func (s modelState) next(in step) (outcome, modelState) {
	owned := s.token == in.token
	switch in.kind {
	case stepClaim:
		switch {
		case s.phase == 0 || s.phase == 'R':
			s = modelState{'P', in.token, in.fingerprint, s.attempt + 1, ""}
			return claimed(s.attempt), s
		case s.phase == 'P' && owned:
			s.fingerprint = in.fingerprint
			return claimed(s.attempt), s
		case s.fingerprint != in.fingerprint:
			return outcome{claim: idempotency.Claim{State: idempotency.Mismatch}}, s
		case s.phase == 'C':
			return outcome{claim: idempotency.Claim{State: idempotency.Replay, Record: []byte(s.record)}}, s
		default:
			return outcome{claim: idempotency.Claim{State: idempotency.Busy}}, s
		}
	case stepExtend:
		return outcome{lost: !owned || s.phase != 'P'}, s
	case stepComplete:
		if !owned || s.phase == 'R' || s.phase == 0 {
			return outcome{lost: true}, s
		}
		if s.phase == 'P' {
			s.phase, s.record = 'C', in.record
		}
		return outcome{}, s
	default:
		if owned && s.phase == 'P' {
			s.phase = 'R'
		}
		return outcome{}, s
	}
}

func claimed(attempt int) outcome {
	return outcome{claim: idempotency.Claim{State: idempotency.Claimed, Attempt: attempt}}
}

func (o outcome) equal(other outcome) bool {
	return o.lost == other.lost && o.claim.State == other.claim.State && o.claim.Attempt == other.claim.Attempt &&
		bytes.Equal(o.claim.Record, other.claim.Record)
}

func contract() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byKey := map[int][]porcupine.Operation{}
			for _, op := range history {
				key := op.Input.(step).key
				byKey[key] = append(byKey[key], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range byKey {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return modelState{} },
		Step: func(state, in, out any) (bool, any) {
			want, next := state.(modelState).next(in.(step))
			return want.equal(out.(outcome)), next
		},
	}
}

func TestHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	memory := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = memory.Close() })
	tables := &atomic.Int64{}
	stores := map[string]func(t *testing.T) idempotency.Store{
		"memory": func(*testing.T) idempotency.Store { return memory },
		redisEngine: func(t *testing.T) idempotency.Store {
			t.Helper()
			store, _ := emptyRedis(t, newRedisClient(t, start(t, redisEngine).addr))
			return store
		},
	}
	for _, engine := range []string{postgresEngine, sqliteEngine} {
		stores[engine] = func(t *testing.T) idempotency.Store {
			t.Helper()
			store, _ := emptySQL(t, start(t, engine), tables)
			return store
		}
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			history := record(t, open(t))
			result := porcupine.CheckOperationsTimeout(contract(), history, wide)
			assert.Equal(t, porcupine.Ok, result, "of %d operations", len(history))
		})
	}
}

// record lets clients work on the store at once, each on keys that others work
// on too, and returns what they have seen.
func record(t *testing.T, store idempotency.Store) []porcupine.Operation {
	t.Helper()
	const clients, each, keys = 16, 640, 160
	var mu sync.Mutex
	var history []porcupine.Operation
	begin := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			tokens := map[int]idempotency.Token{}
			for i := range each {
				// Clients move over the keys together, so that they meet.
				in := step{kind: stepKind(rand.IntN(4)), key: i*keys/each + rand.IntN(3), fingerprint: byte(rand.IntN(8) / 7)}
				in.token, in.record = tokens[in.key], fmt.Sprint(client, i)
				if in.kind == stepClaim && rand.IntN(3) > 0 || in.token == (idempotency.Token{}) {
					in.token = idempotency.Token{1, byte(client), byte(i), byte(i >> 8)}
				}
				tokens[in.key] = in.token
				call := time.Since(begin)
				out, err := perform(t, store, in)
				if !assert.NoError(t, err) { //nolint:testifylint // not on the test's goroutine
					return
				}
				op := porcupine.Operation{ClientId: client, Input: in, Call: int64(call), Output: out, Return: int64(time.Since(begin))}
				mu.Lock()
				history = append(history, op)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.GreaterOrEqual(t, len(history), 10_000)
	return history
}

func perform(t *testing.T, store idempotency.Store, in step) (out outcome, err error) {
	t.Helper()
	key := idempotency.Key{byte(in.key), byte(in.key >> 8), 0xff}
	switch in.kind {
	case stepClaim:
		out.claim, err = store.Claim(t.Context(), idempotency.ClaimRequest{
			Key: key, Token: in.token, Fingerprint: idempotency.Fingerprint{in.fingerprint}, Lease: time.Hour, TTL: time.Hour,
		})
		out.claim.RetryAfter = 0
	case stepExtend:
		err = store.Extend(t.Context(), key, in.token, time.Hour)
	case stepComplete:
		err = store.Complete(t.Context(), key, in.token, []byte(in.record), time.Hour)
	default:
		err = store.Release(t.Context(), key, in.token)
	}
	if errors.Is(err, idempotency.ErrLeaseLost) {
		out.lost, err = true, nil
	}
	return out, err
}
