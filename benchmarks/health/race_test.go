package health_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// race is a scenario in which everyone answers the same probe and is timed.
type race struct {
	name       string
	way        way
	kind       kind
	checks     int
	background bool
	procs      int // GOMAXPROCS, and how many probe at once; 0: 1
	goal       goal
}

// goal is what was aimed at, measured by the floor.
type goal struct {
	times  float64 // as long; 0: there is no goal
	allocs float64 // more
}

// table is races side by side.
type table struct {
	name  string
	races []race
}

func tables() []table {
	return []table{
		{"reused", direct(reusedWay)},
		{"recorded", direct(recordedWay)},
		{"parallel and served", []race{
			{name: "/health, 10 checks, two at once", way: reusedWay, kind: whole, checks: 10, procs: 2},
			{name: "served", way: servedWay, kind: whole, checks: 10},
		}},
	}
}

// direct are the races in which the handler is called, and no server.
func direct(w way) []race {
	all := []race{
		{name: "/health, 10 checks", kind: whole, checks: 10, goal: goal{times: 6, allocs: 4}},
		{name: "100 checks", kind: whole, checks: 100, goal: goal{times: 20}},
		{name: "/health/live", kind: live, checks: 10, goal: goal{times: 2, allocs: 1}},
		{name: "/health/ready", kind: ready, checks: 10, goal: goal{times: 2, allocs: 1}},
		{name: "/health, 10 in the background", kind: whole, checks: 10, background: true},
	}
	for i := range all {
		all[i].way = w
		if w.name != reusedWay.name { // elsewhere much of the time is not the handler's
			all[i].goal = goal{}
		}
	}
	return all
}

// long is more than all of this takes.
const long = time.Hour

func (rc race) setup(runs *atomic.Int64) setup {
	return setup{
		kind: rc.kind, names: names(rc.checks), cache: long, background: rc.background, brief: true,
		check: func(context.Context) error {
			runs.Add(1)
			return nil
		},
	}
}

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("dependency-%03d", i)
	}
	return all
}

func (rc race) contenders() []contender {
	return slices.DeleteFunc(slices.Clone(contenders), func(c contender) bool { return rc.background && c.unscheduled })
}

// entry is a contender in a race.
type entry struct {
	contender
	race

	service service
	probers []prober
	runs    atomic.Int64 // of checks
	probes  atomic.Int64
}

func newEntry(c contender, rc race) *entry {
	e := &entry{contender: c, race: rc}
	e.service = c.open(rc.setup(&e.runs))
	e.service.await()
	for range max(rc.procs, 1) {
		e.probers = append(e.probers, rc.way.open(e.service))
	}
	return e
}

func (e *entry) close() {
	for _, p := range e.probers {
		p.close()
	}
	e.service.close()
}

func (e *entry) loop(n int) {
	e.probes.Add(int64(n))
	if len(e.probers) == 1 {
		for range n {
			e.probers[0].probe()
		}
		return
	}
	var wg sync.WaitGroup
	for i, p := range e.probers {
		wg.Go(func() {
			for range (n + i) / len(e.probers) {
				p.probe()
			}
		})
	}
	wg.Wait()
}

// assertAnswers sees that all is well, and that e says so of each check, unless
// it does not name them.
func (e *entry) assertAnswers(t *testing.T, us answer) {
	t.Helper()
	for _, p := range e.probers {
		p.probe()
		got := p.answer()
		assert.Equal(t, 200, got.status, e.contender.name)
		if e.passing == nil {
			assert.Equal(t, timeless(us.body), timeless(got.body), e.contender.name)
			if e.contender.name == floor {
				want := us.header.Clone()
				want.Set("Content-Length", strconv.Itoa(len(got.body))) // the uptime may have grown
				assert.Equal(t, want, got.header, e.contender.name)
			}
			continue
		}
		passing, well := e.passing(e.kind, got)
		assert.True(t, well, "%s: %s", e.contender.name, got.body)
		if slices.Contains(e.silent, e.kind) {
			assert.Empty(t, passing, e.contender.name)
		} else {
			assert.Equal(t, names(e.checks), passing, e.contender.name)
		}
	}
}

// assertRan sees that nobody ran a check in the time that was measured who can
// do without.
func (e *entry) assertRan(t *testing.T) {
	t.Helper()
	runs, once := e.runs.Load(), int64(e.checks)
	switch {
	case e.passing == nil || e.kind == live:
		assert.Zero(t, runs, "%s: runs of checks", e.contender.name)
	case e.uncached:
		assert.GreaterOrEqual(t, runs, once*e.probes.Load(), "%s: runs of checks", e.contender.name)
	default:
		assert.Equal(t, once, runs, "%s: runs of checks", e.contender.name)
	}
}

// run times the contenders, after they have answered the same.
func (rc race) run(t *testing.T, rounds int, target time.Duration) outcome {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(rc.procs, 1)))
	var entries []*entry
	var us answer
	for _, c := range rc.contenders() {
		e := newEntry(c, rc)
		defer e.close()
		entries = append(entries, e)
		if c.name == ours {
			e.probers[0].probe()
			us = e.probers[0].answer()
		}
	}
	timed := make([]interleave.Contender, len(entries))
	for i, e := range entries {
		e.assertAnswers(t, us)
		timed[i] = interleave.Contender{Name: e.contender.name, Loop: e.loop}
	}
	require.False(t, t.Failed(), "who answers less has nothing to be compared")
	results := interleave.Run(timed, rounds, target)
	out := outcome{race: rc, results: map[string]interleave.Result{}, bytes: map[string]int{}}
	for i, e := range entries {
		e.assertRan(t)
		out.results[e.contender.name] = results[i]
		out.bytes[e.contender.name] = len(e.probers[0].answer().body)
	}
	return out
}

// BenchmarkProbe is each contender alone.
func BenchmarkProbe(b *testing.B) {
	for _, tab := range tables() {
		for _, rc := range tab.races {
			for _, c := range rc.contenders() {
				b.Run(tab.name+"/"+rc.name+"/"+c.name, func(b *testing.B) {
					e := newEntry(c, rc)
					defer e.close()
					b.ReportAllocs()
					b.ResetTimer()
					e.loop(b.N)
				})
			}
		}
	}
}
