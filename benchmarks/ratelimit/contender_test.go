package ratelimit_test

import (
	"context"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"golang.org/x/time/rate"
)

// quota is a bucket of burst tokens that takes per to refill. For those that
// count in windows it is burst in each per, the closest that they have.
type quota struct {
	burst int
	per   time.Duration
}

var (
	// once lets each key through once: admissions count different keys.
	once = quota{1, time.Hour}
	// endless is not used up by one key in any of the scenarios.
	endless = quota{1_000_000_000, time.Hour}
	// lasting is not used up either where there are many keys, and one token
	// takes a minute to come back: no bucket is full again within a scenario, so
	// that no store may drop one.
	lasting = quota{1_000_000, 1_000_000 * time.Minute}
)

func (q quota) perSecond() float64 { return float64(q.burst) / q.per.Seconds() }

// most is what a bucket may admit within t.
func (q quota) most(t time.Duration) float64 { return float64(q.burst) + q.perSecond()*t.Seconds() }

// setup is what a store is opened for.
type setup struct {
	quota

	keys    int           // how many there will be
	cap     int           // on keys, where there is one; 0: above keys
	sweep   time.Duration // how often to remove what has expired, where that can be said; 0: the default
	drained bool          // for the floor: it refuses
}

// limiter is a store of one contender.
type limiter struct {
	take func(key string) bool
	// count is how many keys are in memory; nil where nobody tells.
	count func() int
	close func()
}

type contender struct {
	name string
	open func(setup) limiter
	// sweeps says that expired keys are removed, by whatever is documented.
	sweeps bool
	// capped says that setup.cap bounds the keys, windowed that the end of a
	// window does.
	capped, windowed bool
}

// kind says what a contender is compared as.
func (c contender) kind() kind { return kindOf(c.name) }

type kind int

const (
	isPeer kind = iota
	isFloor
	isOurs
)

func kindOf(name string) kind {
	switch name {
	case "bracework", stacked, uncached:
		return isOurs
	case "bare", "floor", "floor-load":
		return isFloor
	default:
		return isPeer
	}
}

var (
	floor     = contender{name: "floor", open: openFloor}
	floorLoad = contender{name: "floor-load", open: openFloorLoad}
	bracework = contender{name: "bracework", open: openBracework, sweeps: true, capped: true}
	naive     = contender{name: "naive", open: openNaive}
)

// limiters are all that limit.
var limiters = append([]contender{bracework, naive}, peers...)

func withFloor(cs ...contender) []contender { return append([]contender{floor}, cs...) }

// openFloor is what no limiter can leave out: it reads a clock, hashes the key
// and swaps one word. There is a word for each key and nothing in it.
func openFloor(s setup) limiter {
	start, seed := time.Now(), maphash.MakeSeed()
	words := make([]atomic.Int64, 1<<bits.Len(uint(max(s.keys, 1)-1)))
	mask := uint64(len(words) - 1)
	return limiter{
		take: func(key string) bool {
			now := int64(time.Since(start))
			word := &words[maphash.String(seed, key)&mask]
			word.CompareAndSwap(word.Load(), now)
			return !s.drained
		},
		close: func() {},
	}
}

// openFloorLoad is the floor of a refusal, which has nothing to write.
func openFloorLoad(setup) limiter {
	start, seed := time.Now(), maphash.MakeSeed()
	var words [2]atomic.Int64
	return limiter{
		take: func(key string) bool {
			now := int64(time.Since(start))
			return words[maphash.String(seed, key)&1].Load() > now
		},
		close: func() {},
	}
}

func openBracework(s setup) limiter {
	store := newStore(s)
	ctx, tier := context.Background(), tierOf(s.quota)
	return limiter{
		take: func(key string) bool {
			d, err := store.Take(ctx, key, tier, 1)
			return err == nil && d.Allowed
		},
		count: func() int { return store.Stats().Keys },
		close: func() { _ = store.Close() },
	}
}

// newStore leaves the cap as it is while that does, and otherwise far enough
// above the keys that it is not reached.
func newStore(s setup) *ratelimit.MemoryStore {
	cfg := ratelimit.MemoryConfig{MaxKeys: s.cap}
	if s.cap == 0 && s.keys > 500_000 {
		cfg.MaxKeys = 2 * s.keys
	}
	return ratelimit.NewMemoryStore(cfg)
}

func tierOf(q quota) ratelimit.Tier {
	return ratelimit.Tier{Name: "quota", Rate: rate.Limit(q.perSecond()), Burst: q.burst}
}

// openNaive is what services write themselves: a limiter for each key, in a map
// with a mutex. It never forgets a key.
func openNaive(s setup) limiter {
	n := newNaiveStore(s.quota)
	return limiter{
		take:  func(key string) bool { return n.get(key).Allow() },
		count: func() int { return len(n.limiters) },
		close: func() {},
	}
}

type naiveStore struct {
	quota

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func newNaiveStore(q quota) *naiveStore {
	return &naiveStore{quota: q, limiters: map[string]*rate.Limiter{}}
}

func (n *naiveStore) get(key string) *rate.Limiter {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.limiters[key]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(n.perSecond()), n.burst)
		n.limiters[key] = l
	}
	return l
}
