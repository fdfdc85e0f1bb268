package ratelimit

import (
	"sync"
	"sync/atomic"
)

// shard is one part of the store, a cache line long.
type shard struct {
	table atomic.Pointer[table]

	mu         sync.Mutex
	used, live int   // slots of the table
	swept      int64 // latest time at which a bucket was removed for being full
	evicted    uint64
	_          [16]byte
}

// take decides at time now, without a lock, and reports whether it could: not
// when the bucket is new, on the move, or of another tier.
func (sh *shard) take(now int64, hash uint64, p pace, cost int64) (verdict, bool) {
	b, _ := sh.table.Load().find(hash)
	if b == nil {
		return verdict{}, false
	}
	for {
		full, tau := b.state()
		if full < 0 || tau != p.tau {
			return verdict{}, false
		}
		// A time read earlier than that of the last admission lets the debt
		// look larger than it can be.
		v := p.admit(min(max(full-now, 0), tau), cost)
		if !v.allowed || cost == 0 || b.exchange(full, now+v.debt) {
			return v, true
		}
	}
}

// takeLocked decides when take could not.
func (s *MemoryStore) takeLocked(sh *shard, now int64, hash uint64, p pace, cost int64) verdict {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if v, ok := sh.take(now, hash, p, cost); ok {
		return v
	}
	b, _ := sh.table.Load().find(hash)
	if b == nil || atomic.LoadInt64(&b.full) == dead {
		v := p.admit(0, cost)
		if v.allowed && cost > 0 {
			sh.insert(s, now, hash, v.debt, p.tau)
		}
		return v
	}
	if cost == 0 {
		full, tau := b.state()
		return p.admit(rescale(full-now, tau, p.tau), 0)
	}
	full := b.freeze()
	// Another tier weighs the debt anew. The time must not be older than one
	// that has counted in this bucket, or an interval could be credited twice.
	now = s.now()
	v := p.admit(rescale(full-now, b.tau, p.tau), cost)
	b.set(now+v.debt, p.tau)
	return v
}

// insert adds a bucket that is not there, with a debt at time now.
func (sh *shard) insert(s *MemoryStore, now int64, hash uint64, debt, tau int64) {
	// Before that, the bucket may have been there, and in debt.
	now = max(now, sh.swept)
	if s.keys.Add(1) > s.maxKeys {
		sh.makeRoom(s, now)
	}
	t := sh.table.Load()
	b, free := t.find(hash)
	if b != nil {
		b.set(now+debt, tau)
	} else {
		if t.crowded(sh.used) {
			sh.removeFull(s, now)
			_, free = sh.rebuild().find(hash)
		}
		free.fill(hash, now+debt, tau)
		sh.used++
	}
	sh.live++
}

// rebuild moves the live buckets to a new table.
func (sh *shard) rebuild() *table {
	t := &table{slots: make([]bucket, slotsFor(sh.live))}
	sh.used = sh.live
	for b := range sh.buckets {
		_, free := t.find(b.hash)
		*free = bucket{hash: b.hash, full: b.freeze(), tau: b.tau} // shared with nobody yet
	}
	sh.table.Store(t)
	return t
}

// buckets yields the live buckets.
func (sh *shard) buckets(yield func(*bucket) bool) {
	t := sh.table.Load()
	if t == nil {
		return
	}
	for i := range t.slots {
		if b := &t.slots[i]; b.hash != 0 && atomic.LoadInt64(&b.full) != dead && !yield(b) {
			return
		}
	}
}

// sweep removes the buckets that are full again.
func (sh *shard) sweep(s *MemoryStore, now int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.removeFull(s, now)
	switch t := sh.table.Load(); {
	case sh.live == 0:
		sh.table.Store(nil)
		sh.used = 0
	case len(t.slots) > 2*slotsFor(sh.live):
		sh.rebuild()
	}
}

func (sh *shard) removeFull(s *MemoryStore, now int64) {
	before := sh.live
	sh.swept = max(sh.swept, now)
	for b := range sh.buckets {
		sh.removeIfFull(b, now)
	}
	s.keys.Add(int64(sh.live - before))
}

func (sh *shard) removeIfFull(b *bucket, now int64) bool {
	full := atomic.LoadInt64(&b.full)
	if full > now || !b.exchange(full, dead) {
		return false
	}
	sh.live--
	return true
}
