package ratelimit_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// scenario is one section of the report.
type scenario struct {
	name string
	run  func(*testing.T, scale, *report)
	// apart says that there is a test of its own.
	apart bool
}

var scenarios = []scenario{
	{name: "hot", run: runRaces(hot)},
	{name: "uniform", run: runRaces(uniform)},
	{name: "zipf", run: runRaces(zipf)},
	{name: "insert", run: runRaces(insert)},
	{name: "mix", run: runRaces(mix)},
	{name: "middleware", run: runMiddleware},
	{name: "heap", run: runHeap},
	{name: "gc", run: runGC},
	{name: "sweep", run: runSweep},
	{name: "flood", run: runFlood},
	{name: "accuracy", run: runAccuracy},
	{name: "limits", run: runLimits},
	{name: "redis", run: runRedis},
	{name: "outage", run: runOutage, apart: true},
}

func runRaces(races func(scale) []race) func(*testing.T, scale, *report) {
	return func(t *testing.T, s scale, out *report) {
		t.Helper()
		for _, rc := range races(s) {
			rc.run(t, s, out)
		}
	}
}

// TestScenarios runs each scenario once, as small as can be: it asserts what
// the scenario claims, and times nothing that counts.
func TestScenarios(t *testing.T) { //nolint:paralleltest // scenarios set GOMAXPROCS
	for _, s := range scenarios { //nolint:paralleltest // likewise
		if !s.apart {
			t.Run(s.name, func(t *testing.T) { s.run(t, tiny, &report{out: io.Discard}) })
		}
	}
}

// TestReport prints the comparison. Of times it asserts nothing, since a shared
// machine can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	size := chosen(t)
	for _, c := range append([]contender{throttledLRU}, limiters...) {
		if assertAdmits(t, c); t.Failed() {
			t.FailNow()
		}
	}
	fmt.Fprintf(t.Output(), "%s %s/%s, %d CPUs, -size %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), *sizeFlag)
	for _, s := range scenarios { //nolint:paralleltest // likewise
		t.Run(s.name, func(t *testing.T) { s.run(t, size, &report{out: t.Output()}) })
	}
}

// report writes Markdown tables.
type report struct{ out io.Writer }

// table begins a table; all columns but the first are numbers.
func (r *report) table(title string, columns ...string) {
	fmt.Fprintf(r.out, "\n| %s | %s |\n|---|%s\n", title, strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
}

func (r *report) row(name string, cells ...string) {
	fmt.Fprintf(r.out, "| %s | %s |\n", name, strings.Join(cells, " | "))
}

func (r *report) note(text string) { fmt.Fprintf(r.out, "\n%s\n", text) }

// times is the table of a race. The floor and the best peer have a column of
// ratios each; the best peer is the one with the least median.
func (r *report) times(title string, results []interleave.Result) {
	base, best := results[0], interleave.Result{}
	for _, x := range results {
		if x.Name == "floor" {
			base = x
		}
		if kindOf(x.Name) == isPeer && (best.Name == "" || x.NsPerOp < best.NsPerOp) {
			best = x
		}
	}
	r.table(title, "min ns", "median ns", "max ns", "× "+base.Name, "× "+best.Name, "allocs", "B")
	for _, x := range results {
		r.row(x.Name,
			nanos(slices.Min(x.Rounds)), nanos(x.NsPerOp), nanos(slices.Max(x.Rounds)),
			fmt.Sprintf("%.2f", x.Over(base)), fmt.Sprintf("%.2f", x.Over(best)),
			fmt.Sprintf("%.1f", x.AllocsPerOp), fmt.Sprintf("%.0f", x.BytesPerOp))
	}
}

func nanos(ns float64) string {
	if ns < 100 {
		return fmt.Sprintf("%.1f", ns)
	}
	return thousands(int(ns))
}

// heap is what the heap holds when all garbage is collected.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first one leaves what pools hold for one more cycle
	return alive()
}

func alive() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
