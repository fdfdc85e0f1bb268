package breaker_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// With one rule, no growth and sequential calls, the circuit is a gobreaker
// whose open period is ours.
func TestAgreesWithGobreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(100) {
			rng := rand.New(rand.NewPCG(seed, 2))
			b := build(t, breaker.Config{Consecutive: 3, FailureRate: -1, MaxOpenFor: -1, OpenFor: time.Second})
			// The oracle's period ends between two of our steps whatever the jitter is.
			oracle := gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
				MaxRequests: 1, Timeout: 1500 * time.Millisecond,
				ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
			})
			for range 300 {
				if rng.IntN(4) == 0 {
					time.Sleep(2 * time.Second)
				}
				var result error
				if rng.IntN(2) == 0 {
					result = errDown
				}
				ours := b.Do(context.Background(), func(context.Context) error { return result })
				_, theirs := oracle.Execute(func() (any, error) { return nil, result })
				refused := theirs == gobreaker.ErrOpenState || theirs == gobreaker.ErrTooManyRequests //nolint:errorlint // sentinels
				if refused {
					require.ErrorIs(t, ours, breaker.ErrOpen)
				} else {
					assert.Equal(t, theirs, ours)
				}
			}
		}
	})
}
