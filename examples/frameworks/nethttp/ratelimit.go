package nethttp

import (
	"net/http"

	"github.com/bracework/bracework/ratelimit"
)

// LimitRoutes limits the routes that it names, once the mux has found them:
// only there has [ratelimit.ByRoute] a pattern to go by.
func LimitRoutes(l *ratelimit.Limiter, order, report http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /orders/{id}", l.Handler(order))
	mux.Handle("GET /reports/{id}", l.Handler(report))
	return mux
}

// LimitAll limits every request, also those that the mux answers with 404 and
// 405. All routes are one to [ratelimit.ByRoute] here.
func LimitAll(l *ratelimit.Limiter, order, report http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /orders/{id}", order)
	mux.Handle("GET /reports/{id}", report)
	return l.Handler(mux)
}
