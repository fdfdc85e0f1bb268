package redisstore

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// maxDenial is how long a denial is remembered at most, and so how long a
// refund elsewhere stays unseen here.
const maxDenial = time.Second

// denials remembers the buckets of takes that were refused. A refusal changes no
// bucket, so until the bucket has refilled far enough Redis would say the same.
//
// It is a table of a fixed size. A bucket has two places where it may be, and
// takes the one that is of less use. Reads and writes take no lock.
type denials struct {
	seed   maphash.Seed
	places []atomic.Pointer[denial]
	// drops counts, per part of the hashes, when buckets were dropped since
	// tokens came back. What was asked before must not be stored after.
	drops [64]atomic.Uint32
}

// denial is what was found about one bucket, in one tier. It does not change.
type denial struct {
	hash          uint64
	interval, tau int64
	grain         int64
	full, until   time.Duration // of the bucket, and of this; on the store's own clock
}

func newDenials(size int) *denials {
	return &denials{seed: maphash.MakeSeed(), places: make([]atomic.Pointer[denial], size)}
}

// hash stands for a key of any length. Two of 10,000 keys have the same one with
// a probability of 3e-12.
func (c *denials) hash(key string) uint64 {
	if c == nil {
		return 0
	}
	return maphash.String(c.seed, key)
}

func (c *denials) placesOf(hash uint64) [2]*atomic.Pointer[denial] {
	n := uint64(len(c.places))
	return [2]*atomic.Pointer[denial]{&c.places[hash%n], &c.places[(hash>>32)%n]}
}

// debt returns what the bucket lacked when Redis was asked, less what has
// refilled since, and whether that is known.
func (c *denials) debt(hash uint64, s *shape, now time.Duration) (debt time.Duration, known bool) {
	if c == nil {
		return 0, false
	}
	for _, place := range c.placesOf(hash) {
		d := place.Load()
		if d != nil && d.hash == hash && d.interval == s.interval && d.tau == s.tau && d.grain == s.grain && now < d.until {
			return max(d.full-now, 0), true
		}
	}
	return 0, false
}

// generation is for put: what it was before the question.
func (c *denials) generation(hash uint64) uint32 {
	if c == nil {
		return 0
	}
	return c.drops[hash%uint64(len(c.drops))].Load()
}

// put remembers what Redis, which was asked at that time, found. It decided later
// than that, so the bucket is full no sooner than what is remembered here.
func (c *denials) put(hash uint64, s *shape, debt, asked time.Duration, generation uint32) {
	if c == nil || c.generation(hash) != generation {
		return
	}
	d := &denial{
		hash: hash, interval: s.interval, tau: s.tau, grain: s.grain,
		full: asked + debt, until: asked + maxDenial,
	}
	places := c.placesOf(hash)
	place := places[0]
	if one, two := places[0].Load(), places[1].Load(); !one.gives(hash, asked) && (two.gives(hash, asked) || two.until < one.until) {
		place = places[1]
	}
	place.Store(d)
	// Tokens that came back in between were dropped either by who gave them
	// back, after the count, or here.
	if c.generation(hash) != generation {
		place.CompareAndSwap(d, nil)
	}
}

// gives reports whether d leaves its place at no loss.
func (d *denial) gives(hash uint64, now time.Duration) bool {
	return d == nil || d.hash == hash || d.until <= now
}

// forget drops what is known about a bucket.
func (c *denials) forget(hash uint64) {
	if c == nil {
		return
	}
	for _, place := range c.placesOf(hash) {
		if d := place.Load(); d != nil && d.hash == hash {
			place.CompareAndSwap(d, nil)
		}
	}
}

// returned is forget when tokens have come back to a bucket.
func (c *denials) returned(hash uint64) {
	if c == nil {
		return
	}
	c.drops[hash%uint64(len(c.drops))].Add(1)
	c.forget(hash)
}
