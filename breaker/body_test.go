package breaker_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// bodyFunc is a body that reads as it is told.
type bodyFunc func([]byte) (int, error)

func (f bodyFunc) Read(p []byte) (int, error) { return f(p) }
func (f bodyFunc) Close() error               { return nil }

func breaksOff([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func ends([]byte) (int, error)      { return 0, io.EOF }

// withBody answers 200 with what body is at the time.
func withBody(body *io.ReadCloser, header ...string) roundTripper {
	return always(func() *http.Response {
		resp := answer(200, header...)
		resp.Body = *body
		return resp
	})
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		body   io.ReadCloser
		header []string
		cfg    breaker.TransportConfig
		use    func(resp *http.Response, cancel context.CancelFunc)
		want   []breaker.Outcome
	}{
		{"read to its end", bodyFunc(ends), nil, breaker.TransportConfig{}, readAll, []breaker.Outcome{breaker.Success}},
		{"breaks off", bodyFunc(breaksOff), nil, breaker.TransportConfig{}, readAll, []breaker.Outcome{breaker.Failure}},
		{"closed early", bodyFunc(breaksOff), nil, breaker.TransportConfig{}, func(resp *http.Response, _ context.CancelFunc) {
			_ = resp.Body.Close()
			_, _ = io.ReadAll(resp.Body)
		}, []breaker.Outcome{breaker.Success}},
		{"breaks off because the caller left", bodyFunc(breaksOff), nil, breaker.TransportConfig{}, func(resp *http.Response, cancel context.CancelFunc) {
			cancel()
			readAll(resp, nil)
		}, []breaker.Outcome{breaker.Neutral}},
		{"not closed", bodyFunc(ends), nil, breaker.TransportConfig{}, func(*http.Response, context.CancelFunc) {}, nil},
		{"ignored", bodyFunc(breaksOff), nil, breaker.TransportConfig{IgnoreBody: true}, readAll, []breaker.Outcome{breaker.Success}},
		{"none", http.NoBody, nil, breaker.TransportConfig{}, func(*http.Response, context.CancelFunc) {}, []breaker.Outcome{breaker.Success}},
		{"nil", nil, nil, breaker.TransportConfig{}, func(*http.Response, context.CancelFunc) {}, []breaker.Outcome{breaker.Success}},
		{"an event stream", bodyFunc(breaksOff), []string{"Content-Type", "Text/Event-Stream; charset=utf-8"}, breaker.TransportConfig{}, readAll, []breaker.Outcome{breaker.Success}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen, observe := recordEvents()
			g := newGroup(t, 0, breaker.Config{Observer: observe})
			rt := breaker.Transport(withBody(&tt.body, tt.header...), g, tt.cfg)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, err := rt.RoundTrip(request(ctx, site))
			require.NoError(t, err)
			tt.use(resp, cancel)
			var got []breaker.Outcome
			for _, e := range *seen {
				got = append(got, e.Outcome)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// readAll reads and closes twice.
func readAll(resp *http.Response, _ context.CancelFunc) {
	_, _ = io.ReadAll(resp.Body)
	_, _ = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	_ = resp.Body.Close()
}

// Five bodies that break are five failures in a row: good headers do not come between them.
func TestBrokenBodiesOpenTheCircuit(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 0, breaker.Config{FailureRate: -1})
	var body io.ReadCloser = bodyFunc(breaksOff)
	rt := breaker.Transport(withBody(&body), g, breaker.TransportConfig{})
	for range 5 {
		require.ErrorIs(t, use(t, rt, site), io.ErrUnexpectedEOF)
	}
	assert.ErrorIs(t, use(t, rt, site), breaker.ErrOpen)
}

func TestProbesAndBodies(t *testing.T) {
	t.Parallel()
	setup := func(t *testing.T, successes int) (*breaker.Breaker, http.RoundTripper, *io.ReadCloser, *[]breaker.Event) {
		t.Helper()
		seen, observe := recordEvents()
		g := newGroup(t, 0, breaker.Config{Consecutive: 2, ProbeSuccesses: successes, ProbeTimeout: time.Second, Observer: observe})
		b := g.Get(origin)
		time.Sleep(trip(t, b))
		*seen = nil
		body := new(io.ReadCloser)
		return b, breaker.Transport(withBody(body), g, breaker.TransportConfig{}), body, seen
	}
	t.Run("the header is enough", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, rt, body, seen := setup(t, 1)
			*body = bodyFunc(ends)
			resp, err := rt.RoundTrip(request(t.Context(), site))
			require.NoError(t, err)
			assert.Equal(t, breaker.Closed, b.State())
			time.Sleep(time.Hour) // longer than the lease
			readAll(resp, nil)
			assert.Equal(t, breaker.Closed, b.State())
			assert.Len(t, *seen, 1)
			assert.Zero(t, b.Snapshot().Running)
		})
	})
	t.Run("a body that breaks is a failure beside it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, rt, body, seen := setup(t, 1)
			*body = bodyFunc(breaksOff)
			_ = use(t, rt, site)
			assert.Equal(t, breaker.Closed, b.State())
			assert.Equal(t, 1, b.Snapshot().ConsecutiveFailures)
			require.Len(t, *seen, 2)
			assert.Equal(t, breaker.Success, (*seen)[0].Outcome)
			assert.Equal(t, breaker.Failure, (*seen)[1].Outcome)
			assert.Zero(t, b.Snapshot().Running)
		})
	})
	t.Run("and opens a circuit that is still half-open", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, rt, body, _ := setup(t, 2)
			*body = bodyFunc(breaksOff)
			_ = use(t, rt, site)
			assert.Equal(t, breaker.Open, b.State())
		})
	})
	t.Run("but not one that has closed and opened since", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, rt, body, _ := setup(t, 1)
			*body = bodyFunc(breaksOff)
			resp, err := rt.RoundTrip(request(t.Context(), site))
			require.NoError(t, err)
			time.Sleep(trip(t, b))
			allow(t, b)
			readAll(resp, nil)
			assert.Equal(t, breaker.HalfOpen, b.State())
		})
	})
}

// A call is slow by the time to its header, however long its body is read.
func TestSlowBodiesAreNotSlowCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen, observe := recordEvents()
		g := newGroup(t, 0, breaker.Config{SlowCall: time.Second, Observer: observe})
		wait := time.Duration(0)
		rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
			time.Sleep(wait)
			resp := answer(200)
			resp.Body = bodyFunc(func([]byte) (int, error) {
				time.Sleep(time.Hour)
				return 0, io.EOF
			})
			return resp, nil
		}), g, breaker.TransportConfig{})
		require.NoError(t, use(t, rt, site))
		wait = time.Second
		require.NoError(t, use(t, rt, site))
		require.Len(t, *seen, 2)
		assert.False(t, (*seen)[0].Slow)
		assert.Zero(t, (*seen)[0].Duration)
		assert.True(t, (*seen)[1].Slow)
		assert.Equal(t, time.Second, (*seen)[1].Duration)
	})
}

// Close ends a Read on another goroutine, which is no failure of the upstream's.
func TestCloseDuringRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 0, breaker.Config{Consecutive: 1})
		body := io.ReadCloser(blocked(make(chan struct{})))
		rt := breaker.Transport(withBody(&body), g, breaker.TransportConfig{})
		resp, err := rt.RoundTrip(request(t.Context(), site))
		require.NoError(t, err)
		go func() { _, _ = io.ReadAll(resp.Body) }()
		synctest.Wait()
		require.NoError(t, resp.Body.Close())
		synctest.Wait()
		assert.EqualValues(t, 1, g.Get(origin).Snapshot().Successes)
		assert.Equal(t, breaker.Closed, g.Get(origin).State())
	})
}

// blocked is a body that says nothing until it is closed.
type blocked chan struct{}

func (b blocked) Read([]byte) (int, error) {
	<-b
	return 0, errDown
}

func (b blocked) Close() error {
	close(b)
	time.Sleep(time.Second) // the reader notices first
	return nil
}
