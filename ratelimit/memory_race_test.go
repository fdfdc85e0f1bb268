package ratelimit_test

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// No token is lost or made while buckets are taken from one by one and
// together, refunded, moved to larger and smaller tables, and removed around.
func TestMemoryStoreConservesTokens(t *testing.T) {
	t.Parallel()
	const keys, burst, rounds = 24, 2000, 3000
	slow := ratelimit.Per("slow", burst, 100_000*time.Hour) // refills nothing meanwhile
	quick := ratelimit.Tier{Rate: 1e6, Burst: 10}           // full again within 10 us
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 20_000})
	var used [keys]atomic.Int64
	worker := func(seed uint64) {
		rng := rand.New(rand.NewPCG(5, seed))
		pick := func() (int, ratelimit.Take) {
			k := rng.IntN(keys)
			return k, ratelimit.Take{Key: "k" + strconv.Itoa(k), Tier: slow, Cost: rng.IntN(4)}
		}
		for range rounds {
			switch i, x := pick(); rng.IntN(4) {
			case 0:
				if d := must(s.Take(t.Context(), x.Key, slow, x.Cost)); d.Allowed {
					used[i].Add(int64(x.Cost))
				}
			case 1:
				if d := must(s.Take(t.Context(), x.Key, slow, x.Cost)); d.Allowed {
					_ = s.Refund(t.Context(), x.Key, slow, x.Cost)
				}
			default:
				j, y := pick()
				noise := ratelimit.Take{Key: "n" + strconv.Itoa(rng.IntN(10_000)), Tier: quick, Cost: 1}
				ds, err := s.TakeAll(t.Context(), []ratelimit.Take{x, noise, y})
				if assert.NoError(t, err) && ds[0].Allowed && ds[1].Allowed && ds[2].Allowed {
					used[i].Add(int64(x.Cost))
					used[j].Add(int64(y.Cost))
				}
			}
		}
	}
	var wg sync.WaitGroup
	for seed := range uint64(16) {
		wg.Go(func() { worker(seed) })
	}
	stop := make(chan struct{})
	var around sync.WaitGroup
	around.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = s.Take(t.Context(), "m"+strconv.Itoa(i%10_000), quick, 1)
				if i%2000 == 0 {
					s.Sweep()
				}
			}
		}
	})
	wg.Wait()
	close(stop)
	around.Wait()
	require.Zero(t, s.Stats().Evicted)
	refused := 0
	for i := range keys {
		left := take(t, s, "k"+strconv.Itoa(i), slow, 0).Tokens
		assert.Equal(t, burst, int(used[i].Load())+left, "key %d", i)
		if left < 4 {
			refused++
		}
	}
	assert.Positive(t, refused, "some have run dry")
}

// Tiers flip, and of many keys most are full again, removed and made anew, all at
// once on one clock: no key sees more than it may.
func TestMemoryStoreBoundConcurrent(t *testing.T) {
	t.Parallel()
	tiers := []ratelimit.Tier{{Rate: 20_000, Burst: 20}, {Rate: 50_000, Burst: 100}, {Rate: 5000, Burst: 50}}
	const (
		tau       = time.Millisecond // of the first
		hot, cold = 4, 2000
		d         = 300 * time.Millisecond
	)
	s := newStore()
	start := time.Now()
	var mu sync.Mutex
	var used [hot + cold]float64
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(6, uint64(g)))
			var mine [hot + cold]float64
			for time.Since(start) < d {
				key, tier := rng.IntN(hot), tiers[rng.IntN(len(tiers))]
				if rng.IntN(2) == 0 {
					key = hot + rng.IntN(cold)
				}
				if must(s.Take(t.Context(), strconv.Itoa(key), tier, 1)).Allowed {
					mine[key] += 1 / float64(tier.Burst)
				}
				if rng.IntN(100) == 0 {
					s.Sweep()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range mine {
				used[i] += mine[i]
			}
		})
	}
	wg.Wait()
	most := 1 + float64(time.Since(start))/float64(tau)
	for i := range used {
		assert.LessOrEqual(t, used[i], most, "key %d", i)
	}
	assert.Positive(t, used[0])
	assert.Positive(t, used[hot])
}

// Everything at the cap: tables overflow, the least indebted go, and the number
// of keys is right in the end.
func TestMemoryStoreEvictsConcurrently(t *testing.T) {
	t.Parallel()
	const maxKeys = 4000
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: maxKeys})
	hourly := ratelimit.Per("hourly", 10, time.Hour)
	require.True(t, take(t, s, "drained", hourly, 10).Allowed)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				_ = must(s.Take(t.Context(), strconv.Itoa(g*5000+i), hourly, 1))
				if i%100 == 0 {
					assert.False(t, must(s.Take(t.Context(), "drained", hourly, 1)).Allowed)
				}
			}
		})
	}
	wg.Wait()
	stats := s.Stats()
	assert.LessOrEqual(t, stats.Keys, maxKeys)
	assert.Greater(t, stats.Keys, maxKeys*9/10)
	assert.Equal(t, uint64(1+8*5000-stats.Keys), stats.Evicted)
}

// A bucket is taken from while its table is replaced, over and over.
func TestMemoryStoreMovesBuckets(t *testing.T) {
	t.Parallel()
	const burst = 1 << 30
	slow := ratelimit.Per("slow", burst, 100_000*time.Hour)
	quick := ratelimit.Tier{Rate: 1e9, Burst: 10}
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 1500})
	var used atomic.Int64
	start := time.Now()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for time.Since(start) < 200*time.Millisecond {
				for range 100 {
					if must(s.Take(t.Context(), "k", slow, 1)).Allowed {
						used.Add(1)
					}
				}
			}
		})
	}
	moves := 0
	for ; time.Since(start) < 200*time.Millisecond; moves++ {
		for i := range 200 {
			_ = must(s.Take(t.Context(), strconv.Itoa(i), quick, 10))
		}
		s.Sweep()
	}
	wg.Wait()
	assert.Positive(t, moves)
	assert.InDelta(t, burst, used.Load()+int64(take(t, s, "k", slow, 0).Tokens), 2, "with what has come back meanwhile")
}

// A bucket is refused together with others, under locks, while it is taken from
// without one. The time of the refusal must not be older than what it freezes.
func TestMemoryStoreBoundBesideRefusals(t *testing.T) {
	t.Parallel()
	const burst, cost, d = 20_000_000, 1000, 400 * time.Millisecond
	tier := ratelimit.Tier{Name: "fast", Rate: 1e9, Burst: burst}
	tooMuch := []ratelimit.Take{{Key: "k", Tier: tier, Cost: burst * 6 / 10}, {Key: "k", Tier: tier, Cost: burst * 6 / 10}}
	s := newStore()
	var admitted atomic.Int64
	start := time.Now()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for time.Since(start) < d {
				if must(s.Take(t.Context(), "k", tier, cost)).Allowed {
					admitted.Add(cost)
				}
			}
		})
		wg.Go(func() {
			for time.Since(start) < d {
				_, _ = s.TakeAll(t.Context(), tooMuch)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, admitted.Load(), int64(burst+time.Since(start)))
}

// A key shared by thousands of takes, and thousands of keys.
func TestMemoryStoreTakesMany(t *testing.T) {
	t.Parallel()
	s, tier := newStore(), ratelimit.Per("slow", 10, 1000*time.Hour)
	var takes []ratelimit.Take
	for i := range 3000 {
		takes = append(takes, ratelimit.Take{Key: strconv.Itoa(i % 1000), Tier: tier, Cost: 3})
	}
	ds, err := s.TakeAll(t.Context(), takes)
	require.NoError(t, err)
	require.Len(t, ds, 3000)
	assert.Equal(t, 1, ds[2500].Tokens)
	assert.Equal(t, 1, take(t, s, "500", tier, 0).Tokens)
	ds, err = s.TakeAll(t.Context(), takes[:1500])
	require.NoError(t, err)
	assert.False(t, ds[0].Allowed)
	assert.Equal(t, 1, take(t, s, "500", tier, 0).Tokens)
}
