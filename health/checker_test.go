package health_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// judged returns the outcome and the reason of c under a name.
func judged(t *testing.T, c health.Checker) (health.Outcome, string) {
	t.Helper()
	res := only(t, open(t, health.Config{}, health.Check{Name: "x", Checker: c}).Evaluate(t.Context()))
	return res.Outcome, res.Reason
}

func assertPasses(t *testing.T, c health.Checker) {
	t.Helper()
	outcome, reason := judged(t, c)
	assert.Equal(t, health.OutcomeOK, outcome)
	assert.Empty(t, reason)
}

func assertFails(t *testing.T, c health.Checker, reason string) {
	t.Helper()
	outcome, got := judged(t, c)
	assert.Equal(t, health.OutcomeFailed, outcome)
	assert.Equal(t, reason, got)
}

func TestMisconfiguredCheckersAreRefused(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context) error { return nil }
	supervise := func(ctx context.Context, fn func(context.Context) error) health.Checker {
		c, _ := health.Supervise(ctx, fn)
		return c
	}
	var none context.Context
	for _, tc := range []struct {
		name    string
		checker health.Checker
		want    string
	}{
		{"directory", health.DirWritable(""), "no directory"},
		{"goroutines", health.Runtime(-1, 0), "negative limit of goroutines: -1"},
		{"lag of 0", health.SchedulerLag(0), "limit of lateness 0s: want more than 0"},
		{"negative lag", health.SchedulerLag(-time.Second), "limit of lateness -1s: want more than 0"},
		{"context", health.ContextAlive(none), "no context"},
		{"heartbeat of 0", health.NewHeartbeat(0), "maximum age of a beat 0s: want more than 0"},
		{"negative heartbeat", health.NewHeartbeat(-1), "maximum age of a beat -1ns: want more than 0"},
		{"zero heartbeat", &health.Heartbeat{}, "maximum age of a beat 0s: want more than 0"},
		{"nil heartbeat", (*health.Heartbeat)(nil), "no heartbeat"},
		{"supervised without a function", supervise(t.Context(), nil), "no function"},
		{"supervised without a context", supervise(none, nothing), "no context"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: tc.checker})
			require.EqualError(t, err, `health: check "x": `+tc.want)
		})
	}
}

func TestFitForLiveness(t *testing.T) {
	t.Parallel()
	disk, err := health.DiskFree(t.TempDir(), 1, 0)
	if !errors.Is(err, errors.ErrUnsupported) {
		require.NoError(t, err)
	} else {
		disk = nil
	}
	worker, _ := health.Supervise(t.Context(), obedient)
	for _, tc := range []struct {
		name    string
		checker health.Checker
		fit     bool
	}{
		{"Runtime", health.Runtime(1<<20, 0), true},
		{"SchedulerLag", health.SchedulerLag(time.Second), true},
		{"ContextAlive", health.ContextAlive(t.Context()), true},
		{"Heartbeat", health.NewHeartbeat(time.Minute), true},
		{"Supervise", worker, true},
		{"DirWritable", health.DirWritable(t.TempDir()), false},
		{"DiskFree", disk, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.checker == nil {
				t.Skip("unsupported here")
			}
			_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: tc.checker, ForLive: true})
			if tc.fit {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, `health: check "x": not fit for liveness`)
		})
	}
}
