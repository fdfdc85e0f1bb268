package connectors_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/internal/memhttp"
)

// stalls makes so many dials of a client hang. It returns a function that says when
// each dial began.
func stalls(c *connectors.Client, most int) func() []time.Time {
	transport := connectors.TransportOf(c)
	dial := transport.DialContext
	var mu sync.Mutex
	var at []time.Time
	began := func(more ...time.Time) []time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, more...)
		return at
	}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if len(began(time.Now())) <= most {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return dial(ctx, network, addr)
	}
	return func() []time.Time { return began() }
}

// Each attempt of a harmless request has an equal share of what is left to get a
// connection; one that may be made once only has all of it.
func TestTimeToConnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := client(t, connectors.ClientConfig{})
		began := stalls(c, 10)
		start := time.Now()
		resp, err := c.Do(request(t, t.Context(), "GET", nil))
		assert.Equal(t, "timeout", finish(t, resp, err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 10*time.Second, time.Since(start))
		at := began()
		require.Len(t, at, 3)
		first, second := at[1].Sub(at[0]), at[2].Sub(at[1])
		assert.InDelta(t, 10.0/3+0.125, first.Seconds(), 0.125)
		assert.InDelta(t, (10-first.Seconds())/2+0.25, second.Seconds(), 0.25)

		start = time.Now()
		resp, err = c.Do(request(t, t.Context(), "POST", nil))
		assert.Equal(t, "timeout", finish(t, resp, err))
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Len(t, began(), 4)
	})
}

// The share ends with the connection: a receiver that needs longer for its answer
// is heard, and asked once. What wraps the transport sees the end of a share as a
// deadline, not as a caller that left.
func TestTheShareEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	for stalled, method := range []string{"PUT", "GET"} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			srv := memhttp.New(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				requests++
				time.Sleep(6 * time.Second)
				_, _ = io.WriteString(w, "late")
			}))
			var seen []error
			c := through(t, srv, connectors.ClientConfig{Wrap: func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					resp, err := next.RoundTrip(r)
					seen = append(seen, r.Context().Err())
					return resp, err
				})
			}})
			stalls(c, stalled)
			resp, err := c.Do(request(t, t.Context(), method, nil))
			assert.Equal(t, "200", finish(t, resp, err))
			assert.Equal(t, 1, requests)
			assert.Equal(t, [][]error{{nil}, {context.DeadlineExceeded, nil}}[stalled], seen)
		})
	}
}

// Nothing is known of the connections of a foreign transport: it is not cut.
func TestAForeignTransportHasAllTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: []roundTripper{func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(9 * time.Second):
				return says200(r)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}}}
		resp, err := client(t, connectors.ClientConfig{Wrap: s.wrap}).Do(request(t, t.Context(), "GET", nil))
		assert.Equal(t, "200", finish(t, resp, err))
		assert.Equal(t, 1, s.attempts)
	})
}

// An answer that comes with the end of its time has a body that can only fail: it
// is none.
func TestAnAnswerThatComesTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := &closing{}
		attempts := 0
		c := client(t, connectors.ClientConfig{Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if attempts++; attempts > 1 {
					return says200(r)
				}
				_, err := next.RoundTrip(r)
				assert.Error(t, err)
				return &http.Response{StatusCode: 201, Body: body}, nil
			})
		}})
		stalls(c, 1)
		resp, err := c.Do(request(t, t.Context(), "GET", nil))
		assert.Equal(t, "200", finish(t, resp, err))
		assert.Equal(t, 2, attempts)
		assert.True(t, body.closed.Load())
	})
}
