// Package nethttp puts idempotency and rate limits into an [http.ServeMux].
package nethttp

import (
	"net/http"

	"github.com/bracework/bracework/idempotency"
)

// PerRoute protects one route, and only a request that has one is claimed.
func PerRoute(m *idempotency.Middleware, charge http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /accounts/{account}/charges", m.Handler(charge))
	return mux
}

// Whole protects every route of the mux, so that none can be forgotten. The
// mux's own 404 and 405 then count as answers and are kept for their key.
func Whole(m *idempotency.Middleware, charge http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /accounts/{account}/charges", charge)
	return m.Handler(mux)
}
