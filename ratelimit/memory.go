package ratelimit

import (
	"context"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// MemoryConfig configures a [MemoryStore]. The zero value of each field is the
// default that its comment names.
type MemoryConfig struct {
	// MaxKeys caps the number of buckets. At the cap the least indebted ones
	// make room. Since keys are spread over shards by their hash, and each
	// shard has its part of the cap, that begins some percent earlier; up to
	// 1536 keys there is one shard and the cap is met exactly. A bucket
	// takes 32 to 64 bytes. Default: 1,000,000; negative: no cap.
	MaxKeys int
}

// MemoryStore is a [Store] in the memory of one process. It starts no
// goroutine and survives no restart. Its methods may be called concurrently,
// and after Close too.
//
// Keys are hashed to 64 bits with a secret seed of the store: a bucket costs
// the same whatever the length of its key, and nobody can choose keys that
// collide. Two of a million live keys share a bucket with a probability of
// 3e-8.
//
// A bucket that is full again is as good as absent. Such buckets are removed
// while requests are served, a shard at a time, so that each is gone within
// some 12 seconds at one request a second; nothing is removed while there are
// no requests. A bucket in debt is removed only at the cap, and then the least
// indebted go first, measured as the used part of their bucket. A flood of
// fresh keys therefore evicts its own, and not the bucket of somebody who was
// just refused.
type MemoryStore struct {
	start    time.Time // of the store's clock; monotonic
	seed     maphash.Seed
	shardCap int
	shards   []shard

	sweepAt   atomic.Int64 // when the next shard is due
	sweepNext atomic.Uint64
}

var _ Store = (*MemoryStore)(nil)

const (
	defaultMaxKeys = 1_000_000
	// shardKeys fills a table of 2048 slots to three quarters. It bounds the
	// work that is done under one lock.
	shardKeys = 1536
	// sweepRound is how long one pass over all shards takes.
	sweepRound = 10 * time.Second
)

// NewMemoryStore returns an empty store.
func NewMemoryStore(cfg MemoryConfig) *MemoryStore {
	maxKeys := cfg.MaxKeys
	if maxKeys <= 0 {
		maxKeys = defaultMaxKeys
	}
	n := (maxKeys + shardKeys - 1) / shardKeys
	s := &MemoryStore{
		start:    time.Now(),
		seed:     maphash.MakeSeed(),
		shardCap: maxKeys / n,
		shards:   make([]shard, n),
	}
	if cfg.MaxKeys < 0 {
		s.shardCap = math.MaxInt
	}
	return s
}

// Take implements [Store]. It does not block and ignores ctx. The only error is
// an invalid tier.
func (s *MemoryStore) Take(_ context.Context, key string, tier Tier, cost int) (Decision, error) {
	p, err := tier.pace()
	if err != nil {
		return Decision{}, err
	}
	cost = max(cost, 0)
	if d, ok := tier.NoBucket(cost); ok {
		return d, nil
	}
	now := time.Since(s.start).Nanoseconds()
	v := s.takeAt(now, key, p, cost)
	s.sweepDue(now)
	return tier.decision(p, v, cost, SourceMemory), nil
}

func (s *MemoryStore) takeAt(now int64, key string, p pace, cost int) verdict {
	hash := maphash.String(s.seed, key)
	return s.shardOf(hash).take(now, hash, p, int64(cost), s.shardCap)
}

// shardOf uses the high bits of the hash; tables use the low ones.
func (s *MemoryStore) shardOf(hash uint64) *shard {
	return &s.shards[(hash>>32)*uint64(len(s.shards))>>32]
}

// sweepDue sweeps the shards that are due, usually none. One caller at a time
// does it, an eighth of the shards at most, and no two shards under one lock.
func (s *MemoryStore) sweepDue(now int64) {
	due := s.sweepAt.Load()
	step := max(int64(sweepRound)/int64(len(s.shards)), 1)
	if now < due || !s.sweepAt.CompareAndSwap(due, now+step) {
		return
	}
	for range min(1+(now-due)/step, int64(len(s.shards)/8+1)) {
		s.shards[s.sweepNext.Add(1)%uint64(len(s.shards))].sweep(now)
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

// Stats counts the buckets, a shard at a time.
func (s *MemoryStore) Stats() MemoryStats {
	var stats MemoryStats
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		stats.Keys += sh.table.count
		stats.Evicted += sh.evicted
		sh.mu.Unlock()
	}
	return stats
}

// Close returns nil. The store holds nothing but memory, and requests that
// arrive during a shutdown are still decided against the same buckets. It may
// be called more than once.
func (s *MemoryStore) Close() error { return nil }

// shard is one part of the store, padded to a cache line.
type shard struct {
	mu      sync.Mutex
	table   table
	now     int64 // latest time seen
	evicted uint64
	_       [8]byte
}

// take decides at time now, or at the latest time that the shard has seen. A
// clock that is read before the lock can be behind; if it counted, a bucket
// that changes its tier could be credited for the same interval twice.
func (sh *shard) take(now int64, hash uint64, p pace, cost int64, limit int) verdict {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now = max(now, sh.now)
	sh.now = now

	var debt int64
	b := sh.table.find(hash)
	changed := b != nil && b.tau != p.tau
	if b != nil {
		debt = b.debt(now)
	}
	if changed {
		debt = rescale(debt, b.tau, p.tau)
	}
	v := p.admit(debt, cost)
	switch {
	case cost == 0 || !v.allowed && !changed:
		// Nothing to remember.
	case b != nil:
		b.full, b.tau = now+v.debt, p.tau
	case v.allowed:
		if sh.table.count >= limit {
			sh.makeRoom(now)
		}
		sh.table.insert(bucket{hash: hash, full: now + v.debt, tau: p.tau})
	}
	return v
}

// sweep removes the buckets that are full again.
func (sh *shard) sweep(now int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now = max(now, sh.now)
	sh.now = now
	if sh.table.count > 0 {
		sh.table.removeIf(func(b *bucket) bool { return b.full <= now })
	}
	sh.table.shrink()
}

// debtSteps is the resolution of makeRoom.
const debtSteps = 1024

// makeRoom removes the buckets that are full again and, unless these are
// enough, the least indebted ones: at least one, and a 32nd of the shard, so
// that a flood of new keys does not pay for a pass each. Between buckets whose
// used parts differ by less than a step the choice is arbitrary.
func (sh *shard) makeRoom(now int64) {
	var histogram [debtSteps]int
	for i := range sh.table.slots {
		if b := &sh.table.slots[i]; b.tau != 0 {
			histogram[b.step(now)]++
		}
	}
	room := max(1, sh.table.count/32)
	last, spare := 0, room // remove all below step last, and spare of it
	for last < debtSteps-1 && histogram[last] < spare {
		spare -= histogram[last]
		last++
	}
	sh.table.removeIf(func(b *bucket) bool {
		if b.full <= now {
			return true
		}
		step := b.step(now)
		if step > last || step == last && spare == 0 {
			return false
		}
		if step == last {
			spare--
		}
		sh.evicted++
		return true
	})
}

// step is the used part of the bucket in steps: 0 is full, or nearly so.
func (b *bucket) step(now int64) int {
	return min(int(float64(b.debt(now))/float64(b.tau)*debtSteps), debtSteps-1)
}
