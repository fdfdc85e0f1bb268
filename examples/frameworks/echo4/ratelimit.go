package echo4

import (
	"net/http"

	"github.com/bracework/bracework/ratelimit"
	"github.com/labstack/echo/v4"
)

// LimitAll limits every request with Use, also those that Echo answers with 404
// and 405; Echo has found the route by then, so that [ratelimit.ByRoute] works.
// A group or a route takes [RateLimit] likewise.
func LimitAll(l *ratelimit.Limiter, order, report echo.HandlerFunc, outer ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Use(outer...)
	e.Use(RateLimit(l))
	e.GET("/orders/:id", order)
	e.GET("/reports/:id", report)
	return e
}
