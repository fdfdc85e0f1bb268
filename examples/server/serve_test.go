package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ledger notes what happened in which order.
type ledger struct {
	mu     sync.Mutex
	events []string
}

func (l *ledger) note(event string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event)
}

// A signal arrives while a request waits for its upstream and the scheduler
// works.
func TestShutdownOrder(t *testing.T) {
	t.Parallel()
	var order ledger
	arrived, release := make(chan struct{}), make(chan struct{})
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		order.note("request")
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(slack.Close)
	cfg, err := loadConfig(env(map[string]string{"ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "SLACK_WEBHOOK_URL": slack.URL, "DRAIN_DELAY": "50ms"}))
	require.NoError(t, err)
	a, err := newApp(t.Context(), cfg, &bytes.Buffer{})
	require.NoError(t, err)
	a.janitor.purge = func(ctx context.Context, _ time.Time, _ int) (int, error) {
		<-ctx.Done()
		_, err := a.store.countRuns(context.WithoutCancel(ctx))
		order.note(fmt.Sprint("scheduler, with the pools open: ", err == nil))
		return 0, ctx.Err()
	}
	a.closers = slices.Insert(a.closers, 2, func() error { // after the listener and the registry
		_, err := a.store.countRuns(context.Background())
		order.note(fmt.Sprint("pools: ", err != nil))
		err = a.health.Add(health.Check{Name: "late", Checker: health.Runtime(0, 0)})
		order.note(fmt.Sprint("the registry takes checks: ", err == nil))
		return nil
	})
	ctx, signal := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.serve(ctx) }()
	url := "http://" + a.listener.Addr().String()
	eventually(t, url, http.StatusOK, allOK)

	answered := make(chan int, 1)
	webhooks := newSender(t, url, "wf_456", 1)
	go func() {
		code, _ := webhooks.post(context.WithoutCancel(ctx), 1)
		answered <- code
	}()
	<-arrived
	signal()
	time.AfterFunc(200*time.Millisecond, func() { close(release) }) // when the server waits for it
	require.NoError(t, <-ended)
	assert.Equal(t, http.StatusOK, <-answered)
	assert.Equal(t, []string{"request", "scheduler, with the pools open: true", "pools: true", "the registry takes checks: true"}, order.events)
	require.Error(t, a.health.Add(health.Check{Name: "later", Checker: health.Runtime(0, 0)}), "closed")
}
