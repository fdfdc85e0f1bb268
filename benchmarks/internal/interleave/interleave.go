// Package interleave times contenders against each other in one run. Each round
// times every contender once, in a new order, and ratios are taken within a
// round: whatever slows a machine for longer than a round slows all of them.
package interleave

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// Contender is one of the things compared.
type Contender struct {
	Name string
	// Loop does the operation n times. It is called several times and may keep
	// state between the calls, if the state does not grow with n.
	Loop func(n int)
	// Setup, unless nil, is called before each Loop, and is not timed.
	Setup func()
	// N, unless 0, is how many operations a round has, whatever its target.
	N int
}

// Plan says how contenders are timed.
type Plan struct {
	Rounds int
	Target time.Duration // for one contender in one round
	// CollectOnce collects garbage before the first round only, and not before
	// each loop: for a heap so large that a collection takes longer than a loop,
	// and contenders that leave little.
	CollectOnce bool
}

// Result is what [Run] measured of one contender.
type Result struct {
	Name        string
	N           int       // operations in each round
	NsPerOp     float64   // median of the rounds
	AllocsPerOp float64   // median of the rounds; counts the whole process
	BytesPerOp  float64   // likewise
	Ratio       float64   // [Result.Over] the first contender
	Rounds      []float64 // nanoseconds per operation, round by round
}

// Over returns how many times as long as other r took: the median of the
// ratios within each round. Both must be of one run.
func (r Result) Over(other Result) float64 {
	ratios := make([]float64, len(r.Rounds))
	for i, ns := range r.Rounds {
		ratios[i] = ns / other.Rounds[i]
	}
	return median(ratios)
}

// Run is [Plan.Run] of rounds with a target.
func Run(contenders []Contender, rounds int, target time.Duration) []Result {
	return Plan{Rounds: rounds, Target: target}.Run(contenders)
}

// Run times the contenders in rounds, of which each gives every contender about
// the target, and returns the results in the order of contenders. Nothing else
// should run in the process meanwhile. The order within rounds is random, and
// the same in each run.
func (p Plan) Run(contenders []Contender) []Result {
	type series struct{ ns, allocs, bytes []float64 }
	taken := make([]series, len(contenders))
	results := make([]Result, len(contenders))
	for i, c := range contenders {
		results[i] = Result{Name: c.Name, N: calibrate(c, p.Target)}
	}
	shuffle := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // an order, not a secret
	runtime.GC()
	for range p.Rounds {
		for _, i := range shuffle.Perm(len(contenders)) {
			contenders[i].setup()
			if !p.CollectOnce {
				runtime.GC() // nobody pays for the garbage of the one before
			}
			ns, allocs, bytes := measure(contenders[i].Loop, results[i].N)
			taken[i].ns = append(taken[i].ns, ns)
			taken[i].allocs = append(taken[i].allocs, allocs)
			taken[i].bytes = append(taken[i].bytes, bytes)
		}
	}
	for i := range results {
		r := &results[i]
		r.Rounds = taken[i].ns
		r.NsPerOp, r.AllocsPerOp, r.BytesPerOp = median(taken[i].ns), median(taken[i].allocs), median(taken[i].bytes)
		r.Ratio = r.Over(results[0])
	}
	return results
}

func (c Contender) setup() {
	if c.Setup != nil {
		c.Setup()
	}
}

// calibrate finds how often the loop of c fits into target, and warms it up.
func calibrate(c Contender, target time.Duration) int {
	if c.N > 0 {
		c.setup()
		c.Loop(c.N)
		return c.N
	}
	for n := 1; ; {
		c.setup()
		start := time.Now()
		c.Loop(n)
		took := time.Since(start)
		if took >= target/2 {
			return max(1, int(float64(n)*float64(target)/float64(took)))
		}
		// A short call says little, so the guess grows in steps.
		guess := float64(n) * float64(target) / float64(max(took, 1))
		n = int(min(guess+1, 20*float64(n)))
	}
}

func measure(loop func(int), n int) (ns, allocs, bytes float64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	loop(n)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	per := float64(n)
	return float64(took) / per, float64(after.Mallocs-before.Mallocs) / per, float64(after.TotalAlloc-before.TotalAlloc) / per
}

// median returns the middle of values, or the mean of both middles; 0 of none.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
