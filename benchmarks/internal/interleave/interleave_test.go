package interleave_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// In a bubble the clock moves only by what the loops sleep, so each number is
// known.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		sleeps := func(name string, each time.Duration) interleave.Contender {
			return interleave.Contender{Name: name, Loop: func(n int) {
				order = append(order, name)
				time.Sleep(time.Duration(n) * each)
			}}
		}
		results := interleave.Run([]interleave.Contender{
			sleeps("base", time.Microsecond), sleeps("thrice", 3*time.Microsecond), sleeps("slow", time.Second),
		}, 8, 30*time.Millisecond)

		require.Len(t, results, 3)
		base, thrice, slow := results[0], results[1], results[2]
		assert.Equal(t, "base", base.Name)
		assert.Equal(t, 30_000, base.N)
		assert.InDelta(t, 1000, base.NsPerOp, 0)
		assert.InDelta(t, 1, base.Ratio, 0)
		assert.Len(t, base.Rounds, 8)
		assert.Equal(t, "thrice", thrice.Name)
		assert.Equal(t, 10_000, thrice.N)
		assert.InDelta(t, 3, thrice.Ratio, 1e-9)
		assert.InDelta(t, 1.0/3, base.Over(thrice), 1e-9)
		assert.Equal(t, 1, slow.N, "once is the least")

		rounds := order[len(order)-3*8:]
		firsts := map[string]bool{}
		for i := 0; i < len(rounds); i += 3 {
			assert.ElementsMatch(t, []string{"base", "thrice", "slow"}, rounds[i:i+3], "everyone once a round")
			firsts[rounds[i]] = true
		}
		assert.Greater(t, len(firsts), 1, "the order changes")
	})
}

func TestPlanWithSetupAndN(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, collectOnce := range []bool{false, true} {
			setups, loops := 0, 0
			plan := interleave.Plan{Rounds: 5, Target: time.Second, CollectOnce: collectOnce}
			results := plan.Run([]interleave.Contender{{
				Name: "fixed",
				N:    7,
				Setup: func() {
					setups++
					time.Sleep(time.Hour)
				},
				Loop: func(n int) {
					loops++
					assert.Equal(t, 7, n)
					assert.Equal(t, loops, setups, "one before each loop")
					time.Sleep(time.Duration(n) * time.Microsecond)
				},
			}})
			require.Len(t, results, 1)
			assert.Equal(t, 7, results[0].N)
			assert.Len(t, results[0].Rounds, 5)
			assert.InDelta(t, 1000, results[0].NsPerOp, 0, "the setup is not timed")
			assert.Equal(t, 6, loops, "a warm-up and five rounds")
		}
	})
}

// A round that was slow for everyone changes no ratio.
func TestRatiosAreTakenWithinRounds(t *testing.T) {
	t.Parallel()
	base := interleave.Result{Rounds: []float64{10, 100, 1000}}
	assert.InDelta(t, 2, interleave.Result{Rounds: []float64{20, 200, 2000}}.Over(base), 0)
	assert.InDelta(t, 2.5, interleave.Result{Rounds: []float64{20, 300}}.Over(base), 0, "mean of the two in the middle")
}

func TestAllocationsAreCounted(t *testing.T) { //nolint:paralleltest // counts the whole process
	var sink []byte
	results := interleave.Run([]interleave.Contender{
		{Name: "none", Loop: func(n int) { time.Sleep(time.Duration(n) * 100 * time.Nanosecond) }},
		{Name: "one", Loop: func(n int) {
			for range n {
				sink = make([]byte, 1024)
			}
		}},
	}, 3, time.Millisecond)
	assert.Len(t, sink, 1024)
	assert.Less(t, results[0].AllocsPerOp, 0.1)
	assert.InDelta(t, 1, results[1].AllocsPerOp, 0.1)
	assert.InDelta(t, 1024, results[1].BytesPerOp, 100)
}
