package health_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func TestContextAlive(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := health.ContextAlive(ctx)
	assertPasses(t, c)
	cancel(errDown)
	assertFails(t, c, "exited")
	require.ErrorIs(t, c.Check(t.Context()), errDown)
}

func TestContextAlivePastADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := health.ContextAlive(ctx)
		time.Sleep(time.Minute - 1)
		assertPasses(t, c)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assertFails(t, c, "exited") // it is not the check that ran out of time
	})
}
