package health_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

const (
	rounds = 21
	target = 30 * time.Millisecond // for one contender in one round
)

// TestScenarios runs each scenario once: it sees that everyone answers the same,
// and times nothing that counts.
func TestScenarios(t *testing.T) { //nolint:paralleltest // scenarios set GOMAXPROCS
	for _, tab := range tables() { //nolint:paralleltest // likewise
		t.Run(tab.name, func(t *testing.T) { tab.run(t, 1, time.Microsecond) })
	}
}

// TestReport prints the comparison. Of times it asserts nothing, since a shared
// machine can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	out := t.Output()
	fmt.Fprintf(out, "%s %s/%s, %d CPUs, medians of %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	var all []outcome
	for _, tab := range tables() { //nolint:paralleltest // likewise
		t.Run(tab.name, func(t *testing.T) {
			outcomes := tab.run(t, rounds, target)
			writeTimes(out, tab.name, outcomes)
			all = append(all, outcomes...)
		})
	}
	writeBytes(out, all)
	writeGoals(out, all)
	t.Run("behaviour", func(t *testing.T) { runBehaviours(t, 3*time.Second, out) })
}

// outcome is what was measured in a race.
type outcome struct {
	race

	results map[string]interleave.Result
	bytes   map[string]int // of a body
}

func (tab table) run(t *testing.T, rounds int, target time.Duration) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(tab.races))
	for i, rc := range tab.races {
		outcomes[i] = rc.run(t, rounds, target)
	}
	return outcomes
}

// row is a line of a Markdown table.
func row(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

func writeTimes(out io.Writer, name string, outcomes []outcome) {
	head := []string{name + ", median ns"}
	for _, o := range outcomes {
		head = append(head, o.name, "× "+floor, "allocs")
	}
	fmt.Fprintf(out, "\n%s|---|%s\n", row(head), strings.Repeat("--:|", len(head)-1))
	for _, c := range contenders {
		cells := []string{c.name}
		for _, o := range outcomes {
			cells = append(cells, o.cells(c)...)
		}
		fmt.Fprint(out, row(cells))
	}
}

func (o outcome) cells(c contender) []string {
	r, ok := o.results[c.name]
	if !ok {
		return []string{"", "", ""}
	}
	return []string{thousands(int(r.NsPerOp)), fmt.Sprintf("%.2f", r.Over(o.results[floor])), fmt.Sprintf("%.0f", r.AllocsPerOp)}
}

// writeBytes tells how much everyone sends in the first race.
func writeBytes(out io.Writer, outcomes []outcome) {
	if len(outcomes) == 0 {
		return
	}
	var all []string
	for _, c := range contenders {
		all = append(all, fmt.Sprintf("%s %s", c.name, thousands(outcomes[0].bytes[c.name])))
	}
	fmt.Fprintf(out, "\nBytes of a body of %s: %s.\n", outcomes[0].name, strings.Join(all, ", "))
}

func writeGoals(out io.Writer, outcomes []outcome) {
	fmt.Fprintf(out, "\n%s|---|---|---|\n", row([]string{"aim, " + reusedWay.name, "this run", ""}))
	for _, o := range outcomes {
		if o.goal.times > 0 {
			fmt.Fprint(out, row(o.goal.judge(o.name, o.results[ours], o.results[floor])))
		}
	}
}

func (g goal) judge(name string, us, they interleave.Result) []string {
	ratio, more := us.Over(they), us.AllocsPerOp-they.AllocsPerOp
	aim, run := fmt.Sprintf("%s in at most %.0f × %s", name, g.times, floor), fmt.Sprintf("%.2f", ratio)
	reached := ratio <= g.times
	if g.allocs > 0 {
		aim += fmt.Sprintf(", allocations at most %+.0f", g.allocs)
		run += fmt.Sprintf(", %+.0f", more)
		reached = reached && more < g.allocs+0.5
	}
	if reached {
		return []string{aim, run, "reached"}
	}
	return []string{aim, run, "missed"}
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
