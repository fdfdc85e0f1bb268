package ratelimit

import "time"

// TakeAt is Take at a time of the store's clock that need not be the latest,
// as seen by a goroutine that was held up after it had read the clock.
func (s *MemoryStore) TakeAt(at time.Duration, key string, tier Tier, cost int) (d Decision, err error) {
	p, err := tier.pace()
	if err != nil {
		return d, err
	}
	d.fill(&tier, p, s.take(int64(at), s.hash(key), p, int64(cost)), cost)
	return d, nil
}

func (s *MemoryStore) take(now int64, hash uint64, p pace, cost int64) verdict {
	sh := s.shardOf(hash)
	v, ok := sh.take(now, hash, p, cost)
	if !ok {
		v = s.takeLocked(sh, now, hash, p, cost)
	}
	return v
}

// Sweep removes all that is full again.
func (s *MemoryStore) Sweep() {
	for i := range s.shards {
		s.shards[i].sweep(s, s.now())
	}
}

// Shard is a store of one shard, with hashes and times that the test chooses.
type Shard struct{ s *MemoryStore }

func NewShard(maxKeys int) Shard { return Shard{NewMemoryStore(MemoryConfig{MaxKeys: maxKeys})} }

// Put makes the bucket of hash full at that time, on top of what it owes.
func (h Shard) Put(hash uint64, full int64) {
	h.s.take(0, hash, newPace(1, maxTau), full)
}

// Get returns what the bucket of hash owes at time 0.
func (h Shard) Get(hash uint64) int64 {
	return h.s.take(0, hash, newPace(1, maxTau), 0).debt
}

// Sweep removes what is full at that time.
func (h Shard) Sweep(at int64) { h.s.shards[0].sweep(h.s, at) }

// Slots is the size of the table.
func (h Shard) Slots() int {
	if t := h.s.shards[0].table.Load(); t != nil {
		return len(t.slots)
	}
	return 0
}

func (h Shard) Stats() MemoryStats { return h.s.Stats() }

// LongestRun is how many used slots follow each other.
func (h Shard) LongestRun() (longest int) {
	run := 0
	for _, b := range h.s.shards[0].table.Load().slots {
		if run++; b.hash == 0 {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// Tokens is how many whole tokens of an interval fit into what a debt leaves of
// a bucket.
func Tokens(interval, burst, debt int64) int {
	return newPace(interval, burst).tokens(debt)
}
