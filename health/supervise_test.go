package health_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// assertOnce asserts that results is closed after one value, and returns it.
func assertOnce(t *testing.T, results <-chan error) error {
	t.Helper()
	err, open := <-results
	assert.True(t, open)
	_, open = <-results
	assert.False(t, open)
	return err
}

func TestSupervise(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		fn     func(context.Context) error
		reason string
		err    string // of the channel, its first line
	}{
		{"returns", ok, "exited", ""},
		{"fails", fails(errDown), "exited", "down"},
		{"fails with a code", fails(health.Reason("dns", errDown)), "exited", "down"},
		{"ends its goroutine", func(context.Context) error { runtime.Goexit(); return nil }, "exited", "health: the function ended its goroutine"},
		{"panics", func(context.Context) error { panic("broken") }, "panic", "panic: broken"},
		{"panics with nil", func(context.Context) error { panic(nil) }, "panic", "panic: panic called with nil argument"}, //nolint:govet // as it says
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, results := health.Supervise(t.Context(), func(ctx context.Context) error {
					time.Sleep(time.Hour)
					return tc.fn(ctx)
				})
				time.Sleep(time.Hour - 1)
				assertPasses(t, c)
				time.Sleep(time.Nanosecond)
				synctest.Wait() // nobody reads the channel yet
				assertFails(t, c, tc.reason)
				err := assertOnce(t, results)
				if tc.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, tc.err)
				}
				assertFails(t, c, tc.reason) // for good
			})
		})
	}
}

func TestSuperviseKeepsTheErrorAndTheStack(t *testing.T) {
	t.Parallel()
	_, results := health.Supervise(t.Context(), fails(errDown))
	assert.Equal(t, errDown, assertOnce(t, results))

	c, results := health.Supervise(t.Context(), func(context.Context) error { return explode() })
	require.ErrorContains(t, assertOnce(t, results), "health_test.explode")
	require.ErrorContains(t, c.Check(t.Context()), "panic: boom")
}

func explode() error { panic("boom") }

// The check changes first, so that whoever hears of the end sees it fail.
func TestSuperviseTellsTheCheckFirst(t *testing.T) { //nolint:paralleltest // it spins
	if runtime.GOMAXPROCS(0) == 1 {
		t.Skip("nothing runs at the same time")
	}
	for range 300 {
		c, results := health.Supervise(t.Context(), ok)
		for len(results) == 0 { // waiting in it would take too long to notice
		}
		require.Error(t, c.Check(t.Context()))
	}
}

func TestSuperviseEndsInOrder(t *testing.T) {
	t.Parallel()
	type key struct{}
	for _, tc := range []struct {
		name   string
		fn     func(context.Context) error
		reason string
	}{
		{"obeys", obedient, ""},
		{"returns", func(ctx context.Context) error { <-ctx.Done(); return nil }, ""},
		{"fails", func(ctx context.Context) error { <-ctx.Done(); return errDown }, ""},
		{"finishes its work", func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Hour); return nil }, ""},
		{"panics", func(ctx context.Context) error { <-ctx.Done(); panic("broken") }, "panic"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
				c, results := health.Supervise(ctx, func(ctx context.Context) error {
					assert.Equal(t, "value", ctx.Value(key{}))
					return tc.fn(ctx)
				})
				synctest.Wait()
				cancel()
				_ = assertOnce(t, results)
				if tc.reason == "" {
					assertPasses(t, c)
				} else {
					assertFails(t, c, tc.reason)
				}
			})
		})
	}
}

func TestSuperviseNothing(t *testing.T) {
	t.Parallel()
	var none context.Context
	c, results := health.Supervise(t.Context(), nil)
	require.EqualError(t, assertOnce(t, results), "health: supervise: no function")
	require.Error(t, c.Check(t.Context()))
	c, results = health.Supervise(none, ok)
	require.EqualError(t, assertOnce(t, results), "health: supervise: no context")
	require.Error(t, c.Check(t.Context()))
}
