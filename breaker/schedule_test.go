package breaker_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// TestRandomSchedules lets calls of random length and outcome, some of which never report, meet a circuit.
func TestRandomSchedules(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			cfg := breaker.Config{
				Consecutive: 1 + r.IntN(4), MinCalls: 2 + r.IntN(5), Window: 100 * time.Millisecond,
				OpenFor: time.Duration(1+r.IntN(50)) * time.Millisecond, MaxOpenFor: 100 * time.Millisecond,
				Probes: 1 + r.IntN(3), ProbeSuccesses: 1 + r.IntN(3), ProbeTimeout: time.Duration(5+r.IntN(40)) * time.Millisecond,
			}
			last := breaker.Closed
			cfg.OnChange = func(c breaker.Change) {
				assert.Equal(t, last, c.From)
				assert.NotEqual(t, c.From, c.To)
				last = c.To
			}
			b := newBreaker(t, cfg)
			var calls []func(breaker.Outcome)
			for range 300 {
				time.Sleep(time.Duration(r.IntN(8000)) * time.Microsecond)
				for len(calls) > 0 && r.IntN(3) > 0 {
					i := r.IntN(len(calls))
					calls[i](breaker.Outcome(1 + r.IntN(3)))
					calls = append(calls[:i], calls[i+1:]...)
				}
				state, wait := b.State(), b.RetryAfter()
				done, err := b.Allow(t.Context())
				require.Equal(t, wait > 0, err != nil, "seed %d: RetryAfter and Allow disagree", seed)
				switch {
				case err != nil:
					assert.NotEqual(t, breaker.Closed, state)
				case state == breaker.Open:
					assert.Fail(t, "an open circuit admitted a call", "seed %d", seed)
				case r.IntN(10) > 0: // else lost
					calls = append(calls, done)
				}
				assert.LessOrEqual(t, b.Snapshot().Probes, cfg.Probes)
			}
			// The upstream is well from now on, and nothing that still runs reports.
			deadline := time.Now().Add(2 * time.Second)
			for time.Now().Before(deadline) && b.State() != breaker.Closed {
				time.Sleep(b.RetryAfter())
				_ = call(b, nil)
			}
			assert.Equal(t, breaker.Closed, b.State(), "seed %d", seed)
		})
	}
}

// TestLiveProbes counts the probes themselves, not the breaker's idea of them.
func TestLiveProbes(t *testing.T) {
	t.Parallel()
	for probes := 1; probes <= 3; probes++ {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, breaker.Config{Consecutive: 1, Probes: probes, ProbeSuccesses: 5})
			time.Sleep(trip(t, b))
			var live, most, admitted atomic.Int32
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					_ = b.Do(context.Background(), func(context.Context) error {
						admitted.Add(1)
						n := live.Add(1)
						for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
						}
						time.Sleep(time.Second)
						live.Add(-1)
						return nil
					})
				})
			}
			wg.Wait()
			assert.EqualValues(t, probes, most.Load())
			assert.EqualValues(t, probes, admitted.Load())
		})
	}
}

// TestStress is for the race detector, in real time.
func TestStress(t *testing.T) {
	t.Parallel()
	var b *breaker.Breaker
	last, hooks := breaker.Closed, atomic.Int32{}
	b = newBreaker(t, breaker.Config{
		Consecutive: 3, OpenFor: time.Millisecond, MaxOpenFor: 2 * time.Millisecond, Window: 50 * time.Millisecond, Probes: 2,
		ProbeTimeout: time.Millisecond,
		OnChange: func(c breaker.Change) {
			assert.EqualValues(t, 1, hooks.Add(1), "one at a time")
			assert.Equal(t, last, c.From, "in order")
			last = c.To
			b.State()
			hooks.Add(-1)
		},
	})
	var wg sync.WaitGroup
	for worker := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(worker, 3))
			for range 3000 {
				switch r.IntN(8) {
				case 0:
					if done, err := b.Allow(context.Background()); err == nil && r.IntN(4) > 0 {
						done(breaker.Failure)
						done(breaker.Success)
					}
				case 1:
					if k := r.IntN(100); k == 0 {
						b.ForceClosed()
						b.ForceOpen()
						b.Auto()
					} else if k == 1 {
						b.Reset()
					}
					_, _, _ = b.Snapshot(), b.RetryAfter(), b.Check(context.Background())
				case 2, 3:
					_ = call(b, errDown)
				default:
					_ = call(b, nil)
				}
			}
		})
	}
	wg.Wait()
	b.Auto()
	assert.Eventually(t, func() bool {
		_ = call(b, nil)
		return b.State() == breaker.Closed
	}, 5*time.Second, time.Millisecond)
}
