package gin

import (
	"bufio"
	"net"
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/gin-gonic/gin"
)

// Middleware makes m a middleware of Gin. While the inner handlers run, they
// have the request and the writer of m; then the context gets its own back.
//
// An error that a handler only notes with c.Error is rendered by a middleware.
// That one belongs inside of this, or it would come after the answer is kept.
// Without one the answer is a bare 500, which is not kept. A keyed request with
// an unknown path gets a 404 without Gin's text.
func Middleware(m *idempotency.Middleware) gin.HandlerFunc {
	return func(c *gin.Context) {
		w, r, errs := c.Writer, c.Request, len(c.Errors)
		ran, keyed := false, true
		defer func() { c.Writer, c.Request = w, r }() // after a panic as well: recovery is further out
		m.Handler(http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
			ran = true
			if keyed = inner != http.ResponseWriter(w); !keyed {
				c.Next()
				return
			}
			c.Writer, c.Request = &writer{ResponseWriter: inner, outer: w, status: w.Status(), size: -1}, r
			c.Next()
			if len(c.Errors) > errs && !c.Writer.Written() && c.Writer.Status() == http.StatusOK {
				c.Writer.WriteHeader(http.StatusInternalServerError)
			}
			c.Writer.WriteHeaderNow()
		})).ServeHTTP(w, r)
		if keyed {
			w.WriteHeaderNow() // an answer without a body is an answer too
		}
		if !ran {
			c.Abort()
		}
	}
}

// writer is what Gin's own writer is, over the writer of the middleware.
type writer struct {
	http.ResponseWriter
	outer        gin.ResponseWriter
	status, size int
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *writer) Status() int                 { return w.status }
func (w *writer) Size() int                   { return w.size }
func (w *writer) Written() bool               { return w.size >= 0 }
func (w *writer) Pusher() http.Pusher         { return w.outer.Pusher() }

// CloseNotify never fires: the handler runs to its end without its client, so
// that a retry gets the whole response. c.Request.Context tells when to stop.
func (w *writer) CloseNotify() <-chan bool { return nil }

func (w *writer) WriteHeader(code int) {
	if code > 0 && !w.Written() {
		w.status = code
	}
}

func (w *writer) WriteHeaderNow() {
	if !w.Written() {
		w.size = 0
		w.ResponseWriter.WriteHeader(w.status)
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeaderNow()
	n, err := w.ResponseWriter.Write(p)
	w.size += n
	return n, err
}

func (w *writer) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *writer) Flush() {
	w.WriteHeaderNow()
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.size = max(w.size, 0)
	}
	return conn, rw, err
}
