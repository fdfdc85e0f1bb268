package breaker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// TestAgreesWithGobreaker drives a breaker and a bare gobreaker of the same rules through the same calls, one at a time.
// Time passes only in steps after which both open periods, the jittered and the exact one, are over or are not.
func TestAgreesWithGobreaker(t *testing.T) {
	t.Parallel()
	const openFor = time.Hour
	for _, rule := range []string{"consecutive", "rate"} {
		for seed := range uint64(100) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 2))
				n, successes := 1+r.IntN(5), 1+r.IntN(3)
				cfg := breaker.Config{
					Consecutive: n, FailureRate: -1, Window: 360 * 24 * time.Hour, OpenFor: openFor, MaxOpenFor: -1,
					ProbeSuccesses: successes, ProbeTimeout: 24 * time.Hour,
				}
				ready := func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= n }
				if rule == "rate" {
					cfg.Consecutive, cfg.FailureRate, cfg.MinCalls = -1, 0.6, n
					ready = func(c gobreaker.Counts) bool {
						return int(c.Requests) >= n && float64(c.TotalFailures) >= 0.6*float64(c.TotalFailures+c.TotalSuccesses)
					}
				}
				var ours, theirs []string
				cfg.OnChange = func(c breaker.Change) { ours = append(ours, fmt.Sprint(c.From, c.To)) }
				b := newBreaker(t, cfg)
				gb := gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
					MaxRequests: uint32(successes), Timeout: openFor, ReadyToTrip: ready,
					OnStateChange: func(_ string, from, to gobreaker.State) { theirs = append(theirs, fmt.Sprint(from, to)) },
				})
				completed := 0 // of the present closed period; ours may open at a success that completes MinCalls
				for range 400 {
					if b.State() == breaker.Open && r.IntN(3) == 0 {
						time.Sleep(openFor * 5 / 4)
					} else {
						time.Sleep(time.Millisecond)
					}
					fail := r.IntN(2) == 0
					if b.State() != breaker.Closed {
						completed = 0
					} else if completed++; rule == "rate" && completed == n {
						fail = true
					}
					o, err := breaker.Success, error(nil)
					if fail {
						o, err = breaker.Failure, errDown
					}
					done, refusal := b.Allow(t.Context())
					report, refusalToo := gb.Allow()
					require.Equal(t, refusalToo != nil, refusal != nil, "seed %d", seed)
					if refusal == nil {
						done(o)
						report(err)
					}
					require.Equal(t, gb.State().String(), b.State().String(), "seed %d", seed)
					require.Equal(t, theirs, ours, "seed %d", seed)
				}
			})
		}
	}
}

// twins are a breaker and a bare gobreaker of the same rules.
type twins struct {
	ours   *breaker.Breaker
	theirs *gobreaker.TwoStepCircuitBreaker[struct{}]
	moves  [2][]string // of ours and theirs
}

// twinPeriod is long, so that time passes only in steps after which both open periods, the jittered and the exact one,
// are over or are not.
const twinPeriod = time.Hour

func newTwins(t *testing.T, failures int) *twins {
	t.Helper()
	w := &twins{}
	w.ours = newBreaker(t, breaker.Config{
		Consecutive: failures, FailureRate: -1, OpenFor: twinPeriod, MaxOpenFor: -1, ProbeTimeout: 360 * 24 * time.Hour,
		OnChange: func(c breaker.Change) { w.moves[0] = append(w.moves[0], fmt.Sprint(c.From, c.To)) },
	})
	w.theirs = bare(gobreaker.Settings{
		Timeout:     twinPeriod,
		ReadyToTrip: func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= failures },
		IsExcluded:  func(err error) bool { return err != nil && err != errDown }, //nolint:errorlint // identity
		OnStateChange: func(_ string, from, to gobreaker.State) {
			w.moves[1] = append(w.moves[1], fmt.Sprint(from, to))
		},
	})
	return w
}

// allow asks both, and reports to both.
func (w *twins) allow(t *testing.T) (done func(breaker.Outcome), admitted bool) {
	t.Helper()
	ours, refusal := w.ours.Allow(context.Background())
	theirs, refusalToo := w.theirs.Allow()
	assert.Equal(t, refusalToo == nil, refusal == nil)
	if refusal != nil || refusalToo != nil {
		return nil, false
	}
	return func(o breaker.Outcome) {
		ours(o)
		theirs(map[breaker.Outcome]error{breaker.Success: nil, breaker.Failure: errDown, breaker.Neutral: context.Canceled}[o])
	}, true
}

// agree compares the states, which makes theirs change where ours only tells what a call would find.
func (w *twins) agree(t *testing.T) {
	t.Helper()
	assert.Equal(t, w.theirs.State().String(), w.ours.State().String())
}

// pass lets a moment pass, or an open period.
func (w *twins) pass(r *rand.Rand) {
	if w.ours.State() == breaker.Open && r.IntN(4) == 0 {
		time.Sleep(twinPeriod * 5 / 4)
	}
	time.Sleep(time.Millisecond)
}

// TestAgreesWithGobreakerOverlapping lets calls overlap and report in any order, in later periods too.
func TestAgreesWithGobreakerOverlapping(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 5))
			w := newTwins(t, 1+r.IntN(4))
			var running []func(breaker.Outcome)
			for range 300 {
				w.pass(r)
				if i := r.IntN(6); i < len(running) {
					running[i](breaker.Outcome(1 + r.IntN(3)))
					running = append(running[:i], running[i+1:]...)
				} else if done, ok := w.allow(t); ok {
					running = append(running, done)
				}
				w.agree(t)
				require.False(t, t.Failed(), "seed %d", seed)
			}
			require.NotEmpty(t, w.moves[0])
			assert.Equal(t, w.moves[1], w.moves[0], "seed %d", seed)
		})
	}
}

// TestAgreesWithGobreakerConcurrently has goroutines that call both at once. A bubble's clock gives each of their steps
// a moment of its own, so both see the same order.
func TestAgreesWithGobreakerConcurrently(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			w := newTwins(t, 3)
			var wg sync.WaitGroup
			const workers = 8
			for worker := range workers {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(worker)))
					// All but this worker's steps are at other nanoseconds.
					step := func(d time.Duration) {
						at := time.Now().UnixNano() + int64(d)
						time.Sleep(time.Duration(at-at%workers+int64(worker)+workers) - time.Duration(time.Now().UnixNano()))
					}
					for range 100 {
						step(time.Duration(r.IntN(1000)))
						done, ok := w.allow(t)
						step(time.Duration(r.IntN(1000)))
						if ok {
							done(breaker.Outcome(1 + r.IntN(3)))
						} else if worker == 0 {
							step(twinPeriod * 5 / 4)
						}
					}
				})
			}
			wg.Wait()
			require.NotEmpty(t, w.moves[0])
			assert.Equal(t, w.moves[1], w.moves[0], "seed %d", seed)
			w.agree(t)
		})
	}
}
