package idempotency_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bracework/bracework/idempotency"
)

func Example() {
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	defer store.Close()
	m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), idempotency.Config{})
	if err != nil {
		panic(err)
	}
	defer m.Close()

	charges := 0
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		charges++
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "charge %d", charges)
	}))

	for range 2 { // a double click
		r := httptest.NewRequest(http.MethodPost, "/charges", strings.NewReader(`{"amount":5}`))
		r.Header.Set("X-Account", "acme")
		r.Header.Set("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Printf("%d %s replay=%q\n", w.Code, w.Body, w.Header().Get("X-Idempotency-Replay"))
	}
	// Output:
	// 201 charge 1 replay=""
	// 201 charge 1 replay="true"
}

// A handler that finds itself on a second attempt reconciles before it acts.
func ExampleFromContext() {
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	defer store.Close()
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
	if err != nil {
		panic(err)
	}
	defer m.Close()
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, _ := idempotency.FromContext(r.Context())
		fmt.Println("attempt", info.Attempt)
		if info.Attempt == 1 {
			w.WriteHeader(http.StatusBadGateway) // not kept: a retry runs again
		}
	}))
	for range 3 {
		r := httptest.NewRequest(http.MethodPost, "/charges", nil)
		r.Header.Set("Idempotency-Key", "k")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// attempt 1
	// attempt 2
}
