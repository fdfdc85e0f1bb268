package provider_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors/internal/provider"
)

// Whoever comes, waits, gives up or is refused: in no stretch of time do more
// calls pass than the limiter allows, none passes in a cool-down, and the gate is
// idle in the end.
func TestGateUnderRandomLoad(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			burst := 1 + random.IntN(3)
			g := newTurns(rate.NewLimiter(2, burst))
			for range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(5000))*time.Millisecond)
				defer cancel()
				if random.IntN(3) == 0 {
					time.AfterFunc(time.Duration(random.IntN(3000))*time.Millisecond, cancel)
				}
				g.enter(ctx, 1)
				if random.IntN(20) == 0 {
					wait := time.Duration(1+random.IntN(3)) * time.Second
					before, _ := g.outcome()
					g.Learn(limited(wait), false)
					time.Sleep(wait - time.Nanosecond)
					synctest.Wait()
					after, _ := g.outcome()
					assert.Equal(t, before, after, "nobody passes in a cool-down")
				}
				time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
			}
			passed, errs := g.end()
			assert.Equal(t, 200, len(passed)+len(errs))
			assert.Greater(t, len(passed), 40)
			for i := range passed {
				for j := range i {
					allowed := float64(burst) + 2*(passed[i]-passed[j])
					assert.LessOrEqual(t, float64(i-j+1), allowed+1e-3)
				}
			}
			time.Sleep(time.Minute)
			assert.True(t, g.Idle())
		})
	}
}

func BenchmarkGate(b *testing.B) {
	g := provider.NewGate(rate.NewLimiter(rate.Inf, 0))
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Enter(b.Context()); err != nil {
			b.Fatal(err)
		}
		g.Learn(nil, false)
	}
}
