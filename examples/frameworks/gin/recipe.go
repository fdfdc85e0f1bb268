// Package gin puts idempotency and rate limits into a Gin engine.
package gin

import (
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/gin-gonic/gin"
)

// PerRoute protects one route with [Middleware]; a group or the engine takes
// it with Use. What is outer, such as gin.Logger, [Recovery], authentication and
// rate limits, sees refusals and replays too.
func PerRoute(m *idempotency.Middleware, charge gin.HandlerFunc, outer ...gin.HandlerFunc) http.Handler {
	r := gin.New()
	r.Use(outer...)
	r.POST("/accounts/:account/charges", Middleware(m), charge)
	return r
}

// Whole protects everything in the engine without an adapter. All of Gin's
// middlewares are inside then: they see no replay, Gin's own 404 is kept for
// its key, and whoever names the scope must have run before Gin. gin.Recovery
// does not do here, see [Recovery].
func Whole(m *idempotency.Middleware, charge gin.HandlerFunc, inner ...gin.HandlerFunc) http.Handler {
	r := gin.New()
	r.Use(inner...)
	r.POST("/accounts/:account/charges", charge)
	return m.Handler(r)
}
