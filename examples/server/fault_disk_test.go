package main

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The volume of the data runs full, and is freed again.
func TestAFullDiskIsUnhealthy(t *testing.T) {
	t.Parallel()
	dir, ok := smallDisk(t, 2*minDiskFree)
	if !ok {
		t.Skip("making a file system of its own needs root on Linux; see TestARefusedWriteIsUnhealthy")
	}
	a, _, url := serving(t, map[string]string{"DATA_DIR": dir, "HEALTH_EVERY": "50ms"}, nil)
	eventually(t, url, http.StatusOK, allOK)
	staysAlive(t, url)

	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	eventually(t, url, http.StatusServiceUnavailable, `"status":"unhealthy"`, `"database":"failed"`, `"disk":"failed"`, `"scheduler":"ok"`)
	noErrorText(t, url)
	for _, c := range a.health.Snapshot().Checks {
		if c.Name == "database" || c.Name == "disk" {
			assert.Equal(t, "disk_full", c.Reason, c.Name)
		}
	}
	webhooks := newSender(t, url, "wf_456", 1)
	code, body := webhooks.post(t.Context(), 1)
	assert.Equal(t, http.StatusServiceUnavailable, code, body)
	assert.NotContains(t, body, "full")

	require.NoError(t, os.Remove(filler))
	eventually(t, url, http.StatusOK, `"status":"healthy"`, allOK)
	code, body = webhooks.post(t.Context(), 2)
	assert.Equal(t, http.StatusOK, code, body)
}

// What it takes no root to show: a write that the database refuses while it
// answers every read.
func TestARefusedWriteIsUnhealthy(t *testing.T) {
	t.Parallel()
	a, _, url := serving(t, map[string]string{"HEALTH_EVERY": "50ms"}, nil)
	eventually(t, url, http.StatusOK, allOK)
	staysAlive(t, url)
	exec := func(statement string) {
		_, err := a.store.db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	exec(`CREATE TRIGGER full BEFORE UPDATE ON health_probe BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`)
	eventually(t, url, http.StatusServiceUnavailable, `"checks":{"database":"failed","runtime":"ok","disk":"ok","scheduler":"ok"}`)
	noErrorText(t, url)
	_, err := a.store.countRuns(t.Context())
	require.NoError(t, err, "a read says nothing of it")
	exec(`DROP TRIGGER full`)
	eventually(t, url, http.StatusOK, allOK)
}

// fill writes a file until the disk takes no more.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
}
