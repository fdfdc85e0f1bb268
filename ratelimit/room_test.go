package ratelimit_test

import (
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// Idle keys leave although nothing runs but one request a second.
func TestMemoryStoreSweep(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		maxKeys, keys int
	}{
		{"one shard", 1000, 500},
		{"default", 0, 50_000},
		{"no cap", -1, 50_000},
		{"nearly full", 100_000, 90_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: tt.maxKeys})
				hourly := ratelimit.Per("hourly", 10, time.Hour)
				require.True(t, take(t, s, "drained", hourly, 10).Allowed)
				for i := range tt.keys {
					take(t, s, strconv.Itoa(i), ratelimit.Free, 1+i%10)
				}
				require.Equal(t, tt.keys+1, s.Stats().Keys)
				for range 30 {
					time.Sleep(time.Second)
					take(t, s, "busy", ratelimit.Free, 1)
				}
				stats := s.Stats()
				assert.Equal(t, 2, stats.Keys, "busy and drained are left")
				assert.Zero(t, stats.Evicted)
				assert.False(t, take(t, s, "drained", hourly, 1).Allowed)
				time.Sleep(24 * time.Hour)
				for range 30 {
					time.Sleep(time.Second)
					take(t, s, "busy", ratelimit.Free, 0)
				}
				assert.Zero(t, s.Stats().Keys)
			})
		})
	}
}

// A sweep must not lose what a bucket owes, whenever it comes.
func TestMemoryStoreSweepIsLossless(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		tier := ratelimit.Per("slow", 6, time.Minute) // a token each 10 s
		admitted := 0
		for range 600 {
			if take(t, s, "k", tier, 1).Allowed {
				admitted++
			}
			for i := range 20 {
				take(t, s, "other"+strconv.Itoa(i), ratelimit.Free, 1)
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, 6+59, admitted)
	})
}

// Whoever has drained his bucket floods fresh keys to push it out.
func TestMemoryStoreFloodKeepsDrained(t *testing.T) {
	t.Parallel()
	for _, maxKeys := range []int{2, 100, 1536, 20_000} {
		t.Run(strconv.Itoa(maxKeys), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: maxKeys})
				require.True(t, take(t, s, "attacker", ratelimit.Free, 10).Allowed)
				for i := range 5 * maxKeys {
					require.True(t, take(t, s, "flood"+strconv.Itoa(i), ratelimit.Free, 1).Allowed)
					if i%max(maxKeys/10, 1) == 0 {
						require.LessOrEqual(t, s.Stats().Keys, maxKeys)
						require.False(t, take(t, s, "attacker", ratelimit.Free, 1).Allowed, "after %d keys", i)
					}
				}
				stats := s.Stats()
				assert.LessOrEqual(t, stats.Keys, maxKeys)
				assert.Greater(t, stats.Keys, maxKeys/2)
				assert.Positive(t, stats.Evicted)
			})
		})
	}
}

// The used part of the bucket counts, not the time it takes to refill: a slow
// tier gives no weight to one-hit keys.
func TestMemoryStoreFloodOfSlowTier(t *testing.T) {
	t.Parallel()
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 100})
	victim := ratelimit.Per("minute", 10, time.Minute)
	require.True(t, take(t, s, "drained", victim, 10).Allowed)
	for i := range 1000 {
		take(t, s, strconv.Itoa(i), ratelimit.Per("day", 10, 24*time.Hour), 1)
	}
	assert.False(t, take(t, s, "drained", victim, 2).Allowed)
}

// Keys that are full again make room first, without an eviction.
func TestMemoryStoreFullAgainMakesRoomFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 100})
		for i := range 50 {
			take(t, s, "old"+strconv.Itoa(i), ratelimit.Free, 1)
		}
		time.Sleep(time.Second)
		for i := range 90 {
			take(t, s, "new"+strconv.Itoa(i), ratelimit.Free, 10)
		}
		stats := s.Stats()
		assert.Equal(t, 90, stats.Keys)
		assert.Zero(t, stats.Evicted)
	})
}

// A newcomer is always tracked, however indebted the others are.
func TestMemoryStoreNewcomerIsLimited(t *testing.T) {
	t.Parallel()
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 10})
	tier := ratelimit.Per("hourly", 10, time.Hour)
	for i := range 10 {
		take(t, s, strconv.Itoa(i), tier, 10)
	}
	admitted := 0
	for range 100 {
		if take(t, s, "newcomer", tier, 1).Allowed {
			admitted++
		}
	}
	assert.Equal(t, 10, admitted)
}

func TestMemoryStoreLongKeys(t *testing.T) {
	t.Parallel()
	s := newStore()
	long := strings.Repeat("k", 1<<20)
	take(t, s, long, ratelimit.Free, 10)
	assert.False(t, take(t, s, long, ratelimit.Free, 1).Allowed)
	assert.True(t, take(t, s, long[1:], ratelimit.Free, 1).Allowed)
	assert.True(t, take(t, s, "", ratelimit.Free, 10).Allowed)
	assert.False(t, take(t, s, "", ratelimit.Free, 1).Allowed, "the empty key is a key")
}

// Takers, sweeps, evictions and Stats at once, for the race detector.
func TestMemoryStoreConcurrent(t *testing.T) {
	t.Parallel()
	s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{MaxKeys: 4000})
	tier := ratelimit.Tier{Rate: 1e6, Burst: 10} // full again within 10 us
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 5000 {
				if _, err := s.Take(t.Context(), strconv.Itoa(g)+"/"+strconv.Itoa(i), tier, 1); err != nil {
					t.Error(err)
				}
				if i%1000 == 0 {
					assert.LessOrEqual(t, s.Stats().Keys, 4000)
				}
			}
		})
	}
	wg.Wait()
}

func TestShardGrowsAndShrinks(t *testing.T) {
	t.Parallel()
	shard := ratelimit.NewShard(-1)
	const keys = 10_000
	for i := range uint64(keys) {
		shard.Put((i+1)*0x9e3779b97f4a7c15&math.MaxUint32, int64(i+1)) // all in the first shard
		if slots := shard.Slots(); i > 100 {
			require.LessOrEqual(t, 24*slots, 48*int(i+1), "bytes at %d keys", i+1)
		}
	}
	shard.Sweep(keys - 10)
	assert.Equal(t, 10, shard.Stats().Keys)
	assert.LessOrEqual(t, shard.Slots(), 32)
	shard.Sweep(keys)
	assert.Zero(t, shard.Slots())
}

// At the cap, buckets leave from all over the table: none of its parts fills up.
func TestShardStaysEven(t *testing.T) {
	t.Parallel()
	shard := ratelimit.NewShard(1000)
	for i := range uint64(50_000) {
		shard.Put((i+1)*0x9e3779b97f4a7c15&math.MaxUint32, 1000)
	}
	stats := shard.Stats()
	assert.Greater(t, stats.Keys, 900)
	assert.Equal(t, uint64(50_000-stats.Keys), stats.Evicted)
	assert.Less(t, shard.LongestRun(), 100)
}
