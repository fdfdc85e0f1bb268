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

// A client may send a new timestamp with each try.
func ExampleJSONFingerprint() {
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	defer store.Close()
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{
		Fingerprint: idempotency.JSONFingerprint("order.id", "amount"),
	})
	if err != nil {
		panic(err)
	}
	defer m.Close()
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))
	for _, body := range []string{
		`{"order":{"id":7},"amount":5,"sent":"10:00"}`,
		`{"order":{"id":7},"amount":5,"sent":"10:01"}`,
		`{"order":{"id":7},"amount":6,"sent":"10:02"}`,
	} {
		r := httptest.NewRequest(http.MethodPost, "/charges", strings.NewReader(body))
		r.Header.Set("Idempotency-Key", "k")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Printf("%d replay=%q\n", w.Code, w.Header().Get("X-Idempotency-Replay"))
	}
	// Output:
	// 201 replay=""
	// 201 replay="true"
	// 422 replay=""
}

// A handler that calls another service sends it a key that follows from its
// own, so that a second attempt repeats the call under the same key.
func ExampleTransport() {
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("called with", r.Header.Get("Idempotency-Key"))
	}))
	defer service.Close()
	client := http.Client{Transport: &idempotency.Transport{
		NewKey: func(r *http.Request) string {
			info, _ := idempotency.FromContext(r.Context())
			return info.Key + "-capture"
		},
	}}

	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	defer store.Close()
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
	if err != nil {
		panic(err)
	}
	defer m.Close()
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, err := http.NewRequestWithContext(r.Context(), http.MethodPost, service.URL, nil)
		if err != nil {
			panic(err)
		}
		resp, err := client.Do(call)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		w.WriteHeader(http.StatusServiceUnavailable) // something later fails: a retry runs again
	}))
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/charges", nil)
		r.Header.Set("Idempotency-Key", "order-7")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// called with order-7-capture
	// called with order-7-capture
}
