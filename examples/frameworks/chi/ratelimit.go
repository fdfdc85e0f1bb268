package chi

import (
	"net/http"

	"github.com/bracework/bracework/ratelimit"
	"github.com/go-chi/chi/v5"
)

// LimitRoutes limits a group of routes with With, once chi has found the route:
// only there has [ratelimit.ByRoute] a pattern to go by. It is the path's alone,
// "/orders/{id}", so that the methods of a path share a bucket.
func LimitRoutes(l *ratelimit.Limiter, order, report http.HandlerFunc, outer ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(outer...)
	limited := r.With(l.Handler)
	limited.Get("/orders/{id}", order)
	limited.Get("/reports/{id}", report)
	return r
}

// LimitAll limits every request with Use, also those that chi answers with 404
// and 405. All routes are one to [ratelimit.ByRoute] here.
func LimitAll(l *ratelimit.Limiter, order, report http.HandlerFunc, outer ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(outer...)
	r.Use(l.Handler)
	r.Get("/orders/{id}", order)
	r.Get("/reports/{id}", report)
	return r
}
