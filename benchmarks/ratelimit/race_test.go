package ratelimit_test

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// race is a scenario in which everyone takes the same keys and is timed.
type race struct {
	name     string
	setup    setup
	with     []contender
	procs    int     // GOMAXPROCS, and how many take at once; 0: 1
	warm     keys    // each is taken once before, untimed
	seq      keys    // taken again and again
	fresh    bool    // a round takes seq once, from an empty store
	admitted float64 // share of the takes that are timed
	distinct int     // keys in warm and seq together
	big      bool    // so many keys that garbage is collected before the rounds only
}

// races are all of them, of one size.
func races(s scale) []race {
	return slices.Concat(hot(s), uniform(s), zipf(s), insert(s), mix(s))
}

// hot is one key, taken by one and by two at once.
func hot(scale) []race {
	key := newKeys('h', 1, keySize)
	allowed := race{setup: setup{quota: endless, keys: 1}, with: withFloor(limiters...), seq: key, admitted: 1, distinct: 1}
	denied := race{setup: setup{quota: once, keys: 1, drained: true}, with: withFloor(append([]contender{floorLoad}, limiters...)...), warm: key, seq: key, distinct: 1}
	return []race{
		allowed.as("hot key allowed", 1), allowed.as("hot key allowed", 2),
		denied.as("hot key denied", 1), denied.as("hot key denied", 2),
	}
}

func (rc race) as(name string, procs int) race {
	rc.procs = procs
	rc.name = fmt.Sprintf("%s, GOMAXPROCS %d", name, procs)
	return rc
}

// manyKeys is from when on collections take longer than rounds.
const manyKeys = 500_000

func uniform(s scale) []race {
	var all []race
	for _, n := range s.uniform {
		k := newKeys('u', n, keySize)
		all = append(all, race{
			name:  fmt.Sprintf("uniform over %s keys", thousands(n)),
			setup: setup{quota: lasting, keys: n}, with: withFloor(limiters...),
			warm: k, seq: k.shuffled(newRand()), admitted: 1, distinct: n, big: n >= manyKeys,
		})
	}
	return all
}

func zipf(s scale) []race {
	k := newKeys('z', s.zipf, keySize)
	seq := k.zipf(newRand(), 1.1, s.draws)
	return []race{{
		name:  fmt.Sprintf("Zipf 1.1 over %s keys, %s of them taken", thousands(s.zipf), thousands(distinct(seq))),
		setup: setup{quota: lasting, keys: s.zipf}, with: withFloor(limiters...),
		warm: k, seq: seq, admitted: 1, distinct: s.zipf, big: s.zipf >= manyKeys,
	}}
}

func insert(s scale) []race {
	return []race{{
		name:  fmt.Sprintf("a new key each call, %s into an empty store", thousands(s.insert)),
		setup: setup{quota: once, keys: s.insert}, with: withFloor(limiters...),
		seq: newKeys('n', s.insert, keySize), fresh: true, admitted: 1, distinct: s.insert,
	}}
}

func mix(s scale) []race {
	n := 9 * s.mix
	return []race{{
		name:  fmt.Sprintf("90 allowed and 10 denied of 100, burst 10, %s keys", thousands(n)),
		setup: setup{quota: quota{10, once.per}, keys: n}, with: withFloor(limiters...),
		seq: newKeys('m', n, keySize).mixed(newRand()), fresh: true, admitted: 0.9, distinct: n,
	}}
}

// run times the contenders, and asserts that they did what is said of them.
func (rc race) run(t *testing.T, s scale, out *report) {
	t.Helper()
	require.Equal(t, rc.distinct, distinct(rc.warm, rc.seq), "%s: distinct keys", rc.name)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(rc.procs, 1)))
	if rc.big {
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	entries := make([]*entry, len(rc.with))
	timed := make([]interleave.Contender, len(rc.with))
	for i, c := range rc.with {
		entries[i] = newEntry(c, rc)
		defer entries[i].close()
		timed[i] = entries[i].timed()
	}
	results := interleave.Plan{Rounds: s.rounds, Target: s.target, CollectOnce: rc.big}.Run(timed)
	for _, e := range entries {
		e.assertRan(t)
	}
	out.times(rc.name, results)
	if rc.warm.len() > 1 {
		out.note("Different keys that were timed: " + rc.touched(entries) + ".")
	}
}

// touched counts the different keys that each has taken besides the warm ones:
// who is slow does not get through all of them.
func (rc race) touched(entries []*entry) string {
	upTo := make([]int, 1, rc.seq.len()+1) // different ones among the first
	seen := map[string]struct{}{}
	for i := range rc.seq.len() {
		seen[rc.seq.at(i)] = struct{}{}
		upTo = append(upTo, len(seen))
	}
	var all []string
	for _, e := range entries {
		n := upTo[min(int(e.taken.Load()), rc.seq.len())]
		all = append(all, e.contender.name+" "+thousands(n))
	}
	return strings.Join(all, "; ")
}

// entry is a contender in a race.
type entry struct {
	contender
	race

	l              limiter
	next           int // in seq, of one that takes alone
	taken, granted atomic.Int64
}

func newEntry(c contender, rc race) *entry {
	e := &entry{contender: c, race: rc}
	e.renew()
	return e
}

// renew starts with a store that only the warm keys have been taken from.
func (e *entry) renew() {
	e.close()
	e.l = e.open(e.setup)
	takeAll(e.l, e.warm)
	e.next = 0
}

func (e *entry) close() {
	if e.l.close != nil {
		e.l.close()
	}
	e.l = limiter{}
}

func (e *entry) timed() interleave.Contender {
	c := interleave.Contender{Name: e.contender.name, Loop: e.loop}
	if e.fresh {
		c.Setup, c.N = e.renew, e.seq.len()
	}
	return c
}

func (e *entry) loop(n int) {
	if e.procs <= 1 {
		e.next = e.run(e.next, n)
		return
	}
	var wg sync.WaitGroup
	for i := range e.procs {
		wg.Go(func() { e.run(i*e.seq.len()/e.procs, (n+i)/e.procs) })
	}
	wg.Wait()
}

// run takes n keys of seq, from the one at place next on.
func (e *entry) run(next, n int) int {
	take, seq, granted := e.l.take, e.seq, 0
	size := seq.len()
	for range n {
		if take(seq.at(next)) {
			granted++
		}
		if next++; next == size {
			next = 0
		}
	}
	e.taken.Add(int64(n))
	e.granted.Add(int64(granted))
	return next
}

func (e *entry) assertRan(t *testing.T) {
	t.Helper()
	name := e.race.name + ": " + e.contender.name
	assert.Positive(t, e.taken.Load(), "%s took", name)
	if e.kind() == isFloor {
		return
	}
	want := math.Round(float64(e.taken.Load()) * e.admitted)
	assert.InDelta(t, want, e.granted.Load(), 0, "%s: admitted of %d", name, e.taken.Load())
	if e.l.count != nil {
		assert.Equal(t, e.distinct, e.l.count(), "%s: keys in memory", name)
	}
}

// BenchmarkTake is each contender alone.
func BenchmarkTake(b *testing.B) {
	for _, rc := range races(chosen(b)) {
		for _, c := range rc.with {
			b.Run(rc.name+"/"+c.name, func(b *testing.B) {
				if rc.procs > 0 {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(rc.procs))
				}
				e := newEntry(c, rc)
				defer e.close()
				b.ReportAllocs()
				b.ResetTimer()
				for left := b.N; left > 0; {
					n := left
					if e.fresh {
						b.StopTimer()
						e.renew()
						b.StartTimer()
						n = min(left, e.seq.len())
					}
					e.loop(n)
					left -= n
				}
			})
		}
	}
}
