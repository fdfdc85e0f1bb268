package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/bracework/bracework/ratelimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const githubSecret = "It's a Secret to Everybody"

func openSigned(t *testing.T) (*app, http.Handler) {
	t.Helper()
	cfg, err := loadConfig(env(map[string]string{
		"ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(),
		"WEBHOOK_SECRETS": `{"wf_github_push":{"scheme":"github","secrets":["a secret of last year, 26 bytes","` + githubSecret + `"]}}`,
	}))
	require.NoError(t, err)
	a, err := newApp(context.Background(), cfg, &bytes.Buffer{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.close()) })
	return a, a.routes()
}

func signed(body string) map[string]string {
	h := hmac.New(sha256.New, []byte(githubSecret))
	h.Write([]byte(body))
	return map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(h.Sum(nil)), "X-GitHub-Delivery": "72d3162e"}
}

func TestForgedWebhookLeavesNoTrace(t *testing.T) {
	t.Parallel()
	a, h := openSigned(t)
	push, err := os.ReadFile(filepath.Join("testdata", "github_push.json"))
	require.NoError(t, err)
	forged := signed(string(push))
	forged["X-Idempotency-Key"] = "k"
	for range 2 * ratelimit.Paid.Burst {
		rec := post(h, "/api/webhooks/wf_github_push", `{"pusher":{"name":"mallory"}}`, forged)
		require.Equal(t, http.StatusUnauthorized, rec.Code)
		require.Contains(t, rec.Body.String(), "#webhook-signature-invalid")
	}
	assert.Zero(t, a.buckets.Stats().Keys, "no token is taken")
	assert.Zero(t, records(t, a))
	assert.Empty(t, a.sink.all())

	rec := post(h, "/api/webhooks/wf_github_push", string(push), signed(string(push)))
	require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
	again := signed(string(push))
	again["X-GitHub-Delivery"] = "another"
	rec = post(h, "/api/webhooks/wf_github_push", string(push), again)
	require.Equal(t, http.StatusOK, rec.Code)
	assert.Equal(t, "true", rec.Header().Get("X-Idempotency-Replay"))
	assert.Len(t, a.sink.all(), 1)
	assert.EqualValues(t, 1, records(t, a))

	// The others need no signature.
	assert.Equal(t, http.StatusOK, post(h, "/api/webhooks/wf_456", `{"event":"x"}`, nil).Code)
	assert.Equal(t, http.StatusNotFound, post(h, "/api/webhooks/wf_none", `{}`, nil).Code)
}

func records(t *testing.T, a *app) (n int64) {
	t.Helper()
	require.NoError(t, a.store.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM idempotency_records").Scan(&n))
	return n
}

func TestBadWebhookSecrets(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]string{
		"want JSON such as":  `github:do-not-print`,
		"unknown scheme":     `{"wf_123":{"scheme":"do-not-print","secrets":["x"]}}`,
		"no workflow":        `{"wf_none":{"scheme":"github","secrets":["do-not-print"]}}`,
		"want at least 24":   `{"wf_123":{"scheme":"github","secrets":["do-not-print"]}}`,
		"0 secrets, want 1 ": `{"wf_123":{"scheme":"github"}}`,
	} {
		cfg, err := loadConfig(env(map[string]string{"ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "WEBHOOK_SECRETS": value}))
		if err == nil {
			_, err = newApp(context.Background(), cfg, &bytes.Buffer{})
		}
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "WEBHOOK_SECRETS")
		assert.NotContains(t, err.Error(), "do-not-print")
	}
}
