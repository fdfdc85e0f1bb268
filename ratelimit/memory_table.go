package ratelimit

import "sync/atomic"

// bucket is the state of one key. It holds no pointer, so the garbage collector
// does not look into tables.
//
// Once a table is shared, all access is atomic. The hash is set once. While
// full is a time, tau changes only after full was swapped for frozen: whoever
// loads full, then tau, and then exchanges full for another value under
// compare-and-swap has decided about one state.
type bucket struct {
	hash uint64 // 0: not used
	full int64  // when the bucket is full again, on the store's clock; or frozen, or dead
	tau  int64  // of the tier that set full
}

// Values of full that are no time.
const (
	frozen = -1 // the holder of the shard's lock is about to replace it, here or in another table
	dead   = -2 // removed; a new bucket of the same hash takes its place
)

// table is a hash table with open addressing and linear probing. It only fills
// up; a new one replaces it.
type table struct {
	slots []bucket
}

// slotsFor leaves 9 of 16 slots used, and more free where there are few.
func slotsFor(live int) int { return live*16/9 + 8 }

// crowded reports whether a table with that many used slots must be replaced
// before the next one is used. There is always a free slot.
func (t *table) crowded(used int) bool { return t == nil || used*4 >= len(t.slots)*3 }

// find returns the slot of hash, or nil, and then the free slot where it
// belongs, which is nil without a table.
func (t *table) find(hash uint64) (found, free *bucket) {
	if t == nil {
		return nil, nil
	}
	i := int((hash & 0xffffffff) * uint64(len(t.slots)) >> 32)
	for {
		b := &t.slots[i]
		switch atomic.LoadUint64(&b.hash) {
		case hash:
			return b, nil
		case 0:
			return nil, b
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
}

// state returns full and tau of one moment, if full is not changed afterwards.
func (b *bucket) state() (full, tau int64) {
	full = atomic.LoadInt64(&b.full)
	return full, atomic.LoadInt64(&b.tau)
}

func (b *bucket) exchange(old, full int64) bool {
	return atomic.CompareAndSwapInt64(&b.full, old, full)
}

// freeze stops whoever works without the lock, and returns what full was.
func (b *bucket) freeze() int64 { return atomic.SwapInt64(&b.full, frozen) }

// set replaces the state of a bucket that is frozen or dead.
func (b *bucket) set(full, tau int64) {
	atomic.StoreInt64(&b.tau, tau)
	atomic.StoreInt64(&b.full, full)
}

// fill makes a free slot a bucket.
func (b *bucket) fill(hash uint64, full, tau int64) {
	b.set(full, tau)
	atomic.StoreUint64(&b.hash, hash)
}
