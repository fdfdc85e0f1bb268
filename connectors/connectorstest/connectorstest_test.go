package connectorstest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/connectorstest"
)

func TestFailSaysWhatTheBodyIs(t *testing.T) {
	t.Parallel()
	s := connectorstest.NewSlack(t)
	for _, tt := range []struct {
		body   string
		header []string
		want   string
	}{
		{`{"ok":false}`, nil, "application/json"},
		{"<html></html>", nil, "text/html; charset=utf-8"},
		{"no_service", nil, "text/plain; charset=utf-8"},
		{`{"ok":false}`, []string{"Content-Type", "text/plain"}, "text/plain"},
	} {
		s.Fail(500, tt.body, tt.header...)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.BaseURL(), http.NoBody)
		require.NoError(t, err)
		resp, err := (&http.Client{}).Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, []string{tt.want}, resp.Header.Values("Content-Type"), tt.body)
	}
}
