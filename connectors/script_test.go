package connectors_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

// script is a transport that plays one step for each attempt, and the last one
// for ever.
type script struct {
	steps    []roundTripper
	attempts int
	at       []time.Time
	bodies   []string
	headers  []http.Header
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.at = append(s.at, time.Now())
	s.headers = append(s.headers, r.Header)
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		s.bodies = append(s.bodies, string(body))
		_ = r.Body.Close()
	}
	step := s.steps[min(s.attempts, len(s.steps)-1)]
	s.attempts++
	return step(r)
}

func (s *script) wrap(http.RoundTripper) http.RoundTripper { return s }

// says200 and the like are answers without a body; after is a Retry-After.
func says200(*http.Request) (*http.Response, error) { return status(200, "")(nil) }

func status(code int, after string) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("text"))}
		if after != "" {
			resp.Header.Set("Retry-After", after)
		}
		return resp, nil
	}
}

// unsent fails as a dial does; broken as a connection that was used.
func unsent(*http.Request) (*http.Response, error) {
	return nil, &connectors.Error{Kind: connectors.KindNetwork, Unsent: true}
}

func breaks(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func request(t *testing.T, ctx context.Context, method string, header http.Header) *http.Request { //nolint:revive // t comes first in tests
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://h.test/"+token, strings.NewReader("body"))
	require.NoError(t, err)
	maps.Copy(r.Header, header)
	return r
}

// finish ends a call that may have an answer, and returns its status or kind.
func finish(t *testing.T, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		return string(typed(t, err).Kind)
	}
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return strconv.Itoa(resp.StatusCode)
}
