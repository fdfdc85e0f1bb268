package httpx_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/httpx"
)

func TestWriteProblem(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Encoding", "identity") // by a layer outside
		h.Set("Retry-After", "3")
		httpx.WriteProblem(w, httpx.Problem{
			Type: httpx.ProblemBase + "x", Title: `A "title" <b>`, Status: 429, Detail: "d",
			Extensions: []httpx.Extension{{"violated-policies", []string{"free"}}, {"bad", math.NaN()}},
		})
	}))
	t.Cleanup(srv.Close)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r, err := http.NewRequestWithContext(t.Context(), method, srv.URL, nil)
		require.NoError(t, err)
		resp, err := srv.Client().Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, 429, resp.StatusCode)
		assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		assert.Equal(t, "3", resp.Header.Get("Retry-After"))
		assert.Equal(t, "identity", resp.Header.Get("Content-Encoding"))
		want := `{"type":"` + httpx.ProblemBase + `x","title":"A \"title\" <b>","status":429,"detail":"d","violated-policies":["free"],"bad":null}` + "\n"
		assert.EqualValues(t, len(want), resp.ContentLength)
		if method == http.MethodGet {
			assert.Equal(t, want, string(body))
			assert.True(t, json.Valid(body))
		} else {
			assert.Empty(t, body)
		}
	}
}
