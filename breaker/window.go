package breaker

import "time"

const buckets = 10

// window counts outcomes over a sliding time, in buckets. The caller holds the lock.
type window struct {
	start  time.Duration
	length time.Duration // of one bucket
	last   int64         // number of the newest bucket since start
	ring   [buckets]tally
	sum    tally // of ring
}

// tally counts outcomes; slow ones are among the others.
type tally struct{ successes, failures, slow uint64 }

func (w *window) reset(now time.Duration) {
	*w = window{start: now, length: w.length}
}

func (w *window) add(now time.Duration, ok, slow bool) {
	w.age(now)
	t := &w.ring[w.last%buckets]
	if ok {
		t.successes++
		w.sum.successes++
	} else {
		t.failures++
		w.sum.failures++
	}
	if slow {
		t.slow++
		w.sum.slow++
	}
}

// age drops the buckets that have left the window. A clock that stands still or runs back drops none.
func (w *window) age(now time.Duration) {
	current := int64((now - w.start) / w.length)
	for n := min(current-w.last, buckets); n > 0; n-- {
		w.last++
		old := &w.ring[w.last%buckets]
		w.sum.successes -= old.successes
		w.sum.failures -= old.failures
		w.sum.slow -= old.slow
		*old = tally{}
	}
	w.last = max(w.last, current)
}

// at returns the counts as of now and leaves the window as it is.
func (w *window) at(now time.Duration) tally {
	c := *w
	c.age(now)
	return c.sum
}
