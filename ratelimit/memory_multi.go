package ratelimit

import (
	"context"
	"slices"
	"sync/atomic"
)

// few is how many limits are handled without an allocation.
const few = 4

// share is one take of several.
type share struct {
	hash    uint64
	pace    pace
	cost    int64
	first   int   // index of the first share of the same bucket
	debt    int64 // before it
	verdict verdict

	// Of the first share of each bucket, while shards are locked.
	bucket     *bucket // frozen; nil when absent
	full       int64   // of the bucket
	was, isNow owed
}

// owed is what a bucket owes, without the time at which it does.
type owed struct{ debt, tau int64 }

// in returns the debt in a tier that refills in tau.
func (o owed) in(tau int64) int64 { return rescale(o.debt, o.tau, tau) }

// TakeAll implements [MultiTaker]; all takes are one step. It ignores ctx. The
// only error is an invalid tier.
func (s *MemoryStore) TakeAll(_ context.Context, takes []Take) ([]Decision, error) {
	var room [few]share
	shares := room[:0]
	for i := range takes {
		t := &takes[i]
		p, err := s.paces.of(&t.Tier)
		if err != nil {
			return nil, err
		}
		x := share{hash: s.hash(t.Key), pace: p, cost: int64(max(t.Cost, 0))}
		x.verdict.allowed = t.Tier.IsUnlimited()
		shares = append(shares, x)
	}
	link(shares)
	now := s.now()
	if s.mayTakeAll(now, shares) {
		s.takeAll(shares)
	}
	s.sweepDue(now)

	taken := allAllowed(shares)
	decisions := make([]Decision, len(takes))
	for i := range shares {
		x, t := &shares[i], &takes[i]
		if x.pace.interval == 0 {
			decisions[i], _ = t.Tier.NoBucket(t.Cost)
			continue
		}
		if !taken {
			x.verdict.debt = x.debt
		}
		d := &decisions[i]
		d.fill(&t.Tier, x.pace, x.verdict, int(x.cost))
		d.Policy, d.Source = t.Tier.policy(), SourceMemory
	}
	return decisions, nil
}

func allAllowed(shares []share) bool {
	for i := range shares {
		if !shares[i].verdict.allowed {
			return false
		}
	}
	return true
}

// mayTakeAll decides without a lock. When it returns false the verdicts stand:
// one is a refusal, and there is nothing to store.
func (s *MemoryStore) mayTakeAll(now int64, shares []share) bool {
	for i := range shares {
		x := &shares[i]
		if x.pace.interval == 0 {
			continue
		}
		if x.first != i {
			return true // what the first one leaves is known there
		}
		b, _ := s.shardOf(x.hash).table.Load().find(x.hash)
		if b != nil {
			full, tau := b.state()
			switch {
			case full == dead:
			case full == frozen, tau != x.pace.tau:
				return true
			default:
				x.debt = min(max(full-now, 0), tau)
			}
		}
		x.verdict = x.pace.admit(x.debt, x.cost)
	}
	return allAllowed(shares)
}

// takeAll decides and stores, with all shards locked.
func (s *MemoryStore) takeAll(shares []share) {
	var room [few]int
	places := s.places(room[:0], shares)
	for _, place := range places {
		s.shards[place].mu.Lock()
	}
	for i := range shares {
		if x := &shares[i]; x.pace.interval > 0 && x.first == i {
			x.hold(s)
		}
	}
	now := s.now() // after all are held, as in takeLocked
	for i := range shares {
		if x := &shares[i]; x.pace.interval > 0 {
			x.decide(now, shares)
		}
	}
	taken := allAllowed(shares)
	// What is frozen is let go before an insertion can move it.
	for i := range shares {
		if x := &shares[i]; x.bucket != nil {
			x.letGo(now, taken)
		}
	}
	for i := range shares {
		if x := &shares[i]; taken && x.bucket == nil && x.isNow.debt > 0 {
			s.shardOf(x.hash).insert(s, now, x.hash, x.isNow.debt, x.isNow.tau)
		}
	}
	for _, place := range places {
		s.shards[place].mu.Unlock()
	}
}

// places returns which shards to lock, in the order in which everybody does.
func (s *MemoryStore) places(places []int, shares []share) []int {
	for i := range shares {
		if shares[i].pace.interval > 0 {
			places = append(places, s.place(shares[i].hash))
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// decide decides about x after those of shares that come before it.
func (x *share) decide(now int64, shares []share) {
	first := &shares[x.first]
	if first == x {
		x.was.debt = max(x.full-now, 0)
		x.isNow = x.was
	}
	x.debt = first.isNow.in(x.pace.tau)
	x.verdict = x.pace.admit(x.debt, x.cost)
	if x.cost > 0 {
		first.isNow = owed{x.verdict.debt, x.pace.tau}
	}
}

// link notes for each share the first one of the same bucket.
func link(shares []share) {
	if len(shares) > few*few {
		firsts := make(map[uint64]int, len(shares))
		for i := range shares {
			x := &shares[i]
			if _, known := firsts[x.hash]; !known && x.pace.interval > 0 {
				firsts[x.hash] = i
			}
			x.first = firsts[x.hash]
		}
		return
	}
	for i := range shares {
		x := &shares[i]
		x.first = slices.IndexFunc(shares, func(y share) bool { return y.pace.interval > 0 && y.hash == x.hash })
	}
}

// hold freezes the bucket, if there is one.
func (x *share) hold(s *MemoryStore) {
	x.was.tau = x.pace.tau
	b, _ := s.shardOf(x.hash).table.Load().find(x.hash)
	if b != nil && atomic.LoadInt64(&b.full) != dead {
		x.bucket, x.full, x.was.tau = b, b.freeze(), b.tau
	}
}

// letGo stores what became of the bucket; after a refusal, that is what it was,
// in its new tier.
func (x *share) letGo(now int64, taken bool) {
	if !taken {
		x.isNow.debt = x.was.in(x.isNow.tau)
	}
	x.bucket.set(now+x.isNow.debt, x.isNow.tau)
}

// Refund implements [Refunder]. The only error is an invalid tier.
func (s *MemoryStore) Refund(_ context.Context, key string, tier Tier, cost int) error {
	p, err := s.paces.of(&tier)
	if err != nil || p.interval == 0 || cost < 1 {
		return err
	}
	paid := min(int64(cost), p.burst) * p.interval
	s.change(key, func(now, full, tau int64) int64 {
		back, _ := scale(paid, p.tau, tau)
		return max(full-back, min(now, full))
	})
	return nil
}

// Reset implements [Resetter].
func (s *MemoryStore) Reset(_ context.Context, key string) error {
	s.change(key, func(now, full, _ int64) int64 { return min(now, full) })
	return nil
}

// change replaces the time at which the bucket of key is full, if there is one.
func (s *MemoryStore) change(key string, next func(now, full, tau int64) int64) {
	hash, now := s.hash(key), s.now()
	sh := s.shardOf(hash)
	b, _ := sh.table.Load().find(hash)
	for b != nil {
		full, tau := b.state()
		switch {
		case full == dead:
			return
		case full == frozen:
			// Its next place is known when the shard is free.
			sh.mu.Lock()
			b, _ = sh.table.Load().find(hash)
			sh.mu.Unlock()
		case b.exchange(full, next(now, full, tau)):
			return
		}
	}
}
