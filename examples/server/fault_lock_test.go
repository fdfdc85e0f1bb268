package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Another process, such as a backup or a shell, keeps the write lock.
func TestALockedDatabaseIsUnhealthy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, _, url := serving(t, map[string]string{"DATA_DIR": dir, "HEALTH_EVERY": "50ms"}, nil)
	eventually(t, url, http.StatusOK, allOK)
	staysAlive(t, url)

	other, err := openFile(dir, busyWait)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, other.Close()) })
	lock, err := other.BeginTx(t.Context(), nil) // immediate: it holds the lock
	require.NoError(t, err)

	body := eventually(t, url, http.StatusServiceUnavailable, `"status":"unhealthy"`, `"database":"failed"`)
	assert.Contains(t, body, `"checks":{"database":"failed","runtime":"ok","disk":"ok","scheduler":"ok"}}`)
	noErrorText(t, url)
	assert.Equal(t, "locked", a.health.Snapshot().Checks[0].Reason)
	code, body := get(t.Context(), url+"/health/ready")
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.JSONEq(t, `{"status":"not_ready","reason":"checks"}`, body)

	require.NoError(t, lock.Rollback())
	eventually(t, url, http.StatusOK, `"status":"healthy"`, allOK)
	code, body = get(t.Context(), url+"/health/ready")
	assert.Equal(t, http.StatusOK, code, body)
}
