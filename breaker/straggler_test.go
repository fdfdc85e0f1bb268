package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// The header of a probe whose lease is over comes in a newer period, and then its
// body breaks.
func TestBrokenBodyOfALapsedProbeMovesNothing(t *testing.T) {
	t.Parallel()
	for how, after := range map[string]func(*testing.T, *breaker.Breaker, func() error){
		"lapse": func(t *testing.T, b *breaker.Breaker, call func() error) {
			t.Helper()
			time.Sleep(time.Second)
			time.Sleep(b.RetryAfter())
			require.NoError(t, call())
		},
		"reset": func(_ *testing.T, b *breaker.Breaker, _ func() error) { b.Reset() },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGroup(t, 4, breaker.Config{Consecutive: 1, ProbeTimeout: time.Second, OpenFor: time.Second})
				header := make(chan struct{})
				first, fail := true, true
				rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
					if fail {
						return nil, errDown
					}
					resp := answer(200)
					if first {
						first = false
						<-header
						resp.Body = io.NopCloser(bodyFunc(breaksOff))
					}
					return resp, nil
				}), g, breaker.TransportConfig{})
				call := func() error { return use(t, rt, "http://x") }
				_ = call()
				b := g.Get("http://x")
				require.Equal(t, breaker.Open, b.State())
				fail = false
				time.Sleep(b.RetryAfter())
				got := make(chan *http.Response)
				go func() {
					resp, _ := rt.RoundTrip(request(context.Background(), "http://x")) // the probe
					got <- resp
				}()
				synctest.Wait()
				after(t, b, call)
				require.Equal(t, breaker.Closed, b.State())
				close(header)
				_, err := io.ReadAll((<-got).Body)
				require.Error(t, err)
				assert.Equal(t, breaker.Closed, b.State())
				assert.Zero(t, b.Snapshot().Running)
			})
		})
	}
}

func TestPanicOfALapsedProbeMovesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1, ProbeTimeout: time.Second, OpenFor: time.Second})
		trip(t, b)
		time.Sleep(b.RetryAfter())
		flush, end, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			b.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				<-flush
				_ = http.NewResponseController(w).Flush()
				<-end
				panic("late")
			})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}()
		synctest.Wait()
		time.Sleep(time.Second)
		time.Sleep(b.RetryAfter())
		report, err := b.Allow(context.Background()) // a new half-open period
		require.NoError(t, err)
		close(flush)
		synctest.Wait()
		close(end)
		<-done
		assert.Equal(t, breaker.HalfOpen, b.State())
		report(breaker.Success)
		assert.Equal(t, breaker.Closed, b.State())
	})
}

func TestClassifyThatPanicsAtABodyCounts(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 4, breaker.Config{Classify: func(context.Context, error) breaker.Outcome { panic("classify") }})
	resp := brokenAnswer(t, g, breaksOff)
	func() {
		defer func() { _ = resp.Body.Close() }()
		defer func() { assert.NotNil(t, recover()) }()
		_, _ = io.ReadAll(resp.Body)
	}()
	s := g.Get("http://x").Snapshot()
	assert.Equal(t, uint64(1), s.Failures)
	assert.Zero(t, s.Successes)
	assert.Zero(t, s.Running)
}

// Who reads takes it for an error.
func TestWrappedEOFIsABrokenBody(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 4, breaker.Config{})
	resp := brokenAnswer(t, g, func([]byte) (int, error) { return 0, fmt.Errorf("conn 7: %w", io.EOF) })
	_, err := io.ReadAll(resp.Body)
	require.Error(t, err)
	assert.Equal(t, uint64(1), g.Get("http://x").Snapshot().Failures)
}

func brokenAnswer(t *testing.T, g *breaker.Group, body bodyFunc) *http.Response {
	t.Helper()
	resp, err := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
		resp := answer(200)
		resp.Body = io.NopCloser(body)
		return resp, nil
	}), g, breaker.TransportConfig{}).RoundTrip(request(context.Background(), "http://x"))
	require.NoError(t, err)
	return resp
}

type panickingContext struct{ context.Context } //nolint:containedctx // it is one

func (panickingContext) Err() error { panic(errDown) }

func TestContextThatPanicsHoldsNoLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		trip(t, b)
		time.Sleep(b.RetryAfter())
		assert.Panics(t, func() { _, _ = b.Allow(panickingContext{context.Background()}) })
		assert.Equal(t, breaker.HalfOpen, b.State())
		assert.NoError(t, b.Do(context.Background(), func(context.Context) error { return nil }))
	})
}

func TestExtremePauses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limit time.Duration
		after string
		open  bool
	}{
		"longest":           {math.MaxInt64, "99999999999999999", true},
		"shorter than a ms": {time.Nanosecond, "1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGroup(t, 4, breaker.Config{})
				rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
					return answer(429, "Retry-After", tc.after), nil
				}), g, breaker.TransportConfig{MaxRetryAfter: tc.limit})
				require.NoError(t, use(t, rt, "http://x"))
				time.Sleep(time.Second)
				_, open := errors.AsType[*breaker.OpenError](use(t, rt, "http://x"))
				assert.Equal(t, tc.open, open)
			})
		})
	}
}
