package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bracework/bracework/connectors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// open makes an app on a port and in a folder of its own.
func open(t *testing.T) (*app, http.Handler) {
	t.Helper()
	return openIn(t, t.TempDir())
}

func openIn(t *testing.T, dir string) (*app, http.Handler) {
	t.Helper()
	cfg, err := loadConfig(env(map[string]string{"ADDR": "127.0.0.1:0", "DATA_DIR": dir}))
	require.NoError(t, err)
	a, err := newApp(context.Background(), cfg, &bytes.Buffer{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.close()) })
	return a, a.routes()
}

func env(m map[string]string) func(string) string { return func(name string) string { return m[name] } }

func post(h http.Handler, path, body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestRealPayloads(t *testing.T) {
	t.Parallel()
	a, h := open(t)
	for _, tt := range []struct{ workflow, fixture, want string }{
		{"wf_github_push", "github_push.json", "Codertocat pushed 3 commits to Codertocat/Hello-World (refs/heads/main), first \"Handle &lt;empty&gt; carts &amp; retries\n\nThe template {{cart}} was read twice.\" by Mona Lisa touching cart/cart.go"},
		{"wf_stripe_checkout", "stripe_checkout_session_completed.json", "Jenny Rosen paid 5355 eur (paid), reference ord_9001"},
		{"wf_shopify_order", "shopify_orders_create.json", "Order #9999 by John: 3 items, first 2 x Tea &amp; &lt;Herbs&gt; Set, total 208.91 USD to Shippington"},
	} {
		payload, err := os.ReadFile(filepath.Join("testdata", tt.fixture))
		require.NoError(t, err)
		rec := post(h, "/api/webhooks/"+tt.workflow, string(payload), nil)
		require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
		all := a.sink.all()
		assert.Equal(t, tt.want, all[len(all)-1].Text)
	}
}

func TestARestartForgetsNoKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyed := map[string]string{"Idempotency-Key": "k"}
	first, h := openIn(t, dir)
	answer := post(h, "/api/webhooks/wf_456", `{"event":"x"}`, keyed)
	require.Equal(t, http.StatusOK, answer.Code)
	require.NoError(t, first.close())
	second, h := openIn(t, dir)
	again := post(h, "/api/webhooks/wf_456", `{"event":"x"}`, keyed)
	assert.Equal(t, answer.Body.String(), again.Body.String())
	assert.Equal(t, "true", again.Header().Get("X-Idempotency-Replay"))
	assert.Empty(t, second.sink.all())
}

func TestDryRunLeavesNoTrace(t *testing.T) {
	t.Parallel()
	a, h := open(t)
	require.Equal(t, http.StatusOK, post(h, "/api/webhooks/wf_456", `{"event":"x"}`, map[string]string{"Idempotency-Key": "k"}).Code)
	count := func() [5]int64 {
		runs, err := a.store.countRuns(t.Context())
		require.NoError(t, err)
		var records int64
		require.NoError(t, a.store.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM idempotency_records").Scan(&records))
		s := a.slack.Snapshot()
		return [5]int64{
			int64(runs), records, int64(a.buckets.Stats().Keys), int64(len(a.sink.all())),
			int64(s.Successes + s.Failures + s.Neutrals + s.Rejected),
		}
	}
	before := count()
	for _, body := range []string{
		`{"action_type":"slack_message","config_json":"{}","mode":"probe"}`,
		`{"action_type":"slack_message","config_json":"{\"slack_message\":\"Test\"}"}`,
		`{"action_type":"slack_message","config_json":"{\"slack_message\":\"Hello {{user.name}}\"}","payload":{"user":{"name":"Alex"}}}`,
		`{"action_type":"slack_message","config_json":"{\"slack_message\":\"Hello {{user.name}}\"}"}`,
		`{"action_type":"slack_message","config_json":"{}"}`,
	} {
		rec := post(h, "/api/workflows/dry-run", body, map[string]string{"Idempotency-Key": "dry"})
		assert.Equal(t, http.StatusOK, rec.Code)
		assert.NotContains(t, rec.Body.String(), "sent")
	}
	assert.Equal(t, before, count())
}

// "Test connection" asks the webhook, and brings one back that Slack had refused
// and that was mended since.
func TestAProbeBringsTheWebhookBack(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	var calls atomic.Int64
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		var message struct{ Text string }
		_ = json.NewDecoder(r.Body).Decode(&message)
		switch {
		case !mended.Load():
			http.Error(w, "no_service", http.StatusNotFound)
		case message.Text == "":
			http.Error(w, "no_text", http.StatusBadRequest)
		default:
			_, _ = w.Write([]byte("ok"))
		}
	}))
	t.Cleanup(slack.Close)
	cfg, err := loadConfig(env(map[string]string{"ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "SLACK_WEBHOOK_URL": slack.URL}))
	require.NoError(t, err)
	a, err := newApp(t.Context(), cfg, &bytes.Buffer{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.close()) })
	h := a.routes()
	send := func() int { return post(h, "/api/webhooks/wf_456", `{"event":"x"}`, nil).Code }
	probe := func() string {
		return post(h, "/api/workflows/dry-run?mode=probe", `{"action_type":"slack_message","config_json":"{}"}`, nil).Body.String()
	}

	assert.Equal(t, http.StatusBadGateway, send())
	assert.Equal(t, http.StatusBadGateway, send())
	assert.EqualValues(t, 1, calls.Load(), "who is told that the webhook is dead does not ask again")
	assert.Contains(t, probe(), `"success":false`)
	mended.Store(true)
	assert.Equal(t, http.StatusBadGateway, send())
	assert.EqualValues(t, 2, calls.Load(), "a probe that fails changes nothing")
	assert.Contains(t, probe(), `"success":true`)
	assert.Equal(t, http.StatusOK, send())
}

// A probe does not end a pause that Slack asked for.
func TestAProbeKeepsThePause(t *testing.T) {
	t.Parallel()
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) == "{}" {
			http.Error(w, "no_text", http.StatusBadRequest)
			return
		}
		w.Header().Set("Retry-After", "60")
		http.Error(w, "rate_limited", http.StatusTooManyRequests)
	}))
	t.Cleanup(slack.Close)
	cfg, err := loadConfig(env(map[string]string{"ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "SLACK_WEBHOOK_URL": slack.URL}))
	require.NoError(t, err)
	a, err := newApp(t.Context(), cfg, &bytes.Buffer{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.close()) })
	action := connectors.Action{Type: "slack_message", Config: []byte(`{"slack_message":"Hello"}`)}
	code := func() string {
		_, err := a.actions.Execute(t.Context(), action)
		e, ok := errors.AsType[*connectors.Error](err)
		require.True(t, ok)
		return e.Code
	}
	assert.Equal(t, "rate_limited", code())
	result, err := a.actions.DryRun(t.Context(), connectors.DryRunRequest{ActionType: "slack_message", ConfigJSON: "{}", Mode: connectors.ModeProbe})
	require.NoError(t, err)
	assert.True(t, result.Success)
	assert.Equal(t, "paced", code())
}

func TestBadEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, m := range map[string]map[string]string{
		"ADDR": {"ADDR": "nonsense"}, "ADDR port": {"ADDR": ":99999"}, "DRAIN_DELAY": {"DRAIN_DELAY": "soon"}, "DRAIN_DELAY negative": {"DRAIN_DELAY": "-1s"},
		"HEALTH_EVERY": {"HEALTH_EVERY": "often"}, "HEALTH_EVERY zero": {"HEALTH_EVERY": "0s"},
		"LOG_LEVEL": {"LOG_LEVEL": "loud"}, "DATA_DIR": {"DATA_DIR": filepath.Join(file, "x")},
		"SLACK_WEBHOOK_URL": {"SLACK_WEBHOOK_URL": "ftp://secret-token", "ADDR": "127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if m["DATA_DIR"] == "" {
				m["DATA_DIR"] = t.TempDir()
			}
			err := run(t.Context(), env(m), &bytes.Buffer{})
			variable, _, _ := strings.Cut(name, " ")
			require.ErrorContains(t, err, variable)
			assert.NotContains(t, err.Error(), "secret-token")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestUpstreamFailures(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	answers := map[int64]string{200: "ok", 403: "action_prohibited", 500: "rollup_error"}
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		code := status.Load()
		if code == 0 {
			panic(http.ErrAbortHandler) // the connection breaks: nobody knows
		}
		w.WriteHeader(int(code))
		_, _ = w.Write([]byte(answers[code]))
	}))
	t.Cleanup(slack.Close)
	cfg, err := loadConfig(env(map[string]string{"ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "SLACK_WEBHOOK_URL": slack.URL}))
	require.NoError(t, err)
	a, err := newApp(t.Context(), cfg, &bytes.Buffer{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.close()) })
	h := a.routes()
	send := func(key string) *httptest.ResponseRecorder {
		return post(h, "/api/webhooks/wf_456", `{"event":"x"}`, map[string]string{"Idempotency-Key": key})
	}
	status.Store(403)
	assert.Equal(t, http.StatusBadGateway, send("refused").Code)
	status.Store(200)
	assert.Equal(t, http.StatusOK, send("refused").Code, "a refusal is not kept: the retry runs")
	status.Store(0)
	assert.Equal(t, http.StatusGatewayTimeout, send("unclear").Code)
	status.Store(200)
	again := send("unclear")
	assert.Equal(t, http.StatusGatewayTimeout, again.Code, "an unclear outcome is kept: nothing is sent twice")
	assert.Equal(t, "true", again.Header().Get("X-Idempotency-Replay"))
	status.Store(500)
	assert.Equal(t, http.StatusGatewayTimeout, send("failed").Code)
	status.Store(200)
	assert.Equal(t, http.StatusGatewayTimeout, send("failed").Code, "a 500 proves nothing about delivery")
	status.Store(500)
	for range 5 {
		post(h, "/api/webhooks/wf_456", `{"event":"x"}`, nil)
	}
	open := post(h, "/api/webhooks/wf_456", `{"event":"x"}`, nil)
	assert.Equal(t, http.StatusServiceUnavailable, open.Code)
	assert.NotEmpty(t, open.Header().Get("Retry-After"))
	assert.True(t, json.Valid(open.Body.Bytes()))
}
