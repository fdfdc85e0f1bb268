package template_test

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// race is a scenario in which everyone renders the same.
type race struct {
	name       string
	data       string // without it there are no floors
	peer       string // whom ours is compared to
	json       bool   // outputs are equal when they say the same as JSON
	parallel   bool   // with all CPUs
	contenders []contender
	goals      []goal
}

// goal is what was aimed at, in the time of another contender.
type goal struct {
	than   string
	atMost float64 // times as long
	faster float64 // at least so many times
}

func (g goal) judge(we, they interleave.Result) string {
	var text string
	var met bool
	if g.atMost > 0 {
		ratio := we.Over(they)
		text, met = fmt.Sprintf("at most %.1f × %s: %.2f", g.atMost, g.than, ratio), ratio <= g.atMost
	} else {
		ratio := they.Over(we)
		text, met = fmt.Sprintf("%.0f times as fast as %s: %.2f", g.faster, g.than, ratio), ratio >= g.faster
	}
	if met {
		return text + ", reached"
	}
	return text + ", missed"
}

// assertEqual renders once with everyone.
func (r race) assertEqual(t *testing.T) {
	t.Helper()
	want := ""
	for _, c := range r.contenders {
		got := string(c.render(nil))
		switch {
		case c.mute:
			assert.Empty(t, got, c.name)
		case want == "":
			require.NotEmpty(t, got, c.name)
			want = got
		case r.json:
			assert.JSONEq(t, want, got, c.name)
		default:
			assert.Equal(t, want, got, c.name)
		}
		assert.Equal(t, "head"+got, string(c.render([]byte("head"))), "%s: again, behind something", c.name)
	}
}

// assertFree sees that nothing is allocated where that is promised. Once is
// enough: between two calls a collection, or the race detector, may take what
// pools hold.
func (r race) assertFree(t *testing.T) {
	t.Helper()
	const attempts = 100
	for _, c := range r.contenders {
		if c.free {
			room, least := c.render(nil), 1.0
			for i := 0; i < attempts && least > 0; i++ {
				least = min(least, testing.AllocsPerRun(1, func() { room = c.render(room[:0]) }))
			}
			assert.Zero(t, least, c.name)
		}
	}
}

func (r race) run(t *testing.T, rounds int, target time.Duration, out io.Writer) {
	t.Helper()
	r.assertEqual(t)
	r.assertFree(t)
	if t.Failed() {
		t.FailNow()
	}
	// One processor: garbage is collected in the time of who made it.
	procs := 1
	if r.parallel {
		procs = runtime.NumCPU()
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	all := r.contenders
	if r.data != "" && !r.parallel {
		all = append(floors(r.data), all...)
	}
	timed := make([]interleave.Contender, len(all))
	for i, c := range all {
		timed[i] = interleave.Contender{Name: c.name, Loop: loop(c, procs)}
	}
	r.write(out, interleave.Run(timed, rounds, target))
}

// loop renders n times in all, by so many goroutines.
func loop(c contender, goroutines int) func(n int) {
	rooms := make([][]byte, goroutines)
	renders := func(room *[]byte, n int) {
		for range n {
			*room = c.render((*room)[:0])
		}
	}
	if goroutines == 1 {
		return func(n int) { renders(&rooms[0], n) }
	}
	return func(n int) {
		var wg sync.WaitGroup
		for i := range rooms {
			wg.Go(func() { renders(&rooms[i], (n+i)/goroutines) })
		}
		wg.Wait()
	}
}

func (r race) write(out io.Writer, results []interleave.Result) {
	byName := map[string]interleave.Result{}
	for _, x := range results {
		byName[x.Name] = x
	}
	title := r.name
	if r.data != "" {
		title = fmt.Sprintf("%s; %s bytes", r.name, thousands(len(r.data)))
	}
	fmt.Fprintf(out, "\n| %s | median ns | MB/s | × gjson.Valid | × %s | allocs | B |\n|---|--:|--:|--:|--:|--:|--:|\n", title, r.peer)
	for _, x := range results {
		speed, toFloor := "", ""
		if r.data != "" {
			speed = thousands(int(float64(len(r.data)) / x.NsPerOp * 1000))
		}
		if floor, ok := byName["gjson.Valid"]; ok {
			toFloor = fmt.Sprintf("%.2f", x.Over(floor))
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %.2f | %.1f | %.0f |\n",
			x.Name, thousands(int(x.NsPerOp)), speed, toFloor, x.Over(byName[r.peer]), x.AllocsPerOp, x.BytesPerOp)
	}
	for _, g := range r.goals {
		fmt.Fprintf(out, "\nGoal, %s\n", g.judge(byName[ours], byName[g.than]))
	}
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
