package main

import (
	"net/http"
	"slices"
)

// cors lets pages of the origins use an API with idempotency keys. It belongs
// outside of the idempotency middleware, so that replays and refusals carry its
// headers as well, each for the origin that asks.
func cors(next http.Handler, origins ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		// Without this the page cannot tell a replay, nor how long to wait.
		h.Set("Access-Control-Expose-Headers", "X-Idempotency-Replay, Retry-After, Link")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Content-Type, Idempotency-Key, X-Idempotency-Key")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
