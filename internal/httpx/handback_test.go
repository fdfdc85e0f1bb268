package httpx_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/httpx"
)

func TestHandBack(t *testing.T) {
	t.Parallel()
	body := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n"
	outer := httptest.NewRequest(http.MethodPost, "/things/7", strings.NewReader(body))
	outer.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	inner := outer.WithContext(context.WithValue(t.Context(), http.ServerContextKey, nil))
	mux := http.NewServeMux()
	mux.HandleFunc("/things/{id}", func(_ http.ResponseWriter, r *http.Request) { assert.NoError(t, r.ParseMultipartForm(1<<10)) })
	mux.ServeHTTP(httptest.NewRecorder(), inner)
	httpx.HandBack(outer, inner)
	assert.Equal(t, "/things/{id}", outer.Pattern)
	require.NotNil(t, outer.MultipartForm)
	require.NoError(t, outer.MultipartForm.RemoveAll())

	form := outer.MultipartForm
	httpx.HandBack(outer, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, "/things/{id}", outer.Pattern, "what is not known changes nothing")
	assert.Same(t, form, outer.MultipartForm)
}
