package ratelimit_test

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const (
	// takeEach is the pace of the takes that are timed. In between the taker
	// spins, so that it is never woken up late.
	takeEach = 20 * time.Microsecond
	// oldEach is how many takes of old keys there are to one of a new key, so
	// that new ones are few beside those that expire.
	oldEach = 7
	// oldKeys are the keys that are taken again and again. The others rest, and
	// expire.
	oldKeys = 1000
)

// latencies are how many nanoseconds takes took: of keys that are there, and of
// new ones.
type latencies struct{ old, fresh []int64 }

// runSweep times takes while full stores are searched for what has expired: in
// vain at first, and then all have expired but those that are taken. Everyone
// who can be told sweeps three times in each half.
func runSweep(t *testing.T, s scale, out *report) {
	t.Helper()
	type row struct {
		name         string
		scan, expire latencies
		left         string
	}
	var rows []row
	for _, c := range withFloor(limiters...) {
		if c.sweeps || c.kind() == isFloor {
			scan, expire, left := sweep(t, c, s)
			rows = append(rows, row{c.name, scan, expire, left})
		}
	}
	columns := []string{"takes of old keys", "p50 ns", "p99.9", "max", "of new keys", "p50 ns", "p99.9", "max"}
	out.table(thousands(s.swept)+" keys are scanned", columns...)
	for _, r := range rows {
		out.row(r.name, slices.Concat(quantiles(r.scan.old), quantiles(r.scan.fresh))...)
	}
	out.table(thousands(s.swept)+" keys expire", append(columns, "keys left")...)
	for _, r := range rows {
		out.row(r.name, slices.Concat(quantiles(r.expire.old), quantiles(r.expire.fresh), []string{r.left})...)
	}
}

func sweep(t *testing.T, c contender, s scale) (scan, expire latencies, left string) {
	t.Helper()
	runtime.GC()
	// A window is only forgotten at the end of the next one.
	end := 2*s.expiry + s.expiry/6
	x := &sampler{fresh: newKeys('f', int(end/takeEach)/oldEach, keySize), start: time.Now()}
	x.limiter = c.open(setup{quota: quota{1, s.expiry}, keys: s.swept, sweep: s.expiry / 3})
	defer x.close()
	all := newKeys('o', s.swept, keySize)
	takeAll(x.limiter, all)
	x.old = all.pick(newRand().Perm(s.swept)[:min(oldKeys, s.swept/4)])
	if x.count != nil && time.Since(x.start) < s.expiry {
		assert.Equal(t, s.swept, x.count(), "%s: keys in memory", c.name)
	}
	scan = x.until(s.expiry)
	expire = x.until(end)
	if x.count != nil {
		left = thousands(x.count())
		if s.asserts {
			assert.Less(t, x.count(), s.swept+x.next, "%s: keys in memory at the end", c.name)
		}
	}
	return scan, expire, left
}

// sampler times takes.
type sampler struct {
	limiter

	start      time.Time
	old, fresh keys
	next       int // of the fresh ones
}

func (x *sampler) until(end time.Duration) latencies {
	var got latencies
	for time.Since(x.start) < end && x.next < x.fresh.len() {
		for i := range oldEach {
			got.old = append(got.old, x.timedTake(x.old.at((x.next*oldEach+i)%x.old.len())))
		}
		got.fresh = append(got.fresh, x.timedTake(x.fresh.at(x.next)))
		x.next++
	}
	return got
}

func (x *sampler) timedTake(key string) int64 {
	start := time.Now()
	x.take(key)
	took := time.Since(start)
	for time.Since(start) < takeEach {
	}
	return took.Nanoseconds()
}

// quantiles are how many there were, the median, p99.9 and the maximum.
func quantiles(ns []int64) []string {
	if len(ns) == 0 {
		return []string{"0", "", "", ""}
	}
	slices.Sort(ns)
	at := func(q float64) string { return thousands(int(ns[int(q*float64(len(ns)-1))])) }
	return []string{thousands(len(ns)), at(0.5), at(0.999), at(1)}
}
