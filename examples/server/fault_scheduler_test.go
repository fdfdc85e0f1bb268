package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The scheduler's goroutine panics while the server serves.
func TestACrashedSchedulerIsUnhealthy(t *testing.T) {
	t.Parallel()
	const secret = "password=hunter2"
	crash := make(chan struct{})
	_, out, url := serving(t, nil, func(a *app) {
		purge := a.janitor.purge
		a.janitor.every = 10 * time.Millisecond
		a.janitor.purge = func(ctx context.Context, before time.Time, limit int) (int, error) {
			select {
			case <-crash:
				panic(secret)
			default:
				return purge(ctx, before, limit)
			}
		}
	})
	eventually(t, url, http.StatusOK, allOK)
	staysAlive(t, url)

	close(crash)
	body := eventually(t, url, http.StatusServiceUnavailable, `"status":"unhealthy"`, `"scheduler":"failed"`)
	assert.Contains(t, body, `"checks":{"database":"ok","runtime":"ok","disk":"ok","scheduler":"failed"}}`)
	noErrorText(t, url, "hunter2", "panic")

	// The process lives, and requests do not need the scheduler.
	code, body := get(t.Context(), url+"/health/ready")
	assert.Equal(t, http.StatusOK, code, body)
	webhooks := newSender(t, url, "wf_456", 1)
	for id := range int64(3) {
		code, body := webhooks.post(t.Context(), id)
		assert.Equal(t, http.StatusOK, code, body)
	}
	require.Eventually(t, func() bool { return out.warned("scheduler", "panic") }, 5*time.Second, 10*time.Millisecond,
		"the log says which check and why")
}

// A scheduler that hangs, or whose rounds all fail, is as bad as none.
func TestASchedulerWithoutProgressIsUnhealthy(t *testing.T) {
	t.Parallel()
	_, _, url := serving(t, nil, func(a *app) {
		a.janitor.beat = health.NewHeartbeat(200 * time.Millisecond)
		a.janitor.every = 10 * time.Millisecond
		a.janitor.purge = func(context.Context, time.Time, int) (int, error) { return 0, errors.New("no such table") }
	})
	staysAlive(t, url)
	eventually(t, url, http.StatusServiceUnavailable, `"database":"ok"`, `"scheduler":"failed"`)
	noErrorText(t, url, "table")
}
