package ratelimit

import (
	"context"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"
)

// MemoryConfig configures a [MemoryStore]. The zero value of each field is the
// default that its comment names.
type MemoryConfig struct {
	// MaxKeys caps the number of buckets. At the cap the least indebted ones
	// make room. A bucket takes 32 to 48 bytes, more where there are only
	// thousands. Default: 1,000,000; negative: no cap.
	MaxKeys int
}

// MemoryStore is a [Store] in the memory of one process, and a [MultiTaker], a
// [Refunder] and a [Resetter]. It starts no goroutine and survives no restart.
// Its methods may be called concurrently, and after Close too; none blocks on
// anything but other requests.
//
// Keys are hashed to 64 bits with a secret seed of the store: a bucket costs
// the same whatever the length of its key, and nobody can choose keys that
// collide. Two of a million live keys share a bucket with a probability of
// 3e-8.
//
// A bucket that is full again is as good as absent. Such buckets are removed
// while requests are served, a few thousand at a time, so that each is gone
// within some 26 seconds at one request a second; nothing is removed while
// there are no requests. A bucket in debt is removed only at the cap, and then
// the least indebted go first, measured as the used part of their bucket. A
// flood of fresh keys therefore evicts its own, and not the bucket of somebody
// who was just refused.
//
// A refusal, and an admission to a bucket that exists, take no lock; a refusal
// writes nothing, so that a flood of them does not slow down other cores.
type MemoryStore struct {
	start   time.Time // of the store's clock; monotonic
	seed    maphash.Seed
	maxKeys int64
	shards  []shard
	paces   paceCache

	keys      atomic.Int64 // buckets in all shards
	sweepAt   atomic.Int64 // when the next shard is due
	sweepNext atomic.Uint64
}

var (
	_ Store      = (*MemoryStore)(nil)
	_ MultiTaker = (*MemoryStore)(nil)
	_ Refunder   = (*MemoryStore)(nil)
	_ Resetter   = (*MemoryStore)(nil)
)

const (
	defaultMaxKeys = 1_000_000
	// shardKeys is what a shard holds on average when the store is full. It
	// bounds the work that is done under one lock, to some 20 microseconds.
	shardKeys = 1536
	// uncappedShards keeps shards that small up to six million keys, and
	// maxShards up to a hundred million.
	uncappedShards = 4096
	maxShards      = 1 << 16
	// sweepRound is how long one pass over all shards takes.
	sweepRound = 25 * time.Second
	// sweepBacklog is how much of it one caller makes good at most.
	sweepBacklog = time.Second
)

// NewMemoryStore returns an empty store.
func NewMemoryStore(cfg MemoryConfig) *MemoryStore {
	maxKeys, shards := int64(cfg.MaxKeys), uncappedShards
	switch {
	case maxKeys < 0:
		maxKeys = math.MaxInt64
	case maxKeys == 0:
		maxKeys = defaultMaxKeys
		fallthrough
	default:
		shards = int(min((maxKeys-1)/shardKeys+1, maxShards))
	}
	return &MemoryStore{
		start:   time.Now(),
		seed:    maphash.MakeSeed(),
		maxKeys: maxKeys,
		shards:  make([]shard, shards),
	}
}

// Take implements [Store]. It ignores ctx. The only error is an invalid tier.
func (s *MemoryStore) Take(_ context.Context, key string, tier Tier, cost int) (d Decision, err error) {
	err = s.decide(&d, key, &tier, cost)
	return d, err
}

// decide is Take where no Decision has to be copied, which takes long right
// after it was written.
func (s *MemoryStore) decide(d *Decision, key string, tier *Tier, cost int) error {
	p, err := s.paces.of(tier)
	if err != nil {
		return err
	}
	cost = max(cost, 0)
	if p.interval == 0 {
		d.noBucket(tier, cost)
		return nil
	}
	now, hash := s.now(), s.hash(key)
	sh := s.shardOf(hash)
	v, ok := sh.take(now, hash, p, int64(cost))
	if !ok {
		v = s.takeLocked(sh, now, hash, p, int64(cost))
	}
	if now >= s.sweepAt.Load() {
		s.sweepDue(now)
	}
	d.fill(tier, p, v, cost)
	d.Policy, d.Source = tier.policy(), SourceMemory
	return nil
}

func (s *MemoryStore) now() int64 { return int64(time.Since(s.start)) }

// hash is never 0, which marks a slot that is not used.
func (s *MemoryStore) hash(key string) uint64 { return max(maphash.String(s.seed, key), 1) }

// place is the index of the shard of hash. It uses the high bits; tables use
// the low ones.
func (s *MemoryStore) place(hash uint64) int { return int((hash >> 32) * uint64(len(s.shards)) >> 32) }

func (s *MemoryStore) shardOf(hash uint64) *shard { return &s.shards[s.place(hash)] }

// sweepDue sweeps the shards that are due, usually none. One caller at a time
// does it, and no two shards under one lock.
func (s *MemoryStore) sweepDue(now int64) {
	due := s.sweepAt.Load()
	if now < due {
		return
	}
	step := max(int64(sweepRound)/int64(len(s.shards)), 1)
	n := 1 + min(now-due, int64(sweepBacklog))/step
	if !s.sweepAt.CompareAndSwap(due, max(due+n*step, now)) {
		return
	}
	for range n {
		s.shards[s.sweepNext.Add(1)%uint64(len(s.shards))].sweep(s, now)
	}
}

// MemoryStats is a snapshot of a [MemoryStore].
type MemoryStats struct {
	// Keys is the number of buckets in memory, those included that are full
	// again and not yet removed.
	Keys int
	// Evicted counts the buckets that were in debt when the cap removed them.
	Evicted uint64
}

// Stats adds up the shards, one at a time.
func (s *MemoryStore) Stats() MemoryStats {
	var stats MemoryStats
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		stats.Keys += sh.live
		stats.Evicted += sh.evicted
		sh.mu.Unlock()
	}
	return stats
}

// Close returns nil. The store holds nothing but memory, and requests that
// arrive during a shutdown are still decided against the same buckets. It may
// be called more than once.
func (s *MemoryStore) Close() error { return nil }
