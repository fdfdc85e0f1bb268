package breaker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// answer is a response of a stub.
func answer(status int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("body"))}
}

func always(resp func() *http.Response) roundTripper {
	return func(*http.Request) (*http.Response, error) { return resp(), nil }
}

func request(ctx context.Context, url string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		panic(err)
	}
	return r
}

const (
	site   = "http://api.test/things"
	origin = "http://api.test"
)

// use makes a request and reads the answer to its end.
func use(t *testing.T, rt http.RoundTripper, url string) error {
	t.Helper()
	resp, err := rt.RoundTrip(request(context.Background(), url))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err
}

func TestTransport(t *testing.T) {
	t.Parallel()
	classify := breaker.TransportConfig{Classify: func(resp *http.Response) breaker.Outcome {
		if resp.StatusCode == http.StatusNotFound {
			return breaker.Failure
		}
		return breaker.Success
	}}
	for _, tt := range []struct {
		name   string
		status int
		cfg    breaker.TransportConfig
		want   breaker.Outcome
	}{
		{"200", 200, breaker.TransportConfig{}, breaker.Success},
		{"101", 101, breaker.TransportConfig{}, breaker.Success},
		{"304", 304, breaker.TransportConfig{}, breaker.Success},
		{"404 is an answer", 404, breaker.TransportConfig{}, breaker.Success},
		{"408", 408, breaker.TransportConfig{}, breaker.Failure},
		{"429", 429, breaker.TransportConfig{}, breaker.Neutral},
		{"500", 500, breaker.TransportConfig{}, breaker.Failure},
		{"501 knows what it cannot do", 501, breaker.TransportConfig{}, breaker.Success},
		{"502", 502, breaker.TransportConfig{}, breaker.Failure},
		{"503", 503, breaker.TransportConfig{}, breaker.Failure},
		{"504", 504, breaker.TransportConfig{}, breaker.Failure},
		{"505", 505, breaker.TransportConfig{}, breaker.Success},
		{"599", 599, breaker.TransportConfig{}, breaker.Failure},
		{"classified, 404", 404, classify, breaker.Failure},
		{"classified, 500", 500, classify, breaker.Success},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen, observe := recordEvents()
			g := newGroup(t, 0, breaker.Config{Observer: observe})
			rt := breaker.Transport(always(func() *http.Response { return answer(tt.status) }), g, tt.cfg)
			require.NoError(t, use(t, rt, site))
			require.Len(t, *seen, 1)
			assert.Equal(t, tt.want, (*seen)[0].Outcome)
			assert.Equal(t, origin, (*seen)[0].Name)
			assert.Zero(t, g.Get(origin).Snapshot().Running)
		})
	}
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	errBlocked := errors.New("address not allowed")
	canceled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("sibling failed"))
	for _, tt := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // a table
		err  error
		want breaker.Outcome
	}{
		{"connection refused", t.Context(), errDown, breaker.Failure},
		{"client timeout", &outOfTime{Context: t.Context()}, context.DeadlineExceeded, breaker.Failure},
		{"cancelled with a cause", canceled, errDown, breaker.Neutral},
		{"another circuit", t.Context(), &breaker.OpenError{}, breaker.Neutral},
		{"classified", t.Context(), errBlocked, breaker.Neutral},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen, observe := recordEvents()
			g := newGroup(t, 0, breaker.Config{Observer: observe, Classify: func(_ context.Context, err error) breaker.Outcome {
				if errors.Is(err, errBlocked) {
					return breaker.Neutral
				}
				return breaker.Failure
			}})
			rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) { return nil, tt.err }), g, breaker.TransportConfig{})
			_, err := rt.RoundTrip(request(tt.ctx, site))
			assert.Equal(t, tt.err, err, "comes back as it is")
			require.Len(t, *seen, 1)
			assert.Equal(t, tt.want, (*seen)[0].Outcome)
		})
	}
	t.Run("a panic", func(t *testing.T) {
		t.Parallel()
		g := newGroup(t, 0, breaker.Config{Consecutive: 1})
		rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) { panic("boom") }), g, breaker.TransportConfig{})
		assert.PanicsWithValue(t, "boom", func() { _ = use(t, rt, site) })
		assert.Equal(t, breaker.Open, g.Get(origin).State())
	})
	t.Run("neither answer nor error", func(t *testing.T) {
		t.Parallel()
		g := newGroup(t, 0, breaker.Config{Consecutive: 1})
		rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil }), g, breaker.TransportConfig{}) //nolint:nilnil // broken
		resp, err := rt.RoundTrip(request(t.Context(), site))
		require.NoError(t, err)
		assert.Nil(t, resp)
		assert.Equal(t, breaker.Open, g.Get(origin).State())
	})
}

func TestTransportKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, want string }{
		{"http://api.test/a?b", "http://api.test"},
		{"HTTP://API.test:80", "http://api.test"},
		{"https://api.test:443/", "https://api.test"},
		{"https://api.test:80/", "https://api.test:80"},
		{"http://api.test:8080/", "http://api.test:8080"},
		{"https://user:secret@api.test/", "https://api.test"},
		{"http://[::1]:80/", "http://[::1]"},
		{"http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080"},
		{"http://" + strings.Repeat("a", 250) + ".test/", "http://" + strings.Repeat("a", 250) + ".test"},
		{"http://" + strings.Repeat("a", 1<<20) + "/", ""},
		{"/path", ""},
	} {
		g := newGroup(t, 0, breaker.Config{})
		rt := breaker.Transport(always(func() *http.Response { return answer(200) }), g, breaker.TransportConfig{})
		require.NoError(t, use(t, rt, tt.url))
		assert.Equal(t, tt.want, strings.Join(keys(g), " "), "%.60s", tt.url)
	}
	t.Run("of one's own", func(t *testing.T) {
		t.Parallel()
		g := newGroup(t, 0, breaker.Config{})
		rt := breaker.Transport(always(func() *http.Response { return answer(200) }), g, breaker.TransportConfig{
			Key: func(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/") },
		})
		require.NoError(t, use(t, rt, "http://gateway.test/orders"))
		require.NoError(t, use(t, rt, "http://gateway.test/"))
		assert.Equal(t, []string{"orders"}, keys(g))
	})
}

func TestTransportRefuses(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 0, breaker.Config{})
	g.Get(origin).ForceOpen()
	base := roundTripper(func(*http.Request) (*http.Response, error) { panic("called") })
	closed := 0
	post := func() *http.Request {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, site, closer(func() error { closed++; return nil }))
		return r
	}
	_, err := (&http.Client{Transport: breaker.Transport(base, g, breaker.TransportConfig{})}).Do(post())
	require.ErrorIs(t, err, breaker.ErrOpen)
	open, ok := errors.AsType[*breaker.OpenError](err)
	require.True(t, ok)
	assert.Equal(t, origin, open.Name)
	assert.Equal(t, 1, closed, "a RoundTripper closes the body of the request")

	rt := breaker.Transport(base, g, breaker.TransportConfig{Fallback: func(r *http.Request, err error) (*http.Response, error) {
		require.ErrorIs(t, err, breaker.ErrOpen)
		assert.Equal(t, 1, closed, "the body is the fallback's")
		_ = r.Body.Close()
		return answer(203), nil
	}})
	resp, err := rt.RoundTrip(post())
	require.NoError(t, err)
	assert.Equal(t, 203, resp.StatusCode)
}

// closer is a body that is read by nobody.
type closer func() error

func (c closer) Read([]byte) (int, error) { return 0, io.EOF }
func (c closer) Close() error             { return c() }

// What goes in and out is the caller's and the transport's own, but for the body that is watched.
func TestTransportTouchesNothing(t *testing.T) {
	t.Parallel()
	r := request(t.Context(), site)
	resp := answer(200, "Content-Length", "4")
	resp.ContentLength, resp.Trailer = 4, http.Header{"Etag": nil}
	rt := breaker.Transport(roundTripper(func(got *http.Request) (*http.Response, error) {
		assert.Same(t, r, got)
		return resp, nil
	}), nil, breaker.TransportConfig{})
	got, err := rt.RoundTrip(r)
	require.NoError(t, err)
	assert.Same(t, resp, got)
	assert.EqualValues(t, 4, got.ContentLength)
	require.NoError(t, iotest.TestReader(got.Body, []byte("body")))
}

func TestTransportClosesIdleConnections(t *testing.T) {
	t.Parallel()
	base := &idler{}
	client := &http.Client{Transport: breaker.Transport(base, nil, breaker.TransportConfig{})}
	client.CloseIdleConnections()
	assert.Equal(t, 1, base.closed)
	(&http.Client{Transport: breaker.Transport(always(nil), nil, breaker.TransportConfig{})}).CloseIdleConnections()
}

type idler struct {
	roundTripper

	closed int
}

func (i *idler) CloseIdleConnections() { i.closed++ }

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, tt := range []struct {
		name   string
		status int
		header func() []string
		cfg    breaker.TransportConfig
		want   time.Duration // that the circuit is open
	}{
		{"429 in seconds", 429, func() []string { return []string{"Retry-After", "30"} }, breaker.TransportConfig{}, 30 * time.Second},
		{"503 in seconds", 503, func() []string { return []string{"Retry-After", "30"} }, breaker.TransportConfig{}, 30 * time.Second},
		{"a date", 429, func() []string { return []string{"Retry-After", date(time.Minute)} }, breaker.TransportConfig{}, time.Minute},
		{"a date of a clock that is ahead", 429, func() []string {
			return []string{"Retry-After", date(time.Hour + time.Minute), "Date", date(time.Hour)}
		}, breaker.TransportConfig{}, time.Minute},
		{"a date in the past", 429, func() []string { return []string{"Retry-After", date(-time.Minute)} }, breaker.TransportConfig{}, 0},
		{"no time", 429, func() []string { return []string{"Retry-After", "0"} }, breaker.TransportConfig{}, 0},
		{"neither", 429, func() []string { return []string{"Retry-After", "soon"} }, breaker.TransportConfig{}, 0},
		{"not there", 429, func() []string { return nil }, breaker.TransportConfig{}, 0},
		{"above the limit", 503, func() []string { return []string{"Retry-After", "86400"} }, breaker.TransportConfig{}, 5 * time.Minute},
		{"above any limit", 429, func() []string { return []string{"Retry-After", strings.Repeat("9", 30)} }, breaker.TransportConfig{}, 5 * time.Minute},
		{"a limit of one's own", 429, func() []string { return []string{"Retry-After", "30"} }, breaker.TransportConfig{MaxRetryAfter: time.Second}, time.Second},
		{"ignored", 429, func() []string { return []string{"Retry-After", "30"} }, breaker.TransportConfig{MaxRetryAfter: -1}, 0},
		{"other statuses", 500, func() []string { return []string{"Retry-After", "30"} }, breaker.TransportConfig{}, 0},
		{"a redirect", 301, func() []string { return []string{"Retry-After", "30"} }, breaker.TransportConfig{}, 0},
		{"however it is classified", 429, func() []string { return []string{"Retry-After", "30"} }, breaker.TransportConfig{
			Classify: func(*http.Response) breaker.Outcome { return breaker.Success },
		}, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGroup(t, 0, breaker.Config{})
				header := tt.header()
				rt := breaker.Transport(always(func() *http.Response { return answer(tt.status, header...) }), g, tt.cfg)
				require.NoError(t, use(t, rt, site))
				assert.Equal(t, tt.want, g.Get(origin).RetryAfter())
			})
		})
	}
}

// A pause that the upstream asks for lengthens an open period and never shortens one, and leads to probes like others.
func TestRetryAfterMeetsTheRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []breaker.Change
		g := newGroup(t, 0, breaker.Config{
			Consecutive: 2, OpenFor: time.Minute, OnChange: func(c breaker.Change) { changes = append(changes, c) },
		})
		b, next := g.Get(origin), answer
		wait, status := "1", 503
		rt := breaker.Transport(always(func() *http.Response { return next(status, "Retry-After", wait) }), g, breaker.TransportConfig{})
		last := func() breaker.Change { return changes[len(changes)-1] }
		respond := func(s int, w string) {
			t.Helper()
			status, wait = s, w
			time.Sleep(b.RetryAfter())
			require.NoError(t, use(t, rt, site))
		}

		respond(503, "1") // the first failure: only the upstream wants a pause
		assert.Equal(t, breaker.ReasonRetryAfter, last().Reason)
		assert.Equal(t, time.Second, last().OpenFor)
		respond(503, "1") // the probe fails: the rule wants a minute
		assert.Equal(t, breaker.ReasonProbeFailed, last().Reason)
		assert.GreaterOrEqual(t, last().OpenFor, 48*time.Second)
		respond(503, "280") // two minutes by growth, give or take
		assert.Equal(t, breaker.ReasonRetryAfter, last().Reason)
		assert.Equal(t, 280*time.Second, last().OpenFor)
		respond(429, "3") // a neutral probe
		assert.Equal(t, breaker.ReasonRetryAfter, last().Reason)
		assert.Equal(t, 3*time.Second, last().OpenFor)
		respond(200, "")
		assert.Equal(t, breaker.Closed, b.State())
	})
}
