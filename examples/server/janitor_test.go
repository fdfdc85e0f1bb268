package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJanitor(t *testing.T) {
	t.Parallel()
	a, _ := open(t)
	ctx, now := t.Context(), time.Now()
	begin := func(id string, age time.Duration) {
		require.NoError(t, a.store.startRun(ctx, id, "wf_123", now.Add(-age)))
	}
	begin("started long ago", 2*runRetention)
	begin("ended today", 2*runRetention)
	require.NoError(t, a.store.endRun(ctx, "ended today", "executed", now))
	begin("just young enough", runRetention)
	require.NoError(t, a.store.endRun(ctx, "just young enough", "failed", now.Add(time.Minute-runRetention)))
	tx, err := a.store.db.BeginTx(ctx, nil)
	require.NoError(t, err)
	for i := range 2*purgeBatch + 1 {
		_, err := tx.ExecContext(ctx, `INSERT INTO runs (id, workflow_id, status, started_at, ended_at) VALUES (?, 'wf_123', 'executed', 0, ?)`,
			fmt.Sprint("old ", i), now.Add(-runRetention-time.Minute).UnixMilli())
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())

	batches := 0
	purge := a.janitor.purge
	a.janitor.purge = func(ctx context.Context, before time.Time, limit int) (int, error) {
		batches++
		return purge(ctx, before, limit)
	}
	require.NoError(t, a.janitor.round(ctx))
	assert.Equal(t, 3, batches)
	left, err := a.store.countRuns(ctx)
	require.NoError(t, err)
	assert.Equal(t, 3, left)
}
