package health_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// starved is a context that costs whoever asks for its end some time, the nth
// caller the nth delay: what a goroutine loses that does not get to run between
// setting a timer and seeing it fire.
type starved struct {
	context.Context //nolint:containedctx // it is a context

	delays []time.Duration
	asked  int
}

func (s *starved) Done() <-chan struct{} {
	if s.asked < len(s.delays) {
		time.Sleep(s.delays[s.asked])
	}
	s.asked++
	return s.Context.Done()
}

func TestSchedulerLag(t *testing.T) {
	t.Parallel()
	const timer = 20 * time.Millisecond
	const limit = 100 * time.Millisecond
	const edge, late = timer + limit, timer + limit + 1
	type delays = []time.Duration
	for _, tc := range []struct {
		name   string
		delays delays
		timers int
		ok     bool
	}{
		{"at ease", nil, 3, true},
		{"on the edge", delays{edge, edge, edge}, 3, true},
		{"past it", delays{late, late, late}, 3, false},
		{"one pause", delays{time.Hour, 0, 0, 0}, 4, true},
		{"two pauses", delays{0, time.Hour, 0, time.Hour, 0}, 5, true},
		{"three pauses", delays{0, time.Hour, 0, time.Hour, late}, 5, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := &starved{Context: t.Context(), delays: tc.delays}
				err := health.SchedulerLag(limit).Check(ctx)
				assert.Equal(t, tc.ok, err == nil, "%v", err)
				assert.Equal(t, tc.timers, ctx.asked)
			})
		})
	}
}

func TestSchedulerLagTakesSoLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, health.SchedulerLag(1).Check(t.Context()), "a bubble's clock is never late")
		assert.Equal(t, 60*time.Millisecond, time.Since(start))
	})
}

func TestSchedulerLagEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, health.SchedulerLag(time.Second).Check(ctx), context.DeadlineExceeded)
		assert.Equal(t, 5*time.Millisecond, time.Since(start))
	})
}

func TestSchedulerLagOnTheRealClock(t *testing.T) {
	t.Parallel()
	assertFails(t, health.SchedulerLag(1), "stuck") // no timer fires within a nanosecond
	require.NoError(t, health.SchedulerLag(time.Hour).Check(t.Context()))
}

// TestSchedulerLagOfABusyProcess runs itself as a process of its own, so as not
// to starve the other tests.
func TestSchedulerLagOfABusyProcess(t *testing.T) {
	t.Parallel()
	const child = "BRACEWORK_HEALTH_BUSY"
	if os.Getenv(child) == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Skip(err)
		}
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"=1", "GOMAXPROCS=1", "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		require.NoError(t, err, "%s", out)
		return
	}
	for range 5 {
		go func() {
			for n := 0; ; n++ { // computes
			}
		}()
	}
	require.ErrorContains(t, health.SchedulerLag(30*time.Millisecond).Check(t.Context()), "late, limit 30ms")
}
