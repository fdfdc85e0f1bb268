// Package chi puts idempotency and rate limits into a chi router. It needs no
// adapter: chi's middlewares are func(http.Handler) http.Handler.
package chi

import (
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/go-chi/chi/v5"
)

// PerRoute protects one route with With. What is outer, such as logging,
// recovery, authentication and rate limits, sees refusals and replays too.
func PerRoute(m *idempotency.Middleware, charge http.HandlerFunc, outer ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(outer...)
	r.With(m.Handler).Post("/accounts/{account}/charges", charge)
	return r
}

// Whole protects every route with Use, so that none can be forgotten. chi's own
// 404 and 405 then count as answers and are kept for their key.
func Whole(m *idempotency.Middleware, charge http.HandlerFunc, outer ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(outer...)
	r.Use(m.Handler)
	r.Post("/accounts/{account}/charges", charge)
	return r
}
