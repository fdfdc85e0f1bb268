package connectors_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/internal/memhttp"
)

// deaf is a body that only Close ends.
func deaf() io.ReadCloser {
	r, _ := io.Pipe()
	return r
}

// What a transport of Wrap answers need not know the context.
func TestADeafAnswerEndsInTime(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status, attempts int
		cancel           time.Duration
		took             time.Duration
		kind             connectors.Kind
	}{
		"by the limit":                   {200, 1, time.Minute, 10 * time.Second, connectors.KindTimeout},
		"by the caller":                  {200, 1, time.Second, time.Second, connectors.KindCanceled},
		"of an attempt that is the last": {503, 3, time.Minute, 10 * time.Second, connectors.KindTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: []roundTripper{func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: tt.status, Body: deaf()}, nil
				}}}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(tt.cancel, cancel)
				start := time.Now()
				resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(request(t, ctx, "GET", nil))
				require.NoError(t, err)
				assert.Equal(t, tt.status, resp.StatusCode)
				_, err = io.ReadAll(resp.Body)
				assert.Equal(t, tt.kind, typed(t, err).Kind)
				assert.Equal(t, tt.took, time.Since(start))
				require.NoError(t, resp.Body.Close())
				assert.Equal(t, tt.attempts, s.attempts)
				cancel()
			})
		})
	}
}

// What the caller closes is not closed a second time.
func TestABodyIsClosedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var closed []string
		body := func(name string) io.ReadCloser { return closeFunc(func() { closed = append(closed, name) }) }
		s := &script{steps: []roundTripper{
			func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 503, Body: body("discarded")}, nil
			},
			func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: body("returned")}, nil
			},
		}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://h.test", body("request"))
		require.NoError(t, err)
		r.GetBody = func() (io.ReadCloser, error) { return body("request again"), nil }
		resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(r)
		assert.Equal(t, "200", finish(t, resp, err))
		synctest.Wait()
		assert.Equal(t, []string{"request", "discarded", "request again", "returned"}, closed)
	})
}

// net/http waits over HTTP/1.1 for the end of a body that it reads.
func TestARequestBodyThatStallsEndsInTime(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cancel, took time.Duration
		kind         connectors.Kind
	}{
		"by the limit":  {time.Minute, 10 * time.Second, connectors.KindTimeout},
		"by the caller": {time.Second, time.Second, connectors.KindCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(tt.cancel, cancel)
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, memhttp.URL, deaf())
				require.NoError(t, err)
				c := through(t, memhttp.New(t, silent("")), connectors.ClientConfig{})
				time.AfterFunc(time.Hour, func() { _ = r.Body.Close() }) // a failure of this test must not hang
				start := time.Now()
				_, err = c.Do(r)
				assert.Equal(t, tt.kind, typed(t, err).Kind)
				assert.Equal(t, tt.took, time.Since(start))
				cancel()
			})
		})
	}
}
