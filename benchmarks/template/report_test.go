package template_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"
)

const (
	rounds = 21
	target = 20 * time.Millisecond // for one contender in one round
)

// TestScenarios runs each scenario once, with a tenth of the data: it sees that
// everyone renders the same, and times nothing that counts.
func TestScenarios(t *testing.T) { //nolint:paralleltest // scenarios set GOMAXPROCS and count allocations
	for _, r := range races(10) { //nolint:paralleltest // likewise
		t.Run(r.name, func(t *testing.T) { r.run(t, 1, time.Microsecond, io.Discard) })
	}
	t.Run("adversarial", func(t *testing.T) { runAttacks(t, 1, time.Microsecond, io.Discard) })
}

// TestReport prints the comparison. Of times it asserts nothing, since a shared
// machine can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	fmt.Fprintf(t.Output(), "%s %s/%s, %d CPUs, medians of %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	for _, r := range races(1) { //nolint:paralleltest // likewise
		t.Run(r.name, func(t *testing.T) { r.run(t, rounds, target, t.Output()) })
	}
	t.Run("adversarial", func(t *testing.T) { runAttacks(t, rounds/3, target, t.Output()) })
}
