package gin

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// Recovery answers a panic with 500, in place of gin.Recovery. That one takes
// http.ErrAbortHandler, and an error of any broken connection, a database's
// too, for a client that has left, and ends the response where it stands: an
// empty 200 that nobody meant, and that is kept in a wrapped engine.
func Recovery(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			log.ErrorContext(c.Request.Context(), "Panic", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler) // only a broken connection tells the client that something is missing
			}
			c.AbortWithStatus(http.StatusInternalServerError)
		}()
		c.Next()
	}
}
