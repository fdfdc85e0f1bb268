package breaker

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultMaxBreakers is the size of a [Group] for which none is given.
const DefaultMaxBreakers = 1024

const (
	// searchPause is how long a full group of breakers that are needed is not searched again: a flood of keys must not
	// make each call look at every breaker.
	searchPause = 10 * time.Millisecond
	// maxSearch bounds one search, since all look-ups wait for it; the hand stays where it came to.
	maxSearch = 512
	// fullPause is the time between two lines about a full group.
	fullPause = time.Minute
)

// Group is a bounded set of breakers of one Config, by key: one for each upstream. All its methods may be called
// concurrently.
//
// When it is full, a breaker that is idle leaves for a new one, the least used first: one that is closed, has no call
// running, and has seen no failure and no slow call within [Config.Window]. Nothing is lost with it but successes, and a
// run of failures that is older than that. One
// that has been open leaves when nobody has called it for [Config.MaxOpenFor] after its open period; one that is open or
// forced never leaves. A call that begins in the moment in which its breaker leaves is counted by the one that left.
// While none is found to be idle, new keys are not guarded, which is logged once a minute and counted in [GroupStats].
type Group struct {
	cfg   Config
	epoch time.Time
	limit int

	unguarded, evicted atomic.Uint64

	mu      sync.RWMutex
	members map[string]*member
	ring    []*member // in the order of their coming; the next to be looked at is at hand
	hand    int
	search  time.Duration // not before
	told    time.Duration // likewise, of the line about a full group
}

type member struct {
	breaker *Breaker
	used    atomic.Bool // since the hand was here last
}

// NewGroup returns an empty group that holds up to limit breakers, each as [New] makes it of cfg, with its key as the
// name. Zero means 1024, which take about 1.3 MB. A negative limit is an error, and so is what New
// refuses.
func NewGroup(limit int, cfg Config) (*Group, error) {
	if limit < 0 {
		return nil, fmt.Errorf("breaker: group of %d breakers: want at least 1", limit)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = DefaultMaxBreakers
	}
	return &Group{cfg: cfg, epoch: time.Now(), limit: limit, members: make(map[string]*member)}, nil
}

// defaultGroup is NewGroup(0, Config{}).
func defaultGroup() *Group {
	g, err := NewGroup(0, Config{})
	if err != nil {
		panic(err) // the zero Config is valid
	}
	return g
}

// Get returns the breaker of key, and makes it if there is none. Use it for a call and get it again for the next: a
// breaker that is kept may have left the group. While the group is full and none is idle, it returns a new one that is
// not in the group.
func (g *Group) Get(key string) *Breaker {
	if b := g.lookup(key); b != nil {
		return b
	}
	return newBreaker(key, g.cfg)
}

// lookup is Get, but for nil while the group is full.
func (g *Group) lookup(key string) *Breaker {
	g.mu.RLock()
	m := g.members[key]
	g.mu.RUnlock()
	if m != nil {
		return m.use()
	}
	return g.add(key)
}

// lookupBytes is lookup that makes no string of a key that is there.
func (g *Group) lookupBytes(key []byte) *Breaker {
	g.mu.RLock()
	m := g.members[string(key)]
	g.mu.RUnlock()
	if m != nil {
		return m.use()
	}
	return g.add(string(key))
}

func (m *member) use() *Breaker {
	if !m.used.Load() {
		m.used.Store(true)
	}
	return m.breaker
}

func (g *Group) add(key string) *Breaker {
	g.mu.Lock()
	if m := g.members[key]; m != nil {
		g.mu.Unlock()
		return m.use()
	}
	if len(g.ring) == g.limit {
		now := time.Since(g.epoch)
		if !g.evict(now) {
			tell := now >= g.told
			if tell {
				g.told = now + fullPause
			}
			g.mu.Unlock()
			g.unguarded.Add(1)
			if tell {
				g.log()
			}
			return nil
		}
	}
	m := &member{breaker: newBreaker(key, g.cfg)}
	if len(g.ring) < g.limit {
		g.ring = append(g.ring, m)
	} else {
		g.ring[g.hand] = m
		g.hand = (g.hand + 1) % g.limit
	}
	g.members[key] = m
	g.mu.Unlock()
	return m.breaker
}

// evict removes an idle breaker, at which it leaves the hand. Those used since the last time are passed over once.
func (g *Group) evict(now time.Duration) bool {
	if now < g.search {
		return false
	}
	for range min(2*g.limit, maxSearch) {
		m := g.ring[g.hand]
		if !m.used.Swap(false) && m.breaker.idle() {
			delete(g.members, m.breaker.name)
			g.evicted.Add(1)
			return true
		}
		g.hand = (g.hand + 1) % g.limit
	}
	g.search = now + searchPause
	return false
}

func (g *Group) log() {
	if g.cfg.Logger == nil {
		return
	}
	defer func() { _ = recover() }() // the handler's panic is no reason to fail a call
	g.cfg.Logger.Warn("breaker group is full, new upstreams are not guarded", slog.Int("limit", g.limit))
}

// Range calls f with each breaker and its key until f returns false, in no order: for key, b := range g.Range. It sees
// what is there when it begins; f may use the group.
func (g *Group) Range(f func(key string, b *Breaker) bool) {
	g.mu.RLock()
	all := make([]*Breaker, 0, len(g.ring))
	for _, m := range g.ring {
		all = append(all, m.breaker)
	}
	g.mu.RUnlock()
	for _, b := range all {
		if !f(b.name, b) {
			return
		}
	}
}

// GroupStats counts what a group does.
type GroupStats struct {
	// Breakers is how many the group holds.
	Breakers int
	// Evicted is how many idle ones have left it.
	Evicted uint64
	// Unguarded is how often it was full, and a key was not guarded.
	Unguarded uint64
}

// Stats returns the counts of this moment.
func (g *Group) Stats() GroupStats {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return GroupStats{Breakers: len(g.ring), Evicted: g.evicted.Load(), Unguarded: g.unguarded.Load()}
}
