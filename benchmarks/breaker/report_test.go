package breaker_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
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

// scenario is a table of the report.
type scenario struct {
	name     string
	with     []contender
	refused  bool
	parallel bool // by two goroutines at once
	goals    []goal
}

// goal is what was aimed at: so many nanoseconds, more than those of another
// contender if there is one.
type goal struct {
	than   string
	atMost float64
}

func scenarios() []scenario {
	return []scenario{
		{name: "closed", with: contenders(), goals: []goal{{raw, 40}}},
		{name: "refused", with: contenders()[1:], refused: true, goals: []goal{{"", 60}}},
		{name: "closed, by two at once", with: contenders(), parallel: true},
		{name: "refused, by two at once", with: contenders()[1:], refused: true, parallel: true},
		{name: "transport, closed", with: roundTrippers()},
		{name: "transport, refused", with: roundTrippers()[1:], refused: true},
	}
}

// A contender that admits more, or less, has nothing to be compared.
func TestEveryoneBehavesTheSame(t *testing.T) { //nolint:paralleltest // it counts allocations
	for _, group := range [][]contender{contenders(), roundTrippers()} {
		for _, c := range group {
			assertBehaves(t, c)
		}
	}
}

func assertBehaves(t *testing.T, c contender) {
	t.Helper()
	calls := 0
	circuit := c.open(func(fail bool) error {
		calls++
		if fail {
			return errDown
		}
		return nil
	})
	for range 100 {
		require.NoError(t, circuit(false), c.name)
	}
	assert.Equal(t, 100, calls, c.name)
	assert.Equal(t, errDown, circuit(true), c.name)
	if c.refusal == nil {
		return
	}
	c.trip(circuit)
	before := calls
	for range 100 {
		require.ErrorIs(t, circuit(false), c.refusal, c.name)
	}
	assert.Equal(t, before, calls, "%s: a refused call is not made", c.name)
}

// assertFree sees that no more is allocated than is promised.
func (s scenario) assertFree(t *testing.T) {
	t.Helper()
	for _, c := range s.with {
		free := c.free
		if s.refused {
			free = c.freeRefused
		}
		if free < 0 || raceEnabled {
			continue
		}
		op, least := s.op(c), float64(free+1)
		for i := 0; i < 100 && least > float64(free); i++ {
			least = min(least, testing.AllocsPerRun(10, op))
		}
		assert.LessOrEqual(t, least, float64(free), "%s: %s", s.name, c.name)
	}
}

// op returns one call of a circuit that is closed or open.
func (s scenario) op(c contender) func() {
	circuit := c.open(func(fail bool) error {
		if fail {
			return errDown
		}
		return nil
	})
	if s.refused {
		c.trip(circuit)
	}
	return func() { _ = circuit(false) }
}

func (s scenario) run(t *testing.T, rounds int, target time.Duration, out io.Writer) {
	t.Helper()
	s.assertFree(t)
	// One processor, unless it is about two: garbage is collected in the time of
	// who made it.
	procs := 1
	if s.parallel {
		procs = 2
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	timed := make([]interleave.Contender, len(s.with))
	for i, c := range s.with {
		timed[i] = interleave.Contender{Name: c.name, Loop: loop(s.op(c), procs)}
	}
	s.write(out, interleave.Run(timed, rounds, target))
}

// loop calls op n times in all, by so many goroutines.
func loop(op func(), goroutines int) func(n int) {
	if goroutines == 1 {
		return func(n int) {
			for range n {
				op()
			}
		}
	}
	return func(n int) {
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				for range (n + i) / goroutines {
					op()
				}
			})
		}
		wg.Wait()
	}
}

func (s scenario) write(out io.Writer, results []interleave.Result) {
	byName := map[string]interleave.Result{}
	for _, x := range results {
		byName[x.Name] = x
	}
	fmt.Fprintf(out, "\n| %s | median ns | ns more than %s | × %s | allocs | B |\n|---|--:|--:|--:|--:|--:|\n", s.name, raw, raw)
	for _, x := range results {
		fmt.Fprintf(out, "| %s | %.1f | %+.1f | %.2f | %.1f | %.0f |\n",
			x.Name, x.NsPerOp, more(x, byName[raw]), x.Over(byName[raw]), x.AllocsPerOp, x.BytesPerOp)
	}
	for _, g := range s.goals {
		we, text := byName[ours].NsPerOp, fmt.Sprintf("at most %.0f ns", g.atMost)
		if g.than != "" {
			we, text = more(byName[ours], byName[g.than]), fmt.Sprintf("at most %.0f ns more than %s", g.atMost, g.than)
		}
		verdict := "reached"
		if we > g.atMost {
			verdict = "missed"
		}
		fmt.Fprintf(out, "\nGoal, %s: %.1f, %s\n", text, we, verdict)
	}
}

// more is the median of the differences within each round.
func more(a, b interleave.Result) float64 {
	differences := make([]float64, len(a.Rounds))
	for i := range a.Rounds {
		differences[i] = a.Rounds[i] - b.Rounds[i]
	}
	slices.Sort(differences)
	n := len(differences)
	return (differences[(n-1)/2] + differences[n/2]) / 2
}

// TestScenarios runs each scenario once: it asserts what is promised of
// allocations, and times nothing that counts.
func TestScenarios(t *testing.T) { //nolint:paralleltest // scenarios set GOMAXPROCS and count allocations
	for _, s := range scenarios() { //nolint:paralleltest // likewise
		t.Run(s.name, func(t *testing.T) { s.run(t, 1, time.Microsecond, io.Discard) })
	}
}

// TestReport prints the comparison. Of times it asserts nothing, since a shared
// machine can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	fmt.Fprintf(t.Output(), "%s %s/%s, %d CPUs, medians of %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	for _, s := range scenarios() { //nolint:paralleltest // likewise
		t.Run(s.name, func(t *testing.T) { s.run(t, rounds, target, t.Output()) })
	}
}
