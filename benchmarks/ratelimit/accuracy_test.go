package ratelimit_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"
)

const hammers = 64 // goroutines

// accuracyQuotas have bursts so small that no mistake hides in them. Of the
// takes, the first admits hardly any and the second a good part: a clock that is
// read before a lock does harm only where takes are admitted.
var accuracyQuotas = []quota{{10, 10 * time.Millisecond}, {1000, time.Millisecond}}

// oneLimiter is a rate.Limiter without a map and its lock around.
var oneLimiter = contender{name: "rate.Limiter", open: func(s setup) limiter {
	l := rate.NewLimiter(rate.Limit(s.perSecond()), s.burst)
	return limiter{take: func(string) bool { return l.Allow() }, close: func() {}}
}}

// runAccuracy has many goroutines take one key as fast as they can, and counts
// what is admitted.
func runAccuracy(t *testing.T, s scale, out *report) {
	t.Helper()
	for _, q := range accuracyQuotas {
		out.table(fmt.Sprintf("%d goroutines on one key for %v, %s a second, burst %s",
			hammers, s.accuracy, thousands(int(q.perSecond())), thousands(q.burst)), "takes", "admitted", "of at most", "difference")
		for _, c := range append(slices.Clip(limiters), oneLimiter) {
			l := c.open(setup{quota: q, keys: 1})
			takes, admitted, took := hammer(l, s.accuracy)
			l.close()
			most := q.most(took)
			if c.kind() == isOurs {
				assert.LessOrEqual(t, float64(admitted), most, "%s admitted", c.name)
				assert.GreaterOrEqual(t, admitted, q.burst, "%s admitted", c.name)
			}
			out.row(c.name, thousands(takes), thousands(admitted), thousands(int(most)),
				fmt.Sprintf("%+.2f%%", 100*(float64(admitted)/most-1)))
		}
	}
}

// hammer returns how many takes there were, how many of them were admitted, and
// from before the first to after the last of them.
func hammer(l limiter, d time.Duration) (takes, admitted int, took time.Duration) {
	var taken, granted atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range hammers {
		wg.Go(func() {
			for time.Since(start) < d {
				n := 0
				for range 100 { // so that little of it is the clock's
					if l.take("key") {
						n++
					}
				}
				taken.Add(100)
				granted.Add(int64(n))
			}
		})
	}
	wg.Wait()
	return int(taken.Load()), int(granted.Load()), time.Since(start)
}
