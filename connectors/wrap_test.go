package connectors_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

var errOpen = errors.New("open " + token)

// refusal is what a circuit breaker returns.
type refusal struct{ wait time.Duration }

func (refusal) Error() string               { return "refused " + token }
func (refusal) Unwrap() error               { return errOpen }
func (r refusal) RetryDelay() time.Duration { return r.wait }

func fails(err error) roundTripper {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func answers(resp *http.Response) roundTripper {
	return func(*http.Request) (*http.Response, error) { return resp, nil }
}

func TestWrapErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		rt     roundTripper
		kind   connectors.Kind
		wait   time.Duration
		unsent bool
		is     error
	}{
		{"a breaker refuses", fails(refusal{3 * time.Second}), connectors.KindOpen, 3 * time.Second, true, errOpen},
		{"a breaker refuses, wrapped", fails(&url.Error{Op: "Post", URL: token, Err: refusal{-1}}), connectors.KindOpen, 0, true, errOpen},
		{"a typed error", fails(&connectors.Error{Kind: connectors.KindBlocked}), connectors.KindBlocked, 0, false, nil},
		{"any other error", fails(errors.New(token)), connectors.KindNetwork, 0, false, nil},
		{"an error of http.Client", fails(&url.Error{Op: "Post", URL: token, Err: io.ErrUnexpectedEOF}), connectors.KindNetwork, 0, false, io.ErrUnexpectedEOF},
		{"neither answer nor error", answers(nil), connectors.KindNetwork, 0, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := post(t.Context(), client(t, connectors.ClientConfig{Wrap: instead(tt.rt)}), "http://h.test")
			e := typed(t, err)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.wait, e.RetryDelay())
			assert.Equal(t, tt.unsent, e.Unsent, "nothing is claimed about a foreign transport")
			assert.Equal(t, "h.test", e.Host)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
		})
	}
}

func TestWrapGetsTheTransport(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(srv.Close)
	calls := 0
	c := client(t, connectors.ClientConfig{Wrap: func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			calls++
			return next.RoundTrip(r)
		})
	}})
	_, body, err := post(t.Context(), c, srv.URL)
	require.NoError(t, err)
	assert.Equal(t, "ok", body)
	assert.Equal(t, 1, calls)

	_, _, err = post(t.Context(), c, nobody(t))
	assert.True(t, typed(t, err).Unsent, "known through a wrapper too")
}

// A breaker that fails by itself after the transport was used says nothing about
// whether the request was sent.
func TestARefusalAfterTheTransportIsNoRefusal(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	c := client(t, connectors.ClientConfig{Wrap: func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				_ = resp.Body.Close()
			}
			return nil, refusal{}
		})
	}})
	_, _, err := post(t.Context(), c, srv.URL)
	e := typed(t, err)
	assert.Equal(t, connectors.KindNetwork, e.Kind)
	assert.False(t, e.Unsent)
}

func TestAnswersOfAStub(t *testing.T) {
	t.Parallel()
	status, body, err := post(t.Context(), client(t, connectors.ClientConfig{Wrap: instead(answers(&http.Response{StatusCode: 204}))}), "http://h.test")
	require.NoError(t, err, "a stub may leave the body out")
	assert.Equal(t, 204, status)
	assert.Empty(t, body)

	stub := answers(&http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("12"), broken{}))})
	_, body, err = post(t.Context(), client(t, connectors.ClientConfig{Wrap: instead(stub)}), "http://h.test")
	assert.Equal(t, connectors.KindNetwork, typed(t, err).Kind)
	assert.Equal(t, "12", body)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("read " + token) }
