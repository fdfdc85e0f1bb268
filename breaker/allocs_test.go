package breaker_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// allocs counts those of a call of f; a collection meanwhile may add to it.
func allocs(t *testing.T, f func()) float64 {
	t.Helper()
	least := testing.AllocsPerRun(200, f)
	for i := 0; i < 10 && least > 0; i++ {
		least = min(least, testing.AllocsPerRun(200, f))
	}
	return least
}

func TestAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	succeed := func(context.Context) error { return nil }
	fail := func(context.Context) error { return errDown }
	observed := breaker.Config{Observer: func(context.Context, breaker.Event) {}, SlowCall: time.Minute}

	t.Run("Do on a closed circuit", func(t *testing.T) { //nolint:paralleltest // likewise
		for _, cfg := range []breaker.Config{{}, observed} {
			b := newBreaker(t, cfg)
			assert.Zero(t, allocs(t, func() { _ = b.Do(ctx, succeed) }))
		}
	})
	t.Run("Do that fails", func(t *testing.T) { //nolint:paralleltest // likewise
		b := newBreaker(t, breaker.Config{Consecutive: -1, MinCalls: 1 << 30})
		assert.Zero(t, allocs(t, func() { _ = b.Do(ctx, fail) }))
	})
	t.Run("a refusal", func(t *testing.T) { //nolint:paralleltest // likewise
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		trip(t, b)
		assert.Zero(t, allocs(t, func() { _ = b.Do(ctx, succeed) }))
		b.ForceOpen()
		assert.Zero(t, allocs(t, func() { _ = b.Do(ctx, succeed) }))
	})
	t.Run("a refusal while a probe runs", func(t *testing.T) { //nolint:paralleltest // likewise
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker(t, breaker.Config{Consecutive: 1, ProbeTimeout: time.Hour})
			time.Sleep(trip(t, b))
			allow(t, b)
			assert.Zero(t, allocs(t, func() { _ = b.Do(ctx, succeed) }))
		})
	})
	t.Run("Allow", func(t *testing.T) { //nolint:paralleltest // likewise
		b := newBreaker(t, breaker.Config{})
		assert.LessOrEqual(t, allocs(t, func() {
			done, _ := b.Allow(ctx)
			done(breaker.Success)
		}), 2.0)
	})
	t.Run("Transport", func(t *testing.T) { //nolint:paralleltest // likewise
		group, err := breaker.NewGroup(0, breaker.Config{})
		require.NoError(t, err)
		resp, body := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, io.NopCloser(strings.NewReader(""))
		rt := breaker.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
			resp.Body = body
			return resp, nil
		}), group, breaker.TransportConfig{})
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://API.example.com:443/x", http.NoBody)
		require.NoError(t, err)
		room := make([]byte, 1)
		assert.LessOrEqual(t, allocs(t, func() {
			resp, _ := rt.RoundTrip(r)
			_, _ = resp.Body.Read(room)
			_ = resp.Body.Close()
		}), 1.0, "two are the limit")
		group.Get("https://api.example.com").ForceOpen()
		assert.Zero(t, allocs(t, func() { _, _ = rt.RoundTrip(r) }))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
