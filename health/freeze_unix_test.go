//go:build unix

package health_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

const frozenChild = "BRACEWORK_HEALTH_FROZEN_CHILD"

// TestFrozenProcess stops a process for longer than results and heartbeats are
// good for. When it goes on, everything looks old, and nothing is wrong.
func TestFrozenProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv(frozenChild) != "" {
		serveFrozen(t)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestFrozenProcess$", "-test.v")
	cmd.Env = append(os.Environ(), frozenChild+"=1")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	url := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "serving "); ok {
			url = after
			break
		}
	}
	require.NotEmpty(t, url)
	ask := func() string {
		resp, err := http.Get(url)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", string(body))
	}
	require.Eventually(t, func() bool { return strings.HasPrefix(ask(), "200") }, 5*time.Second, 10*time.Millisecond)

	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	time.Sleep(4 * time.Second)
	first := make(chan string, 1)
	go func() { first <- ask() }() // waits in the child's socket, and is served before anything else gets its turn
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	assert.Contains(t, <-first, `"checks":{"job":"ok","worker":"ok"}`)
	for range 50 {
		assert.Contains(t, ask(), `"status":"healthy"`)
		time.Sleep(10 * time.Millisecond)
	}
	if t.Failed() {
		return
	}
	_, err = io.WriteString(stdin, "block\n") // a pause is no pardon
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return strings.HasPrefix(ask(), "503") }, 10*time.Second, 50*time.Millisecond)
}

// serveFrozen is the process that is stopped.
func serveFrozen(t *testing.T) {
	t.Helper()
	blocked := make(chan struct{})
	beat := health.NewHeartbeat(time.Second)
	h := open(t, health.Config{Cache: -1}, health.Check{
		Name: "job", Every: 200 * time.Millisecond, StaleAfter: time.Second, Timeout: 2 * time.Second,
		Checker: health.CheckFunc(func(ctx context.Context) error {
			select {
			case <-time.After(300 * time.Millisecond):
				return nil
			case <-blocked:
				<-ctx.Done()
				return ctx.Err()
			}
		}),
	}, health.Check{Name: "worker", Checker: beat, ForLive: true})
	go func() {
		for range time.Tick(400 * time.Millisecond) {
			beat.Beat()
		}
	}()
	require.NoError(t, h.Start(t.Context()))
	srv := httptest.NewServer(h.Handler())
	defer srv.Close()
	fmt.Println("serving " + srv.URL + "/health")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err == nil {
		close(blocked)
	}
	_, _ = io.Copy(io.Discard, in)
	require.NoError(t, h.Close())
}
