package ratelimit_test

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit"
)

// The oracle is rate.Limiter, which is right as long as its timestamps never
// go back. Where its float64 is within slack tokens of the edge, the step is
// left out.
func TestMemoryStoreAgreesWithRateLimiter(t *testing.T) {
	t.Parallel()
	steps := 170_000 // a million in all
	if testing.Short() || raceEnabled {
		steps = 10_000
	}
	tests := []struct {
		tier  ratelimit.Tier
		slack float64
	}{
		{ratelimit.Free, 1e-5},
		{ratelimit.Paid, 1e-5},
		{ratelimit.Tier{Name: "one", Rate: 1000, Burst: 1}, 1e-5},
		{ratelimit.Tier{Name: "slow", Rate: rate.Every(time.Hour), Burst: 24}, 1e-5},
		{ratelimit.Tier{Name: "third", Rate: 3, Burst: 7}, 1e-3},
		{ratelimit.Tier{Name: "prime", Rate: 9973, Burst: 500}, 0.5}, // 100273 for 100272.7 ns a token
	}
	for i, tt := range tests {
		t.Run(tt.tier.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(i)))
				s, oracle := newStore(), rate.NewLimiter(tt.tier.Rate, tt.tier.Burst)
				interval := float64(time.Second) / float64(tt.tier.Rate)
				admitted, refused := 0, 0
				for range steps {
					// Mostly under pressure, now and then long enough to refill.
					pause := rng.ExpFloat64() * interval
					if rng.IntN(500) == 0 {
						pause *= float64(2 * tt.tier.Burst)
					}
					time.Sleep(time.Duration(pause))
					cost := 1 + rng.IntN(min(3, tt.tier.Burst))
					tokens := oracle.Tokens()
					if d := tokens - float64(cost); tokens < float64(tt.tier.Burst) && -tt.slack < d && d < tt.slack {
						continue
					}
					d := take(t, s, "k", tt.tier, cost)
					require.Equal(t, oracle.AllowN(time.Now(), cost), d.Allowed, "tokens %v, cost %d", tokens, cost)
					require.InDelta(t, oracle.Tokens(), d.Tokens, 1+tt.slack)
					if d.Allowed {
						admitted++
					} else {
						refused++
						require.InDelta(t, (float64(cost)-tokens)*interval, d.RetryAfter.Nanoseconds(), 1+tt.slack*interval)
					}
				}
				assert.Greater(t, admitted, steps/20)
				assert.Greater(t, refused, steps/20)
			})
		})
	}
}

type admission struct {
	at   time.Duration
	used float64 // cost / burst
}

// assertBound checks every window between two admissions.
func assertBound(t *testing.T, log []admission, tau time.Duration) {
	t.Helper()
	// For all i <= j: the sum over i..j is at most 1 + (at[j]-at[i]) / tau.
	// With prefix sums S that is S[j] - at[j]/tau - min over i of (S[i-1] - at[i]/tau) <= 1.
	var sum float64
	low := 0.0
	for j, a := range log {
		low = min(low, sum-float64(a.at)/float64(tau))
		sum += a.used
		if over := sum - float64(a.at)/float64(tau) - low; over > 1+1e-6 {
			require.Failf(t, "too much admitted", "%v buckets in a window that ends at admission %d, %v", over, j, a.at)
		}
	}
}

// flips are tiers with one shortest refill time, 0.2 s.
func flips() ([]ratelimit.Tier, time.Duration) {
	return []ratelimit.Tier{
		{Name: "a", Rate: 5, Burst: 10},
		{Name: "b", Rate: 50, Burst: 100},
		{Name: "c", Rate: 50, Burst: 10},
		{Name: "d", Rate: 3, Burst: 7},
		{Name: "e", Rate: 0.5, Burst: 1},
	}, 200 * time.Millisecond
}

func TestMemoryStoreBoundUnderTierFlips(t *testing.T) {
	t.Parallel()
	tiers, tau := flips()
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(2, seed))
				s, start := newStore(), time.Now()
				var log []admission
				for range 2000 {
					time.Sleep(time.Duration(rng.ExpFloat64() * float64(10*time.Millisecond)))
					tier := tiers[rng.IntN(len(tiers))]
					d := take(t, s, "k", tier, rng.IntN(4))
					require.GreaterOrEqual(t, d.Tokens, 0)
					require.LessOrEqual(t, d.Tokens, tier.Burst)
					if d.Allowed {
						log = append(log, admission{time.Since(start), float64(d.Cost) / float64(tier.Burst)})
					}
				}
				require.NotEmpty(t, log)
				assertBound(t, log, tau)
			})
		})
	}
}

// A goroutine reads the clock, waits for the lock, and is overtaken: timestamps
// arrive out of order. No interval may be credited twice.
func TestMemoryStoreBoundOutOfOrder(t *testing.T) {
	t.Parallel()
	tiers, tau := flips()
	tests := []struct {
		name  string
		tiers []ratelimit.Tier
	}{
		{"one tier", tiers[:1]},
		{"equal refill time", tiers[:2]},
		{"tier flips", tiers},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(20) {
				synctest.Test(t, func(t *testing.T) {
					rng := rand.New(rand.NewPCG(3, seed))
					s := newStore()
					var log []admission
					var latest time.Duration
					for range 3000 {
						at := max(0, latest+time.Duration(rng.NormFloat64()*float64(5*time.Millisecond)))
						time.Sleep(max(at-latest, 0))
						latest = max(latest, at)
						tier := tt.tiers[rng.IntN(len(tt.tiers))]
						d, err := s.TakeAt(at, "k", tier, 1+rng.IntN(2))
						require.NoError(t, err)
						if d.Allowed {
							log = append(log, admission{latest, float64(d.Cost) / float64(tier.Burst)})
						}
						if rng.IntN(100) == 0 {
							s.Sweep()
						}
					}
					assertBound(t, log, tau)
				})
			}
		})
	}
	t.Run("alternating with tier flips", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			// Seen at 0 the debt weighs much in the fast tier, seen at 50 ms it
			// would be forgiven at the fast tier's pace, over and over.
			s, admitted := newStore(), 0
			fast, slow := ratelimit.Tier{Rate: 1e4, Burst: 1000}, ratelimit.Tier{Rate: 100, Burst: 1000}
			time.Sleep(50 * time.Millisecond)
			for i := range 20_000 {
				at, tier := time.Duration(0), fast
				if i%2 == 1 {
					at, tier = 50*time.Millisecond, slow
				}
				d, err := s.TakeAt(at, "k", tier, 1)
				require.NoError(t, err)
				if d.Allowed {
					admitted++
				}
			}
			assert.LessOrEqual(t, admitted, 1500)
		})
	})
	t.Run("alternating", func(t *testing.T) {
		t.Parallel()
		s, tier := newStore(), ratelimit.Tier{Rate: 1000, Burst: 10}
		admitted := 0
		for i := range 1000 {
			d, err := s.TakeAt(time.Duration(i%2)*5*time.Millisecond, "k", tier, 1)
			require.NoError(t, err)
			if d.Allowed {
				admitted++
			}
		}
		assert.Equal(t, 11, admitted, "the first is back after 5 ms, then time stands still")
	})
}

// A hundred goroutines on one key, on the real clock.
func TestMemoryStoreHotKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		tiers []ratelimit.Tier
		tau   time.Duration
	}{
		{"one tier", []ratelimit.Tier{{Rate: 2000, Burst: 100}}, 50 * time.Millisecond},
		{"tier flips", []ratelimit.Tier{{Rate: 2000, Burst: 100}, {Rate: 1e5, Burst: 1000}, {Rate: 1000, Burst: 500}}, 10 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStore()
			used := make([]atomic.Int64, len(tt.tiers))
			start := time.Now()
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					for i := 0; time.Since(start) < 200*time.Millisecond; i++ {
						n := i % len(tt.tiers)
						if d, err := s.Take(t.Context(), "k", tt.tiers[n], 1); err == nil && d.Allowed {
							used[n].Add(1)
						}
					}
				})
			}
			wg.Wait()
			var sum float64
			for i := range used {
				sum += float64(used[i].Load()) / float64(tt.tiers[i].Burst)
			}
			bound := 1 + float64(time.Since(start))/float64(tt.tau)
			assert.LessOrEqual(t, sum, bound)
			if len(tt.tiers) == 1 {
				assert.Greater(t, sum, bound*0.2, "and it admits what it may, as far as the machine lets it")
			}
		})
	}
}

// Remaining comes from the same step as the admission: no two requests see the
// same number.
func TestMemoryStoreRemainingIsUnique(t *testing.T) {
	t.Parallel()
	s, tier := newStore(), ratelimit.Per("hourly", 100, time.Hour)
	var seen [100]atomic.Int64
	var refused atomic.Int64
	var wg sync.WaitGroup
	for range 120 {
		wg.Go(func() {
			d, err := s.Take(t.Context(), "k", tier, 1)
			switch {
			case assert.NoError(t, err) && d.Allowed:
				seen[d.Tokens].Add(1)
			default:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, int64(20), refused.Load())
	for i := range seen {
		assert.Equal(t, int64(1), seen[i].Load(), "tokens %d", i)
	}
}
