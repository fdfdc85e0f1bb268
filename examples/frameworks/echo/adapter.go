package echo

import (
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/labstack/echo/v5"
)

// Middleware makes m a middleware of Echo. echo.WrapMiddleware does not do: it
// leaves the error of a handler to be rendered further out, when an empty 200
// has been sent and kept in its place.
//
// Here the error is rendered inside, by the error handler of Echo, and still
// returned, for loggers. An error handler must not answer twice: one of your
// own returns when the response is committed, as the default one does.
func Middleware(m *idempotency.Middleware) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			res, req := c.Response(), c.Request()
			defer func() { // after a panic as well: recovery is further out
				c.SetResponse(res)
				c.SetRequest(req)
			}()
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if w == res { // not a keyed request
					err = next(c)
					return
				}
				c.SetResponse(echo.NewResponse(w, c.Logger()))
				c.SetRequest(r)
				if err = next(c); err != nil {
					c.Echo().HTTPErrorHandler(c, err)
				}
			})).ServeHTTP(res, req)
			return err
		}
	}
}
