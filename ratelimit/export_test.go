package ratelimit

import "time"

// TakeAt is Take at a time of the store's clock that need not be the latest,
// as seen by a goroutine that waited for a lock.
func (s *MemoryStore) TakeAt(at time.Duration, key string, tier Tier, cost int) (Decision, error) {
	p, err := tier.pace()
	if err != nil {
		return Decision{}, err
	}
	return tier.decision(p, s.takeAt(int64(at), key, p, cost), cost, SourceMemory), nil
}

// Table is a table of buckets, for a comparison with a map.
type Table struct{ t table }

func (t *Table) Put(hash uint64, full int64) {
	if b := t.t.find(hash); b != nil {
		b.full = full
		return
	}
	t.t.insert(bucket{hash: hash, full: full, tau: 1})
}

func (t *Table) Get(hash uint64) (full int64, ok bool) {
	b := t.t.find(hash)
	if b == nil {
		return 0, false
	}
	return b.full, true
}

func (t *Table) RemoveUpTo(full int64) {
	t.t.removeIf(func(b *bucket) bool { return b.full <= full })
	t.t.shrink()
}

func (t *Table) Len() int   { return t.t.count }
func (t *Table) Slots() int { return len(t.t.slots) }
