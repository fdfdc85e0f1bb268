package idempotency_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

const (
	rounds = 21
	target = 30 * time.Millisecond // for one contender in one round
	stored = 100_000               // answers kept at once
)

// TestReport prints the comparison. Of times it asserts nothing, since a shared
// machine can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	for _, h := range harnesses {
		for _, c := range h.contenders {
			if !assertAnswers(t, c) {
				t.FailNow()
			}
		}
	}
	// One processor: garbage is collected in the time of who made it, and a served
	// request wakes no other one.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	out := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%s %s/%s, 1 of %d CPUs, medians of %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	for _, h := range harnesses {
		for _, s := range scenarios {
			fmt.Fprintf(out, "\n%s, %s\tns/op\t× bare\t× naive\tallocs/op\tB/op\t\n", h.name, s.name)
			writeTimes(out, h.contenders, run(h.contenders, s))
			_ = out.Flush()
		}
	}
	fmt.Fprintf(out, "\n%d answers kept\theap bytes each\t× header and body\t\n", stored)
	for _, c := range harnesses[0].contenders {
		if c.keeps() {
			each := heapOf(c) / stored
			fmt.Fprintf(out, "%s\t%.0f\t%.2f\t\n", c.name, each, each/float64(answerBytes))
		}
	}
	_ = out.Flush()
}

func writeTimes(out io.Writer, contenders []contender, results []interleave.Result) {
	byName := map[string]interleave.Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	for _, c := range contenders {
		r, toNaive := byName[c.name], "-"
		if c.floor == "bare" {
			toNaive = fmt.Sprintf("%.2f", r.Over(byName["naive"]))
		}
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%s\t%.1f\t%.0f\t\n", c.name, r.NsPerOp, r.Over(byName[c.floor]), toNaive, r.AllocsPerOp, r.BytesPerOp)
	}
}

// run times the contenders in one scenario, all in the same rounds.
func run(contenders []contender, s scenario) []interleave.Result {
	var timed []interleave.Contender
	for _, c := range contenders {
		x := c.open()
		defer x.close()
		timed = append(timed, interleave.Contender{Name: c.name, Loop: s.loop(x)})
	}
	return interleave.Run(timed, rounds, target)
}

// heapOf is by how much the heap grows with the answers that c keeps.
func heapOf(c contender) float64 {
	x := c.open()
	defer x.close()
	var k keys
	x.post(k.next()) // what is there once
	before := heap()
	for range stored {
		x.post(k.next())
	}
	grown := heap() - before
	runtime.KeepAlive(x)
	return float64(grown)
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // the first one leaves what pools hold for one more cycle
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
