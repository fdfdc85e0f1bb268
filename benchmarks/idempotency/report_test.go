package idempotency_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

const (
	rounds = 9
	target = 30 * time.Millisecond // for one contender in one round
	stored = 100_000               // answers kept at once
)

// TestReport prints the comparison; it asserts nothing, since a shared machine
// can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	out := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', tabwriter.AlignRight)
	defer out.Flush()
	fmt.Fprintf(out, "%s %s/%s, %d CPUs, medians of %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	for _, s := range scenarios {
		fmt.Fprintf(out, "%s\tns/op\t× bare\t× naive\tallocs/op\tB/op\t\n", s.name)
		results := run(s)
		split := len(onNetHTTP)
		for i, r := range results {
			floor, toNaive := results[0], "-"
			if i >= split {
				floor = results[split+(i-split)/2*2] // each fiber stands behind its floor
			} else {
				toNaive = fmt.Sprintf("%.2f", r.Over(results[1]))
			}
			fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%s\t%.1f\t%.0f\t\n", r.Name, r.NsPerOp, r.Over(floor), toNaive, r.AllocsPerOp, r.BytesPerOp)
		}
		fmt.Fprint(out, "\t\t\t\t\t\t\n")
	}
	fmt.Fprintf(out, "%d answers kept\theap bytes each\t× header and body\t\n", stored)
	for _, c := range everyone() {
		if c.keeps {
			each := heapOf(c) / stored
			fmt.Fprintf(out, "%s\t%.0f\t%.2f\t\n", c.name, each, each/float64(answerBytes))
		}
	}
}

// run times everyone in one scenario, net/http and fiber in the same rounds.
func run(s scenario) []interleave.Result {
	var contenders []interleave.Contender
	for _, c := range everyone() {
		x := c.open()
		defer x.close()
		contenders = append(contenders, interleave.Contender{Name: c.name, Loop: s.loop(x)})
	}
	return interleave.Run(contenders, rounds, target)
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
