package recipetest

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/idempotencytest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Recipe is what is tested.
type Recipe struct {
	// New is a service with POST /accounts/{account}/charges, whose handler is
	// [Service.Endpoint], or does what [Order.Do] says. A logger of the framework
	// reports to [Service.Log], and a recovery inside of it answers panics with
	// 500.
	New func(m *idempotency.Middleware, s *Service) http.Handler
	// LogsRunsOnly tells that the logger is inside of the middleware.
	LogsRunsOnly bool
	// KeepsUnknown tells that the middleware is outside of the router.
	KeepsUnknown bool
	// KeepsHalf tells that a recovery inside of the middleware ends a response
	// that a panic has cut short as if it were whole.
	KeepsHalf bool
	// Skip is the Skip of [idempotencytest.Harness].
	Skip map[string]string
}

// Run tests r over real connections: with the suite of idempotencytest, and as
// [RunOwn] does.
func Run(t *testing.T, r Recipe) {
	t.Run("conforms", func(t *testing.T) {
		t.Parallel()
		testConformance(t, r)
	})
	RunOwn(t, r)
}

// RunOwn tests what a framework adds to net/http.
func RunOwn(t *testing.T, r Recipe) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Recipe)
	}{
		{"handler, client and logger see what they should", testCharge},
		{"an error is not kept", testError},
		{"a panic is not kept", testPanic},
		{"what a panic has cut short is not kept", testLatePanic},
		{"without a key nothing is changed", testNoKey},
		{"an unknown path is not found", testUnknownPath},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, r)
		})
	}
}

// config lets the rules that wait for a timeout be quick, on a busy machine too:
// a shorter one gives up a store that answers.
func config() idempotency.Config {
	return idempotency.Config{Lease: 2500 * time.Millisecond, StoreTimeout: 1500 * time.Millisecond}
}

func protection(t *testing.T, store idempotency.Store) *idempotency.Middleware {
	t.Helper()
	m, err := idempotency.New(store, idempotency.ByHeader("X-Tenant"), config())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return m
}

func authenticate(r *http.Request, tenant int) { r.Header.Set("X-Tenant", strconv.Itoa(tenant)) }

func testConformance(t *testing.T, r Recipe) {
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			t.Helper()
			return r.New(protection(t, store), &Service{Endpoint: next})
		},
		Config:  config(),
		Path:    path,
		Prepare: authenticate,
		Skip:    r.Skip,
	})
}

func testCharge(t *testing.T, r Recipe) {
	s := start(t, r, nil)
	first := s.post(t, "k", Order{Amount: 5})
	assert.Equal(t, Charge{ID: 1, Account: "acme", Amount: 5, Key: "k", Attempt: 1}, first.charge(t))
	assert.Equal(t, "/accounts/acme/charges/1", first.header.Get("Location"))
	retry := s.post(t, "k", Order{Amount: 5})
	assert.True(t, retry.replayed())
	assert.Equal(t, first.body, retry.body)
	assert.Equal(t, first.header.Get("Location"), retry.header.Get("Location"))
	other := s.postTo(t, "/accounts/umbrella/charges", "l", Order{Amount: 6})
	assert.Equal(t, Charge{ID: 2, Account: "umbrella", Amount: 6, Key: "l", Attempt: 1}, other.charge(t))
	assert.Equal(t, http.StatusUnprocessableEntity, s.post(t, "k", Order{Amount: 6}).status)
	assert.Equal(t, http.StatusBadRequest, s.post(t, "a\tb", Order{}).status)
	if r.LogsRunsOnly {
		s.wasLogged(t, 201, 201)
	} else {
		s.wasLogged(t, 201, 201, 201, 422, 400)
	}
}

func testError(t *testing.T, r Recipe) { testFailure(t, r, "fail") }
func testPanic(t *testing.T, r Recipe) { testFailure(t, r, "panic") }

func testFailure(t *testing.T, r Recipe, do string) {
	t.Helper()
	s := start(t, r, nil)
	for range 2 {
		failed := s.post(t, "k", Order{Do: do})
		assert.Equal(t, http.StatusInternalServerError, failed.status)
		assert.False(t, failed.replayed())
	}
	assert.Equal(t, int64(2), s.runs.Load())
	assert.Equal(t, 3, s.post(t, "k", Order{Amount: 5}).charge(t).Attempt)
	s.wasLogged(t, 500, 500, 201)
}

func testLatePanic(t *testing.T, r Recipe) {
	var runs atomic.Int64
	s := start(t, r, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "half")
		if runs.Add(1) == 1 {
			panic("charge")
		}
		_, _ = io.WriteString(w, " and half")
	}))
	_, _ = s.try(t, path, "k", Order{}) // what this client sees is the recovery's affair
	retry := s.post(t, "k", Order{})
	assert.Equal(t, r.KeepsHalf, retry.replayed())
	if r.KeepsHalf {
		assert.Equal(t, "half", retry.body)
	} else {
		assert.Equal(t, "half and half", retry.body)
	}
}

func testNoKey(t *testing.T, r Recipe) {
	s := start(t, r, nil)
	for id := range int64(2) {
		assert.Equal(t, Charge{ID: id + 1, Account: "acme", Amount: 5}, s.post(t, "", Order{Amount: 5}).charge(t))
	}
	assert.Equal(t, http.StatusInternalServerError, s.post(t, "", Order{Do: "fail"}).status)
	assert.Equal(t, http.StatusInternalServerError, s.post(t, "", Order{Do: "panic"}).status)
	s.wasLogged(t, 201, 201, 500, 500)
}

func testUnknownPath(t *testing.T, r Recipe) {
	s := start(t, r, nil)
	first, retry := s.postTo(t, "/unknown", "k", Order{}), s.postTo(t, "/unknown", "k", Order{})
	assert.Equal(t, http.StatusNotFound, first.status)
	assert.Equal(t, http.StatusNotFound, retry.status)
	assert.Equal(t, r.KeepsUnknown, retry.replayed())
	assert.Equal(t, int64(0), s.runs.Load())
}
