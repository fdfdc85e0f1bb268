package ratelimit

// bucket is the state of one key. It holds no pointer, so the garbage collector
// does not look into tables.
type bucket struct {
	hash uint64
	full int64 // when the bucket is full again, on the store's clock
	tau  int64 // of the tier that set full; 0 marks a free slot
}

// debt is how long the bucket still takes to be full.
func (b *bucket) debt(now int64) int64 { return max(b.full-now, 0) }

// table is a hash table with open addressing and linear probing. Removal moves
// later entries up, so there are no tombstones. It grows at three quarters.
type table struct {
	slots []bucket // a power of two, or none
	count int
}

const minSlots = 8

func (t *table) home(hash uint64) int { return int(hash) & (len(t.slots) - 1) } //nolint:gosec // the mask keeps what fits

// find returns the bucket of hash, valid until the table changes, or nil.
func (t *table) find(hash uint64) *bucket {
	if t.count == 0 {
		return nil
	}
	for i := t.home(hash); ; i = (i + 1) & (len(t.slots) - 1) {
		b := &t.slots[i]
		if b.tau == 0 {
			return nil
		}
		if b.hash == hash {
			return b
		}
	}
}

// insert adds a bucket whose hash is not in the table.
func (t *table) insert(b bucket) {
	if (t.count+1)*4 > len(t.slots)*3 {
		t.resize(max(minSlots, 2*len(t.slots)))
	}
	t.place(b)
	t.count++
}

func (t *table) place(b bucket) {
	i := t.home(b.hash)
	for t.slots[i].tau != 0 {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = b
}

func (t *table) resize(n int) {
	old := t.slots
	t.slots = make([]bucket, n)
	for _, b := range old {
		if b.tau != 0 {
			t.place(b)
		}
	}
}

// removeIf removes the buckets for which drop returns true. It may ask about a
// bucket twice.
func (t *table) removeIf(drop func(*bucket) bool) {
	for i := 0; i < len(t.slots); {
		if b := &t.slots[i]; b.tau != 0 && drop(b) {
			t.removeAt(i) // what moved up to i is next
		} else {
			i++
		}
	}
}

// removeAt frees slot i and closes the gap: each later bucket of the run moves
// up unless that would put it before its home.
func (t *table) removeAt(i int) {
	mask := len(t.slots) - 1
	for j := (i + 1) & mask; t.slots[j].tau != 0; j = (j + 1) & mask {
		if fromHome := (j - t.home(t.slots[j].hash)) & mask; fromHome >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = bucket{}
	t.count--
}

// shrink gives memory back when at most an eighth is in use.
func (t *table) shrink() {
	if t.count*8 > len(t.slots) || len(t.slots) <= minSlots && t.count > 0 {
		return
	}
	if t.count == 0 {
		t.slots = nil
		return
	}
	n := minSlots
	for n < 4*t.count {
		n *= 2
	}
	t.resize(n)
}
