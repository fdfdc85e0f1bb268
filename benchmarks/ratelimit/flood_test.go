package ratelimit_test

import (
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// floodQuota is full again after 2 s.
var floodQuota = quota{10, 2 * time.Second}

// floodSweep is how often it is swept, where that can be said.
const floodSweep = time.Second

// tries is how often the tenant takes on each visit: more often than the burst.
const tries = 20

// flooded is a contender that was flooded.
type flooded struct {
	contender
	limiter

	keys     int
	took     time.Duration
	heaps    []int64 // after a tenth, a half and all of the keys
	visits   int
	admitted int     // to the tenant
	most     float64 // that the tenant's quota admits
	rested   time.Duration
	left     int64 // of the heap, after the rest
}

// runFlood sends many keys once each, while a tenant that is drained comes back
// from time to time. It looks at the heap during the flood, and at what is given
// back after it. Everyone has all settings against floods that there are.
func runFlood(t *testing.T, s scale, out *report) {
	t.Helper()
	var all []*flooded
	for _, c := range append(slices.Clip(limiters), throttledLRU) {
		before := heap()
		f := flood(c, before, s)
		if c.kind() == isOurs {
			f.assertHeld(t, s)
		}
		f.rest(s)
		f.left = heap() - before
		runtime.KeepAlive(f.take)
		f.close()
		all = append(all, f)
	}
	out.table("keys that come once, cap "+thousands(s.floodCap)+" where there is one", "keys", "ns each",
		"heap MB after 1/10", "1/2", "all", "tenant's visits", "admitted", "of at most")
	for _, f := range all {
		out.row(f.name, thousands(f.keys), nanos(float64(f.took.Nanoseconds())/float64(f.keys)),
			megabytes(f.heaps[0]), megabytes(f.heaps[1]), megabytes(f.heaps[2]),
			strconv.Itoa(f.visits), strconv.Itoa(f.admitted), strconv.Itoa(int(f.most)))
	}
	out.table("after the flood", "heap MB at its end", "s of rest", "heap MB then")
	for _, f := range all {
		out.row(f.name, megabytes(f.heaps[2]), strconv.FormatFloat(f.rested.Seconds(), 'f', 1, 64), megabytes(f.left))
	}
}

func flood(c contender, before int64, s scale) *flooded {
	f := &flooded{contender: c, keys: s.floodFree}
	switch {
	case c.kind() == isOurs:
		f.keys = s.flood
	case c.capped || c.windowed:
		f.keys = s.floodBound
	}
	f.limiter = c.open(setup{quota: floodQuota, keys: s.floodCap, cap: s.floodCap, sweep: floodSweep})
	buf := make([]byte, 0, keySize)
	start := time.Now()
	var paused time.Duration // while the heap is measured; the tenant's bucket refills
	for i := range f.keys {
		if i%s.floodVisit == 0 {
			f.visit()
		}
		buf = appendKey(buf[:0], 'f', i, keySize)
		f.take(string(buf))
		if n := i + 1; n == f.keys/10 || n == f.keys/2 || n == f.keys {
			pause := time.Now()
			f.heaps = append(f.heaps, heap()-before)
			paused += time.Since(pause)
		}
	}
	f.visit()
	took := time.Since(start)
	f.took, f.most = took-paused, floodQuota.most(took)
	return f
}

// visit is one of the tenant.
func (f *flooded) visit() {
	f.visits++
	for range tries {
		if f.take("tenant") {
			f.admitted++
		}
	}
}

// assertHeld asserts that the flood neither refilled the tenant's bucket nor
// grew the heap.
func (f *flooded) assertHeld(t *testing.T, s scale) {
	t.Helper()
	assert.LessOrEqual(t, float64(f.admitted), f.most, "%s: admitted to the tenant", f.name)
	assert.GreaterOrEqual(t, f.admitted, floodQuota.burst, "%s: admitted to the tenant", f.name)
	assert.LessOrEqual(t, f.count(), s.floodCap, "%s: keys in memory", f.name)
	if s.asserts {
		assert.Less(t, float64(f.heaps[2]), 1.5*float64(f.heaps[0]), "%s: heap", f.name)
	}
}

// rest lets time pass, with a request a millisecond, until what is full again
// should be gone: in ours until it is, and in others for twice as long as a
// bucket takes to be full, and one round of their sweep.
func (f *flooded) rest(s scale) {
	if !f.sweeps {
		return // what it has it keeps
	}
	limit := min(2*floodQuota.per+floodSweep, s.afterwards)
	if f.count != nil {
		limit = s.afterwards
	}
	start := time.Now()
	for time.Since(start) < limit && (f.count == nil || f.count() > s.floodCap/100) {
		time.Sleep(time.Millisecond)
		f.take("tenant")
	}
	f.rested = time.Since(start)
}

func megabytes(bytes int64) string { return strconv.FormatFloat(float64(bytes)/1e6, 'f', 1, 64) }
