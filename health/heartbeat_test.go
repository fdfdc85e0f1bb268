package health_test

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

const maxAge = time.Minute

// assertStaleAt asserts that c passes up to d from now, and fails right after.
func assertStaleAt(t *testing.T, c health.Checker, d time.Duration) {
	t.Helper()
	time.Sleep(d)
	require.NoError(t, c.Check(t.Context()), "after %v", d)
	time.Sleep(time.Nanosecond)
	assertFails(t, c, "stuck")
}

func TestHeartbeatWithoutABeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		assertStaleAt(t, h, maxAge)
		require.EqualError(t, h.Check(t.Context()), "health: no beat for 1m0.000000001s, limit 1m0s")
	})
}

func TestHeartbeatIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		for range 3 {
			time.Sleep(maxAge)
			h.Beat()
		}
		assertStaleAt(t, h, maxAge)
		h.Beat()
		assertPasses(t, h)
	})
}

func TestJobWithinItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		done := h.Begin(time.Hour)
		time.Sleep(time.Hour)
		assertPasses(t, h)
		done()
		assertStaleAt(t, h, maxAge)
	})
}

func TestJobPastItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		done := h.Begin(time.Hour)
		assertStaleAt(t, h, time.Hour)
		h.Beat()
		assertFails(t, h, "stuck") // the beat of somebody else
		other := h.Begin(time.Hour)
		require.EqualError(t, h.Check(t.Context()), "health: 1 of 2 jobs past their limit, one by 1ns")
		done()
		assertPasses(t, h)
		other()
	})
}

func TestJobShorterThanTheMaximumAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		h.Begin(time.Second)
		assertStaleAt(t, h, time.Second)
	})
}

func TestJobWithoutALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, limit := range []time.Duration{0, -1, math.MinInt64} {
		t.Run(limit.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := health.NewHeartbeat(maxAge)
				h.Begin(limit)
				assertStaleAt(t, h, maxAge)
			})
		})
	}
}

func TestJobWithoutAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		time.Sleep(time.Hour)
		h.Begin(math.MaxInt64)
		time.Sleep(time.Hour)
		assertPasses(t, h)
	})
}

func TestJobsOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		short, long := h.Begin(10*time.Minute), h.Begin(time.Hour)
		time.Sleep(10 * time.Minute)
		short()
		time.Sleep(50 * time.Minute)
		assertPasses(t, h)
		long()
		assertPasses(t, h)
	})
}

func TestJobEndsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		done := h.Begin(time.Hour)
		other := h.Begin(time.Hour)
		done()
		done()
		other()
		time.Sleep(maxAge)
		done() // no beat any more
		time.Sleep(time.Nanosecond)
		assertFails(t, h, "stuck")
	})
}

func TestJobsThatNobodyEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		for range 100 {
			h.Begin(time.Second)
		}
		time.Sleep(3 * time.Second)
		require.EqualError(t, h.Check(t.Context()), "health: 100 of 100 jobs past their limit, one by 2s")
	})
}

func TestHeartbeatAfterAFreeze(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		time.Sleep(maxAge / 2)
		from := time.Now()
		time.Sleep(time.Hour)
		ctx := health.Paused(t.Context(), from, time.Now())
		require.Error(t, h.Check(t.Context()))
		require.NoError(t, h.Check(ctx))
		time.Sleep(maxAge / 2)
		require.NoError(t, h.Check(ctx))
		time.Sleep(time.Nanosecond)
		require.Error(t, h.Check(ctx), "the time in which it ran is over")
		h.Beat()
		require.NoError(t, h.Check(ctx))
	})
}

// What was dead before stays so, however often the process is stopped.
func TestFreezePardonsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		beat, job := health.NewHeartbeat(maxAge), health.NewHeartbeat(maxAge)
		job.Begin(time.Minute)
		time.Sleep(time.Hour)
		from := time.Now()
		time.Sleep(2 * time.Second)
		ctx := health.Paused(t.Context(), from, time.Now())
		require.Error(t, beat.Check(ctx))
		require.Error(t, job.Check(ctx))
	})
}

func TestJobAfterAFreeze(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		h.Begin(time.Hour)
		from := time.Now()
		time.Sleep(2 * time.Hour)
		ctx := health.Paused(t.Context(), from, time.Now())
		require.Error(t, h.Check(t.Context()))
		require.NoError(t, h.Check(ctx))
		time.Sleep(time.Hour)
		require.NoError(t, h.Check(ctx))
		time.Sleep(time.Nanosecond)
		require.Error(t, h.Check(ctx), "its limit is over")
	})
}

// A check that no longer sees a job must see the beat of its end.
func TestJobEndsDuringACheck(t *testing.T) { //nolint:paralleltest // it spins
	if runtime.GOMAXPROCS(0) == 1 {
		t.Skip("nothing runs at the same time")
	}
	synctest.Test(t, func(t *testing.T) {
		h := health.NewHeartbeat(maxAge)
		for range 300 {
			done := h.Begin(time.Hour)
			time.Sleep(2 * maxAge)
			var ended atomic.Bool
			go func() {
				done()
				ended.Store(true)
			}()
			for !ended.Load() {
				require.NoError(t, h.Check(t.Context()))
			}
		}
	})
}

func TestHeartbeatOfManyWorkers(t *testing.T) {
	t.Parallel()
	h := health.NewHeartbeat(time.Minute)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				done := h.Begin(time.Minute)
				h.Beat()
				done()
				done()
				if err := h.Check(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestBeatAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	h := health.NewHeartbeat(time.Minute)
	assert.Zero(t, testing.AllocsPerRun(100, h.Beat))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = h.Check(t.Context()) }))
}

func BenchmarkBeat(b *testing.B) {
	h := health.NewHeartbeat(time.Minute)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.Beat()
		}
	})
}

func BenchmarkBeginDone(b *testing.B) {
	h := health.NewHeartbeat(time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		h.Begin(0)()
	}
}
