package gin

import (
	"cmp"
	"net/http"

	"github.com/bracework/bracework/ratelimit"
	"github.com/gin-gonic/gin"
)

// RateLimit makes l a middleware of Gin. Handlers write to Gin's own writer, so
// that nothing changes for them. Gin sets no pattern for [ratelimit.ByRoute];
// this does: the path's, such as "/orders/:id", which its methods share.
//
// [ratelimit.Config.Charge] is told the status that Gin has when the inner
// handlers are done. One that only notes an error with c.Error counts as a 200
// when a middleware outside of this renders it.
func RateLimit(l *ratelimit.Limiter) gin.HandlerFunc {
	return func(c *gin.Context) {
		outer, ran := c.Request, false
		defer func() { c.Request = outer }()
		outer.Pattern = cmp.Or(c.FullPath(), outer.Pattern)
		l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			done := false
			defer func() {
				if done || c.Writer.Written() { // else a panic has no status yet
					w.WriteHeader(c.Writer.Status()) // a note for Charge; Gin, which has this status, sends nothing
				}
			}()
			ran, c.Request = true, r
			c.Next()
			done = true
		})).ServeHTTP(c.Writer, outer)
		if !ran {
			c.Abort()
		}
	}
}

// LimitAll limits every request with Use, also those that Gin answers with 404.
// A group or a route takes [RateLimit] likewise.
func LimitAll(l *ratelimit.Limiter, order, report gin.HandlerFunc, outer ...gin.HandlerFunc) http.Handler {
	r := gin.New()
	r.Use(outer...)
	r.Use(RateLimit(l))
	r.GET("/orders/:id", order)
	r.GET("/reports/:id", report)
	return r
}
