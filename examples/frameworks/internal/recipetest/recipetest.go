package recipetest

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/bracework/bracework/idempotency"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Recipe is what is tested.
type Recipe struct {
	// New is a service with POST /accounts/{account}/charges, whose handler
	// does what [Order.Do] says. A logger of the framework reports to
	// [Service.Log], and a recovery inside of it answers panics with 500.
	New func(m *idempotency.Middleware, s *Service) http.Handler
	// LogsRunsOnly tells that the logger is inside of the middleware.
	LogsRunsOnly bool
	// KeepsUnknown tells that the middleware is outside of the router.
	KeepsUnknown bool
}

// Run tests r over real connections.
func Run(t *testing.T, r Recipe) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Recipe)
	}{
		{"a retry is a replay", testReplay},
		{"another body is refused", testOtherBody},
		{"a malformed key is refused", testMalformedKey},
		{"an error is not kept", testError},
		{"a panic is not kept", testPanic},
		{"no content is kept", testNoContent},
		{"a flush arrives early and is replayed", testStream},
		{"a client that leaves loses nothing", testDisconnect},
		{"a second request is refused while the first runs", testInFlight},
		{"thirty at once are one", testThirty},
		{"without a key nothing is changed", testNoKey},
		{"an unknown path is not found", testUnknownPath},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, r)
		})
	}
}

func testReplay(t *testing.T, r Recipe) {
	s := start(t, r)
	first := s.post(t, "k", Order{Amount: 5})
	assert.Equal(t, Charge{ID: 1, Account: "acme", Amount: 5, Key: "k", Attempt: 1}, first.charge(t))
	assert.False(t, first.replayed())
	assert.Equal(t, "/accounts/acme/charges/1", first.header.Get("Location"))

	retry := s.post(t, "k", Order{Amount: 5})
	assert.True(t, retry.replayed())
	assert.Equal(t, first.status, retry.status)
	assert.Equal(t, first.body, retry.body)
	assert.Equal(t, first.result(), retry.result())

	other := s.postTo(t, "/accounts/umbrella/charges", "l", Order{Amount: 6})
	assert.Equal(t, Charge{ID: 2, Account: "umbrella", Amount: 6, Key: "l", Attempt: 1}, other.charge(t))
	if r.LogsRunsOnly {
		s.wasLogged(t, 201, 201)
	} else {
		s.wasLogged(t, 201, 201, 201)
	}
}

func testOtherBody(t *testing.T, r Recipe) {
	s := start(t, r)
	s.post(t, "k", Order{Amount: 5}).charge(t)
	refused := s.post(t, "k", Order{Amount: 6})
	assert.Equal(t, http.StatusUnprocessableEntity, refused.status)
	assert.Equal(t, "application/problem+json", refused.header.Get("Content-Type"))
	assert.Equal(t, int64(1), s.runs.Load())
	if !r.LogsRunsOnly {
		s.wasLogged(t, 201, 422)
	}
}

func testMalformedKey(t *testing.T, r Recipe) {
	s := start(t, r)
	assert.Equal(t, http.StatusBadRequest, s.post(t, "a\tb", Order{}).status)
	assert.Equal(t, int64(0), s.runs.Load())
	if !r.LogsRunsOnly {
		s.wasLogged(t, 400)
	}
}

func testError(t *testing.T, r Recipe) { testFailure(t, r, "fail") }
func testPanic(t *testing.T, r Recipe) { testFailure(t, r, "panic") }

func testFailure(t *testing.T, r Recipe, do string) {
	t.Helper()
	s := start(t, r)
	for range 2 {
		failed := s.post(t, "k", Order{Do: do})
		assert.Equal(t, http.StatusInternalServerError, failed.status)
		assert.False(t, failed.replayed())
	}
	assert.Equal(t, int64(2), s.runs.Load())
	assert.Equal(t, 3, s.post(t, "k", Order{Amount: 5}).charge(t).Attempt)
	s.wasLogged(t, 500, 500, 201)
}

func testNoContent(t *testing.T, r Recipe) {
	s := start(t, r)
	first, retry := s.post(t, "k", Order{Do: "nothing"}), s.post(t, "k", Order{Do: "nothing"})
	assert.Equal(t, http.StatusNoContent, first.status)
	assert.Equal(t, http.StatusNoContent, retry.status)
	assert.True(t, retry.replayed())
	assert.Equal(t, int64(1), s.runs.Load())
	if !r.LogsRunsOnly {
		s.wasLogged(t, 204, 204)
	}
}

func testStream(t *testing.T, r Recipe) {
	s := start(t, r)
	resp := s.open(t.Context(), t, path, "k", Order{Do: "stream"})
	require.NotNil(t, resp)
	defer func() { _ = resp.Body.Close() }()
	assert.Equal(t, http.StatusAccepted, resp.StatusCode)
	first := make([]byte, len("first\n"))
	_, err := io.ReadFull(resp.Body, first)
	require.NoError(t, err)
	assert.Equal(t, "first\n", string(first))
	assert.Equal(t, http.StatusConflict, s.post(t, "k", Order{Do: "stream"}).status)
	s.Open()
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "second\n", string(rest))

	retry := s.settled(t, "k", Order{Do: "stream"})
	assert.True(t, retry.replayed())
	assert.Equal(t, http.StatusAccepted, retry.status)
	assert.Equal(t, "first\nsecond\n", retry.body)
	assert.Equal(t, "text/plain", retry.header.Get("Content-Type"))
	assert.Contains(t, s.log(), 202)
}

func testDisconnect(t *testing.T, r Recipe) {
	s := start(t, r)
	ctx, leave := context.WithCancel(t.Context())
	resp := s.open(ctx, t, path, "k", Order{Do: "stream"})
	require.NotNil(t, resp)
	leave()
	_ = resp.Body.Close()
	s.Open()
	retry := s.settled(t, "k", Order{Do: "stream"})
	assert.True(t, retry.replayed())
	assert.Equal(t, "first\nsecond\n", retry.body)
	assert.Equal(t, int64(1), s.runs.Load())
}

func testInFlight(t *testing.T, r Recipe) {
	s := start(t, r)
	var first answer
	var wg sync.WaitGroup
	wg.Go(func() { first = s.post(t, "k", Order{Do: "wait"}) })
	<-s.entered
	second := s.post(t, "k", Order{Do: "wait"})
	assert.Equal(t, http.StatusConflict, second.status)
	assert.Equal(t, "1", second.header.Get("Retry-After"))
	s.Open()
	wg.Wait()
	assert.Equal(t, int64(1), first.charge(t).ID)
	third := s.post(t, "k", Order{Do: "wait"})
	assert.True(t, third.replayed())
	assert.Equal(t, first.body, third.body)
	if !r.LogsRunsOnly {
		s.wasLogged(t, 409, 201, 201)
	}
}

func testThirty(t *testing.T, r Recipe) {
	s := start(t, r)
	answers := make([]answer, 30)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = s.settled(t, "k", Order{Amount: 5}) })
	}
	wg.Wait()
	originals := 0
	for _, a := range answers {
		assert.Equal(t, int64(1), a.charge(t).ID)
		if !a.replayed() {
			originals++
		}
	}
	assert.Equal(t, 1, originals)
	assert.Equal(t, int64(1), s.runs.Load())
}

func testNoKey(t *testing.T, r Recipe) {
	s := start(t, r)
	for id := range int64(2) {
		assert.Equal(t, Charge{ID: id + 1, Account: "acme", Amount: 5}, s.post(t, "", Order{Amount: 5}).charge(t))
	}
	assert.Equal(t, http.StatusInternalServerError, s.post(t, "", Order{Do: "fail"}).status)
	assert.Equal(t, http.StatusInternalServerError, s.post(t, "", Order{Do: "panic"}).status)
	assert.Equal(t, http.StatusNoContent, s.post(t, "", Order{Do: "nothing"}).status)
	s.wasLogged(t, 201, 201, 500, 500, 204)
}

func testUnknownPath(t *testing.T, r Recipe) {
	s := start(t, r)
	first, retry := s.postTo(t, "/unknown", "k", Order{}), s.postTo(t, "/unknown", "k", Order{})
	assert.Equal(t, http.StatusNotFound, first.status)
	assert.Equal(t, http.StatusNotFound, retry.status)
	assert.Equal(t, r.KeepsUnknown, retry.replayed())
	assert.Equal(t, int64(0), s.runs.Load())
}
