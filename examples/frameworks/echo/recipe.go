// Package echo puts idempotency and rate limits into Echo v5.
package echo

import (
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/labstack/echo/v5"
)

// PerRoute protects one route with [Middleware]; a group or the instance takes
// it with Use. What is outer, such as the request logger, recovery,
// authentication and rate limits, sees refusals and replays too.
func PerRoute(m *idempotency.Middleware, charge echo.HandlerFunc, outer ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Use(outer...)
	e.POST("/accounts/:account/charges", charge, Middleware(m))
	return e
}

// Whole protects everything in the instance without an adapter. All of Echo's
// middlewares are inside then: they see no replay, Echo's own 404 is kept for
// its key, and whoever names the scope must have run before Echo. Recover
// outside: Echo's recovery leaves a response that a panic has cut short as it
// is, and half of it is kept.
func Whole(m *idempotency.Middleware, charge echo.HandlerFunc, inner ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Use(inner...)
	e.POST("/accounts/:account/charges", charge)
	return m.Handler(e)
}
