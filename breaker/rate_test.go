package breaker_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// A rate given as k/n is reached by exactly k failures among n calls, whatever k/n is in binary.
func TestFailureRateIsExact(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 100; n++ {
		for k := 1; k <= n; k++ {
			b := newBreaker(t, breaker.Config{Consecutive: -1, FailureRate: float64(k) / float64(n), MinCalls: n})
			for i := range n {
				require.Equal(t, breaker.Closed, b.State(), "%d of %d", k, n)
				allow(t, b)(map[bool]breaker.Outcome{true: breaker.Success, false: breaker.Failure}[i < n-k])
			}
			assert.Equal(t, breaker.Open, b.State(), "%d of %d", k, n)
		}
	}
}
