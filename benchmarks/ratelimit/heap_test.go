package ratelimit_test

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill takes n keys that nobody else keeps, each once, and asserts that all
// were admitted and are remembered. It returns the time of the takes, which
// includes that of making the keys.
func fill(t *testing.T, c contender, l limiter, n, size int) time.Duration {
	t.Helper()
	buf := make([]byte, 0, size)
	start := time.Now()
	admitted := 0
	for i := range n {
		buf = appendKey(buf[:0], 'k', i, size)
		if l.take(string(buf)) {
			admitted++
		}
	}
	took := time.Since(start)
	assert.Equal(t, n, admitted, "%s: admitted", c.name)
	if c.kind() == isFloor {
		return took
	}
	if l.count != nil {
		assert.Equal(t, n, l.count(), "%s: keys in memory", c.name)
	}
	for i := 0; i < n; i += max(n/1000, 1) {
		buf = appendKey(buf[:0], 'k', i, size)
		if !assert.False(t, l.take(string(buf)), "%s: key %d was forgotten", c.name, i) {
			break
		}
	}
	return took
}

// runHeap measures what a key costs that the caller does not keep.
func runHeap(t *testing.T, s scale, out *report) {
	t.Helper()
	out.table(thousands(s.heap)+" keys", "heap bytes each, keys of 16", "keys of 1 KiB", "ns to fill, keys of 16", "keys of 1 KiB")
	for _, c := range withFloor(limiters...) {
		var bytes, ns []string
		for _, size := range []int{16, 1024} {
			before := heap()
			l := c.open(setup{quota: once, keys: s.heap})
			took := fill(t, c, l, s.heap, size)
			each := float64(heap()-before) / float64(s.heap)
			runtime.KeepAlive(l.take)
			l.close()
			if s.asserts {
				assert.Positive(t, each, c.name)
			}
			bytes = append(bytes, fmt.Sprintf("%.1f", each))
			ns = append(ns, nanos(float64(took.Nanoseconds())/float64(s.heap)))
		}
		out.row(c.name, slices.Concat(bytes, ns)...)
	}
}

// runGC measures what keys cost the garbage collector, one contender at a time.
func runGC(t *testing.T, s scale, out *report) {
	t.Helper()
	none := contender{name: "none", open: func(setup) limiter { return limiter{} }}
	out.table(fmt.Sprintf("%s keys, %d collections", thousands(s.gc), s.cycles),
		"heap MB", "mark CPU ms, min", "median", "max", "longest pause µs")
	for _, c := range append([]contender{none}, limiters...) {
		before := heap()
		l := c.open(setup{quota: once, keys: s.gc})
		if l.take != nil {
			fillUncollected(t, c, l, s.gc)
		}
		marks, pause := collect(t, s.cycles)
		held := alive() - before
		runtime.KeepAlive(l.take)
		if l.close != nil {
			l.close()
		}
		out.row(c.name, fmt.Sprintf("%.0f", float64(held)/1e6),
			fmt.Sprintf("%.1f", marks[0]), fmt.Sprintf("%.1f", marks[len(marks)/2]), fmt.Sprintf("%.1f", marks[len(marks)-1]),
			fmt.Sprintf("%.0f", float64(pause.Nanoseconds())/1e3))
	}
}

// fillUncollected fills without collecting garbage, which would take most of the
// time.
func fillUncollected(t *testing.T, c contender, l limiter, n int) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	fill(t, c, l, n, keySize)
}

// collect collects garbage n times. It returns the milliseconds of CPU that
// each mark phase took, sorted, and the longest pause.
func collect(t *testing.T, n int) ([]float64, time.Duration) {
	t.Helper()
	var marks []float64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spent := markCPU(t)
	for range n {
		runtime.GC()
		now := markCPU(t)
		marks = append(marks, (now-spent)*1e3)
		spent = now
	}
	runtime.ReadMemStats(&after)
	var longest uint64
	for i := before.NumGC; i < after.NumGC; i++ {
		longest = max(longest, after.PauseNs[i%uint32(len(after.PauseNs))])
	}
	require.GreaterOrEqual(t, after.NumGC-before.NumGC, uint32(n))
	slices.Sort(marks)
	return marks, time.Duration(min(longest, math.MaxInt64))
}

func markCPU(t *testing.T) float64 {
	t.Helper()
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	var sum float64
	for _, x := range samples {
		require.Equal(t, metrics.KindFloat64, x.Value.Kind(), x.Name)
		sum += x.Value.Float64()
	}
	return sum
}
