package ratelimit

import "sync/atomic"

// debtSteps is the resolution of makeRoom.
const debtSteps = 512

// makeRoom removes the buckets that are full again and, unless these are
// enough, the least indebted ones: at least one, and a 16th of the shard, so
// that a flood of new keys does not pay for a pass each. Between buckets whose
// used parts differ by less than a step the choice is arbitrary.
func (sh *shard) makeRoom(s *MemoryStore, now int64) {
	before := sh.live
	var histogram [debtSteps]int32
	sh.swept = max(sh.swept, now)
	for b := range sh.buckets {
		if !sh.removeIfFull(b, now) {
			histogram[b.step(now)]++
		}
	}
	spare := max(1, before/16) - (before - sh.live)
	if spare <= 0 || sh.live == 0 {
		s.keys.Add(int64(sh.live - before))
		return
	}
	last := 0 // all below go, and some of it
	for last < debtSteps-1 && int(histogram[last]) < spare {
		spare -= int(histogram[last])
		last++
	}
	indebted := sh.live
	// Of the last ones every so many-th goes. Were they neighbors, the table
	// would fill up elsewhere.
	candidates, sum := int(histogram[last]), 0
	for b := range sh.buckets {
		step := b.step(now)
		if step == last {
			sum += spare
		}
		if step > last || step == last && sum < candidates {
			continue
		}
		if step == last {
			sum -= candidates
		}
		atomic.StoreInt64(&b.full, dead)
		sh.live--
	}
	s.keys.Add(int64(sh.live - before))
	sh.evicted += uint64(indebted - sh.live) //nolint:gosec // not negative
}

// step is the used part of the bucket in steps: 0 is full, or nearly so.
func (b *bucket) step(now int64) int {
	debt := float64(max(atomic.LoadInt64(&b.full)-now, 0))
	return min(int(debt/float64(b.tau)*debtSteps), debtSteps-1)
}
