package idempotency

import (
	"context"
	"math"
	"time"
)

// noneEnded is later than the end of any record.
const noneEnded = math.MaxInt64

// queue appends a record that has just ended.
func (sh *memoryShard) queue(rec *memoryRecord) {
	rec.queued = true
	if rec.older = sh.last; sh.last == nil {
		sh.first = rec
		sh.oldest.Store(int64(rec.ended))
	} else {
		sh.last.newer = rec
	}
	sh.last = rec
}

// unlink takes a record from the queue.
func (sh *memoryShard) unlink(rec *memoryRecord) {
	if !rec.queued {
		return
	}
	if rec.older == nil {
		sh.first = rec.newer
	} else {
		rec.older.newer = rec.newer
	}
	if rec.newer == nil {
		sh.last = rec.older
	} else {
		rec.newer.older = rec.older
	}
	rec.older, rec.newer, rec.queued = nil, nil, false
	if sh.first == nil {
		sh.oldest.Store(noneEnded)
	} else {
		sh.oldest.Store(int64(sh.first.ended))
	}
}

// evict makes room of the oldest record that can: a released one goes, a
// completed one becomes a tombstone.
func (s *MemoryStore) evict(sh *memoryShard) {
	switch rec := sh.first; {
	case rec == nil:
	case rec.state == memoryReleased:
		s.remove(sh, rec.key, rec)
	default:
		sh.unlink(rec)
		s.bytes.Add(-int64(cap(rec.body)))
		rec.body = nil
	}
}

func (s *MemoryStore) remove(sh *memoryShard, key Key, rec *memoryRecord) {
	sh.unlink(rec)
	delete(sh.records, key)
	s.bytes.Add(-recordOverhead - int64(cap(rec.body)))
}

// makeRoom evicts the oldest records that can go until the store is within its cap, and
// reports whether it is. The caller holds no shard.
func (s *MemoryStore) makeRoom() bool {
	for s.full() {
		if sh := s.oldestShard(); sh != nil {
			sh.mu.Lock()
			s.evict(sh)
			sh.mu.Unlock()
		} else if !s.purgeSoon() {
			return false
		}
	}
	return true
}

func (s *MemoryStore) full() bool { return s.max >= 0 && s.bytes.Load() > s.max }

// oldestShard returns the shard with the record that ended first, or nil.
// Only the shard's own lock makes that certain; near enough is good enough.
func (s *MemoryStore) oldestShard() *memoryShard {
	var found *memoryShard
	oldest := int64(noneEnded)
	for i := range s.shards {
		if at := s.shards[i].oldest.Load(); at < oldest {
			found, oldest = &s.shards[i], at
		}
	}
	return found
}

// purgeSoon removes expired records of a full store ahead of the janitor, at
// most once a second: a flood of refused claims must not become a flood of
// scans. It reports whether it has removed any.
func (s *MemoryStore) purgeSoon() bool {
	now, last := int64(s.now()), s.purged.Load()
	if now-last < int64(time.Second) || !s.purged.CompareAndSwap(last, now) {
		return false
	}
	n, _ := s.purge(0, noError)
	return n > 0
}

func (s *MemoryStore) purgeEvery(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_, _ = s.purge(0, noError)
		case <-s.stop:
			return
		}
	}
}

// purgeStep is how many records are looked at while a shard is locked: some
// 20 microseconds.
const purgeStep = 512

// Purge implements [Purger]. It fails only with the error of ctx.
func (s *MemoryStore) Purge(ctx context.Context, limit int) (int, error) {
	return s.purge(limit, ctx.Err)
}

func noError() error { return nil }

// purge stops at the first error of interrupted.
func (s *MemoryStore) purge(limit int, interrupted func() error) (int, error) {
	removed := 0
	for i := range s.shards {
		n, err := s.purgeShard(&s.shards[i], limit-removed, limit > 0, interrupted)
		removed += n
		if err != nil || limit > 0 && removed >= limit {
			return removed, err
		}
	}
	return removed, nil
}

func (s *MemoryStore) purgeShard(sh *memoryShard, limit int, limited bool, interrupted func() error) (int, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	removed, seen, now := 0, 0, s.now()
	for key, rec := range sh.records {
		if seen++; seen%purgeStep == 0 {
			if err := interrupted(); err != nil {
				return removed, err
			}
			sh.mu.Unlock() // iteration goes on over a map that others have changed: allowed, as each step holds the lock
			sh.mu.Lock()
			if sh.records[key] != rec {
				continue
			}
		}
		if now < rec.expires {
			continue
		}
		s.remove(sh, key, rec)
		if removed++; limited && removed >= limit {
			break
		}
	}
	if len(sh.records) == 0 {
		sh.records = map[Key]*memoryRecord{} // a map never gives memory back
	}
	return removed, nil
}
