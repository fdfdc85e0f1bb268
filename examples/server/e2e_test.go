package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// process is the server, built and started as a user would.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	mu   sync.Mutex
	logs []map[string]any
	done chan struct{} // its output has ended
}

// binary builds the server once for all tests; TestMain removes it.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bracework-server")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	bin := filepath.Join(dir, "server")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		return bin, fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

var binaryDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
	os.Exit(code)
}

func build(t *testing.T) string {
	t.Helper()
	bin, err := binary()
	require.NoError(t, err)
	return bin
}

func start(t *testing.T, bin string, env ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), bin), done: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), "ADDR=127.0.0.1:0", "DATA_DIR="+t.TempDir()), env...)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	ready := make(chan string, 1)
	go func() {
		defer close(p.done)
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			line := scanner.Text()
			if url, ok := strings.CutPrefix(line, "listening on "); ok {
				ready <- url
			}
			var m map[string]any
			if json.Unmarshal([]byte(line), &m) == nil {
				p.mu.Lock()
				p.logs = append(p.logs, m)
				p.mu.Unlock()
			}
		}
	}()
	select {
	case p.url = <-ready:
	case <-time.After(30 * time.Second):
		t.Fatal("the server did not start")
	}
	return p
}

func (p *process) do(method, path, body string, header ...string) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	require.NoError(p.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(p.t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, resp.Body.Close())
	return resp, string(b)
}

func (p *process) messages() (texts []string) {
	p.t.Helper()
	_, body := p.do("GET", "/sink/messages", "")
	var got struct {
		Messages []struct {
			Text       string
			ReceivedAt time.Time `json:"received_at"`
		}
	}
	require.NoError(p.t, json.Unmarshal([]byte(body), &got))
	for _, m := range got.Messages {
		assert.False(p.t, m.ReceivedAt.IsZero())
		texts = append(texts, m.Text)
	}
	return texts
}

func (p *process) logged(message string) (found []map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.logs {
		if line["message"] == message {
			found = append(found, line)
		}
	}
	return found
}

func TestTheStory(t *testing.T) {
	t.Parallel()
	p := start(t, build(t))
	key := []string{"X-Idempotency-Key", "unique-uuid-12345"}

	first, body := p.do("POST", "/api/webhooks/wf_123", `{"event":"test"}`, key...)
	require.Equal(t, 200, first.StatusCode, body)
	var run struct {
		Status     string
		RunID      string `json:"run_id"`
		WorkflowID string `json:"workflow_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &run))
	assert.Equal(t, "executed", run.Status)
	assert.Equal(t, "wf_123", run.WorkflowID)
	assert.NotEmpty(t, run.RunID)
	assert.Equal(t, "5", first.Header.Get("X-RateLimit-Limit"))
	second, again := p.do("POST", "/api/webhooks/wf_123", `{"event":"test"}`, key...)
	assert.Equal(t, body, again)
	assert.Equal(t, "true", second.Header.Get("X-Idempotency-Replay"))
	assert.Len(t, p.messages(), 1)
	assert.Contains(t, p.messages()[0], "test")

	_, body = p.do("POST", "/api/webhooks/wf_order", `{"user":{"name":"Alex"},"order":{"id":"12345"}}`)
	assert.Contains(t, body, "executed")
	assert.Equal(t, "Hello Alex, your order 12345 shipped!", p.messages()[1])
	p.do("POST", "/api/webhooks/wf_456", `{"event":"{{event}} <!channel>"}`)
	assert.Contains(t, p.messages()[2], "{{event}} &lt;!channel&gt;")

	dry, body := p.do("POST", "/api/workflows/dry-run", `{"action_type":"slack_message","config_json":"{\"slack_message\":\"Test\"}"}`)
	assert.Equal(t, 200, dry.StatusCode)
	assert.Contains(t, body, `"success":true`)
	assert.Contains(t, body, "Test")
	probe, body := p.do("POST", "/api/workflows/dry-run?mode=probe", `{"action_type":"slack_message","config_json":"{}"}`)
	assert.Equal(t, 200, probe.StatusCode)
	assert.Contains(t, body, `"success":true,"message":"the webhook is alive"`)
	assert.Len(t, p.messages(), 3)

	for path, want := range map[string]string{"/health/live": `{"status":"alive"}`, "/health/ready": `{"status":"ready"}`, "/health/startup": `{"status":"started"}`, "/health": `"checks":{"database":"ok","runtime":"ok","disk":"ok","scheduler":"ok"}`} {
		resp, body := p.do("GET", path, "")
		assert.Equal(t, 200, resp.StatusCode)
		assert.Contains(t, body, want)
	}

	require.Eventually(t, func() bool { return len(p.logged("Workflow executed")) == 3 }, 5*time.Second, 10*time.Millisecond)
	line := p.logged("Workflow executed")[0]
	assert.Equal(t, "wf_123", line["workflow_id"])
	assert.Equal(t, "tenant_free", line["tenant_id"])
	assert.Equal(t, "user_1", line["user_id"])
	assert.IsType(t, 0.5, line["duration_ms"])
	assert.Equal(t, "info", line["level"])
	request := p.logged("Request")[0]
	assert.Equal(t, "tenant_free", request["tenant_id"])
	assert.Equal(t, "/api/webhooks/{workflow}", request["route"])
	for _, request := range p.logged("Request") {
		assert.NotContains(t, request["path"], "/health", "probes are logged at debug")
	}
}

func TestProbesInTheLog(t *testing.T) {
	t.Parallel()
	p := start(t, build(t), "LOG_LEVEL=DEBUG")
	p.do("GET", "/health/ready", "")
	require.Eventually(t, func() bool { return len(p.logged("Request")) > 0 }, 5*time.Second, 10*time.Millisecond)
	line := p.logged("Request")[0]
	assert.Equal(t, "debug", line["level"])
	assert.Equal(t, "/health/ready", line["path"])
}

func TestDuplicatesAndLimits(t *testing.T) {
	t.Parallel()
	p := start(t, build(t))
	var wg sync.WaitGroup
	codes := make([]int, 50)
	for i := range codes {
		wg.Go(func() {
			resp, _ := p.do("POST", "/api/webhooks/wf_456", `{"event":"once"}`, "Idempotency-Key", "dup")
			codes[i] = resp.StatusCode
		})
	}
	wg.Wait()
	assert.Len(t, p.messages(), 1)
	for _, code := range codes {
		assert.Contains(t, []int{200, 409}, code)
	}

	responses := make([]*http.Response, 11)
	for i := range responses {
		wg.Go(func() { responses[i], _ = p.do("POST", "/api/webhooks/wf_123", `{"event":"x"}`) })
	}
	wg.Wait()
	denied := 0
	for _, resp := range responses {
		if resp.StatusCode != http.StatusTooManyRequests {
			continue
		}
		denied++
		assert.Equal(t, "5", resp.Header.Get("X-RateLimit-Limit"))
		assert.Equal(t, "0", resp.Header.Get("X-RateLimit-Remaining"))
		assert.Equal(t, "1", resp.Header.Get("Retry-After"))
		assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
	}
	assert.LessOrEqual(t, denied, 1)
	for denied == 0 { // on a slow machine tokens came back meanwhile
		resp, _ := p.do("POST", "/api/webhooks/wf_123", `{"event":"x"}`)
		if resp.StatusCode == http.StatusTooManyRequests {
			denied++
		}
	}
	resp, _ := p.do("POST", "/api/webhooks/wf_456", `{"event":"x"}`)
	assert.Equal(t, 200, resp.StatusCode, "the paid tenant is served")
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	p := start(t, build(t))
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"unknown workflow", "POST", "/api/webhooks/nope", `{}`, 404, "#workflow-unknown"},
		{"body over 1 MiB", "POST", "/api/webhooks/wf_456", strings.Repeat("x", 1<<20+1), 413, "#request-body-too-large"},
		{"invalid JSON", "POST", "/api/webhooks/wf_456", `{"event":`, 400, "#payload-invalid"},
		{"empty", "POST", "/api/webhooks/wf_456", ``, 400, "#payload-invalid"},
		{"missing path", "POST", "/api/webhooks/wf_order", `{"user":{}}`, 422, `"paths":["user.name","order.id"]`},
		{"wrong method", "GET", "/api/webhooks/wf_456", ``, 405, "#method-not-allowed"},
		{"unknown route", "GET", "/nope", ``, 404, "#not-found"},
		{"dry run, unknown action", "POST", "/api/workflows/dry-run", `{"action_type":"x","config_json":"{}"}`, 400, "#action-type-unknown"},
		{"dry run that would send", "POST", "/api/workflows/dry-run?mode=send", `{"action_type":"slack_message","config_json":"{\"slack_message\":\"Test\"}"}`, 400, "#dry-run-mode-unsupported"},
		{"dry run, no object", "POST", "/api/workflows/dry-run", `{"action_type":"slack_message","config_json":"[]"}`, 400, "#dry-run-invalid"},
	}
	for _, tt := range tests {
		resp, body := p.do(tt.method, tt.path, tt.body)
		assert.Equal(t, tt.status, resp.StatusCode, tt.name)
		assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"), tt.name)
		assert.Contains(t, body, tt.want, tt.name)
		if tt.status == 405 {
			assert.Equal(t, "POST", resp.Header.Get("Allow"))
		}
	}
	resp, body := p.do("POST", "/api/workflows/dry-run", `{"action_type":"slack_message","config_json":"{}"}`)
	assert.Equal(t, 200, resp.StatusCode)
	assert.Contains(t, body, `"success":false`)

	// A refused payload does not use up its key.
	resp, _ = p.do("POST", "/api/webhooks/wf_456", `{}`, "Idempotency-Key", "fix")
	assert.Equal(t, 422, resp.StatusCode)
	resp, _ = p.do("POST", "/api/webhooks/wf_456", `{"event":"x"}`, "Idempotency-Key", "fix")
	assert.Equal(t, 200, resp.StatusCode)
	assert.Len(t, p.messages(), 1)
}

func TestDrain(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	p := start(t, build(t), "DRAIN_DELAY=3s")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		resp, body := p.do("GET", "/health/ready", "")
		return resp.StatusCode == 503 && strings.Contains(body, "draining")
	}, 2*time.Second, 10*time.Millisecond)
	resp, _ := p.do("GET", "/health/live", "")
	assert.Equal(t, 200, resp.StatusCode)
	resp, _ = p.do("POST", "/api/webhooks/wf_456", `{"event":"late"}`)
	assert.Equal(t, 200, resp.StatusCode, "still served")
	<-p.done
	require.NoError(t, p.cmd.Wait(), "exit status 0")
}

func TestRequestsInFlightFinish(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(slow.Close)
	p := start(t, build(t), "SLACK_WEBHOOK_URL="+slow.URL+"/services/do-not-print")
	code := make(chan int, 1)
	go func() {
		resp, _ := p.do("POST", "/api/webhooks/wf_456", `{"event":"x"}`, "Idempotency-Key", "k")
		code <- resp.StatusCode
	}()
	<-arrived
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return len(p.logged("Draining")) == 1 }, 5*time.Second, 10*time.Millisecond)
	close(release)
	assert.Equal(t, 200, <-code)
	<-p.done
	require.NoError(t, p.cmd.Wait(), "exit status 0")
	p.mu.Lock()
	defer p.mu.Unlock()
	logs, err := json.Marshal(p.logs)
	require.NoError(t, err)
	assert.NotContains(t, string(logs), "do-not-print")
}

func TestBadEnvironmentEndsTheProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), build(t))
	cmd.Env = append(os.Environ(), "ADDR=nonsense", "DATA_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Equal(t, 1, strings.Count(string(out), "\n"))
	assert.Contains(t, string(out), "ADDR")
}
