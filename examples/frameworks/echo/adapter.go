package echo

import (
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/ratelimit"
	"github.com/labstack/echo/v5"
)

// Middleware makes m a middleware of Echo. echo.WrapMiddleware does not do: it
// leaves the error of a handler to be rendered further out, when an empty 200
// has been sent and kept in its place.
//
// Here the error is rendered inside, by the error handler of Echo, and still
// returned, for loggers. An error handler must not answer twice: one of your
// own returns when the response is committed, as the default one does.
func Middleware(m *idempotency.Middleware) echo.MiddlewareFunc { return adapt(m.Handler) }

// RateLimit makes l a middleware of Echo. With [ratelimit.Config.Charge] an error
// is rendered inside, as it is in [Middleware], for it to know the status;
// echo.WrapMiddleware would charge for a 200.
func RateLimit(l *ratelimit.Limiter) echo.MiddlewareFunc { return adapt(l.Handler) }

func adapt(middleware func(http.Handler) http.Handler) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			res, req := c.Response(), c.Request()
			defer func() { // after a panic as well: recovery is further out
				c.SetResponse(res)
				c.SetRequest(req)
			}()
			middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				if w == res { // nobody looks at the response
					err = next(c)
					return
				}
				c.SetResponse(echo.NewResponse(w, c.Logger()))
				if err = next(c); err != nil {
					c.Echo().HTTPErrorHandler(c, err)
				}
			})).ServeHTTP(res, req)
			return err
		}
	}
}
