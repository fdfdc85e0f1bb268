package webhook_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

const (
	rounds = 21
	target = 20 * time.Millisecond // for one contender in one round
)

// size is that of a body, with what was aimed at.
type size struct {
	name   string
	bytes  int
	atMost float64 // times the floor
}

func sizes() []size {
	return []size{{"1 KiB", 1 << 10, 1.6}, {"64 KiB", 64 << 10, 1.05}}
}

const mostAllocs = 6 // of ours, with 1 KiB

func (c contest) run(t *testing.T, s size, rounds int, target time.Duration, out io.Writer) {
	t.Helper()
	// One processor: garbage is collected in the time of who made it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	d := c.sign(c.payload(s.bytes))
	require.Len(t, d.body, s.bytes)
	var timed []interleave.Contender
	for _, x := range c.all() {
		require.True(t, x.verify(d), x.name)
		if x.name == ours && !raceEnabled {
			assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { x.verify(d) }), c.allocs(), c.name)
		}
		timed = append(timed, interleave.Contender{Name: x.name, Loop: func(n int) {
			for range n {
				if !x.verify(d) {
					panic("refused")
				}
			}
		}})
	}
	c.write(out, s, interleave.Run(timed, rounds, target))
}

// allocs is how many we may have: a form is taken apart.
func (c contest) allocs() float64 {
	if c.name == "Twilio" {
		return 15
	}
	return mostAllocs
}

func (c contest) write(out io.Writer, s size, results []interleave.Result) {
	fmt.Fprintf(out, "\n| %s, %s | median ns | × bare | × bracework | allocs | B |\n|---|--:|--:|--:|--:|--:|\n", c.name, s.name)
	var we, best interleave.Result
	for _, x := range results {
		switch {
		case x.Name == ours:
			we = x
		case x.Name != floor && x.Name != reused && (best.Name == "" || x.NsPerOp < best.NsPerOp):
			best = x
		}
	}
	for _, x := range results {
		fmt.Fprintf(out, "| %s | %.0f | %.2f | %.2f | %.1f | %.0f |\n", x.Name, x.NsPerOp, x.Ratio, x.Over(we), x.AllocsPerOp, x.BytesPerOp)
	}
	if c.newHash != nil && c.name != "Twilio" {
		fmt.Fprintf(out, "\nGoal, at most %.2f × bare: %.2f, %s\n", s.atMost, we.Ratio, verdict(we.Ratio <= s.atMost))
	}
	if best.Name != "" {
		ratio := we.Over(best)
		fmt.Fprintf(out, "\nGoal, ahead of %s: %.2f of its time, %s\n", best.Name, ratio, verdict(ratio < 1))
	}
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "missed"
}

// TestScenarios runs each contest once: it asserts what is promised of allocations,
// and times nothing that counts.
func TestScenarios(t *testing.T) { //nolint:paralleltest // contests set GOMAXPROCS and count allocations
	for _, c := range contests() { //nolint:paralleltest // likewise
		for _, s := range sizes() {
			t.Run(c.name+", "+s.name, func(t *testing.T) { c.run(t, s, 1, time.Microsecond, io.Discard) })
		}
	}
}

// TestReport prints the comparison. Of times it asserts nothing, since a shared
// machine can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	fmt.Fprintf(t.Output(), "%s %s/%s, %d CPUs, medians of %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	for _, c := range contests() { //nolint:paralleltest // likewise
		for _, s := range sizes() {
			t.Run(c.name+", "+s.name, func(t *testing.T) { c.run(t, s, rounds, target, t.Output()) })
		}
	}
}
