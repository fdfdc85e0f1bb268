package chi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	recipe "github.com/bracework/bracework/examples/frameworks/chi"
)

// Authentication outside names the scope; compression outside gives each
// client the replay in the coding that it takes.
func TestOrder(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), idempotency.Config{})
	require.NoError(t, err)
	authenticate := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			account, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
			if !ok {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			r.Header.Set("X-Account", account)
			next.ServeHTTP(w, r)
		})
	}
	text := strings.Repeat("charged ", 100)
	runs := 0
	h := recipe.PerRoute(m, func(w http.ResponseWriter, _ *http.Request) {
		runs++
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, text)
	}, middleware.Compress(5), authenticate)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)

	send := func(token, coding string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/accounts/acme/charges", nil)
		require.NoError(t, err)
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Authorization", token)
		if coding != "" { // else the client asks for gzip, and decodes it
			r.Header.Set("Accept-Encoding", coding)
		}
		resp, err := srv.Client().Do(r)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(body)
	}
	resp, _ := send("", "")
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	for i, coding := range []string{"", "", "identity"} {
		resp, body := send("Bearer token-of-a", coding)
		assert.Equal(t, text, body)
		assert.Equal(t, coding == "", resp.Uncompressed)
		assert.Equal(t, i > 0, resp.Header.Get("X-Idempotency-Replay") == "true")
	}
	resp, _ = send("Bearer token-of-b", "")
	assert.Empty(t, resp.Header.Get("X-Idempotency-Replay"), "another's key")
	assert.Equal(t, 2, runs)
}
