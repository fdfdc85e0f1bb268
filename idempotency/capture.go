package idempotency

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/bracework/bracework/internal/httpx"
)

// capture is the handler's ResponseWriter. It holds the response back until
// the record is saved, unless the handler flushes or the body outgrows the cap.
//
// The handler gets a header map of its own: what it sets after WriteHeader must
// not reach a response that is sent later.
type capture struct {
	w    http.ResponseWriter
	run  *run
	base context.Context //nolint:containedctx // of the store's calls that a write may need

	entry  http.Header // the headers of outer layers, as the handler found them
	header http.Header // the handler's map
	status int         // 0 until WriteHeader
	sent   http.Header // header at WriteHeader
	length int64       // declared Content-Length, or -1
	head   bool        // the request is a HEAD
	bytes  int64       // written by the handler

	buf          []byte
	streaming    bool // header and buf are sent
	spilled      bool // over the cap: no longer recorded
	hijacked     bool
	tombstoned   bool
	tombstoneErr error
}

func newCapture(base context.Context, w http.ResponseWriter, run *run) *capture {
	c := &capture{w: w, run: run, base: base, length: -1, entry: w.Header().Clone(), header: w.Header().Clone()}
	if c.header == nil {
		c.header = http.Header{}
	}
	return c
}

func (c *capture) writer() http.ResponseWriter { return httpx.WithHijack(c, c.w, c.hijack) }

func (c *capture) Header() http.Header { return c.header }

func (c *capture) Unwrap() http.ResponseWriter { return c.w }

func (c *capture) ReadFrom(src io.Reader) (int64, error) { return httpx.CopyThroughWrite(c, src) }

func (c *capture) WriteHeader(code int) {
	switch {
	case c.hijacked || c.status != 0:
		return // superfluous; the first one counts
	case code < 100 || code > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %v", code)) // as net/http does, and as early
	case httpx.Informational(code):
		replaceHeader(c.w.Header(), c.header)
		c.w.WriteHeader(code)
		return
	}
	c.status = code
	c.sent = c.header.Clone()
	if n, err := strconv.ParseInt(c.sent.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		c.length = n
	}
}

func (c *capture) Write(p []byte) (int, error) {
	if c.hijacked {
		return 0, http.ErrHijacked
	}
	c.commit()
	switch {
	case !bodyAllowed(c.status):
		return 0, http.ErrBodyNotAllowed
	case c.length >= 0 && c.bytes+int64(len(p)) > c.length:
		return 0, http.ErrContentLength
	}
	c.bytes += int64(len(p))
	if limit := c.run.m.cfg.MaxResponseBody; !c.spilled && limit >= 0 && c.bytes > limit {
		c.spill()
	}
	if c.spilled {
		return c.w.Write(p)
	}
	c.buf = append(c.buf, p...)
	if c.streaming {
		// The client may be gone; the record is to be whole all the same.
		_, _ = c.w.Write(p)
	}
	return len(p), nil
}

// spill stops recording. That the request ran is saved before more of its
// response leaves.
func (c *capture) spill() {
	c.spilled = true
	if c.run.stores(c) {
		c.saveTombstone()
	}
	c.stream()
	c.buf = nil
}

func (c *capture) saveTombstone() {
	c.tombstoned = true
	c.tombstoneErr = c.run.complete(c.base, tombstone())
}

func (c *capture) Flush() { _ = c.FlushError() }

func (c *capture) FlushError() error {
	switch {
	case c.hijacked:
		return http.ErrHijacked
	case !httpx.CanFlush(c.w):
		return http.ErrNotSupported
	}
	c.commit()
	c.stream()
	return http.NewResponseController(c.w).Flush()
}

func (c *capture) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(c.w).Hijack()
	if err == nil {
		c.hijacked = true
		c.saveTombstone()
	}
	return conn, rw, err
}

// commit fixes the status at 200 if none was chosen.
func (c *capture) commit() {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
}

// stream sends what is held back; later writes go out at once.
func (c *capture) stream() {
	if c.streaming {
		return
	}
	c.streaming = true
	c.sniff()
	replaceHeader(c.w.Header(), c.sent)
	c.w.WriteHeader(c.status)
	if len(c.buf) > 0 {
		_, _ = c.w.Write(c.buf)
	}
}

// sniff chooses the Content-Type that net/http would choose, so that the replay
// has the same one, however the body was cut.
func (c *capture) sniff() {
	if _, set := c.sent["Content-Type"]; set || len(c.buf) == 0 || c.sent.Get("Content-Encoding") != "" {
		return
	}
	c.sent.Set("Content-Type", http.DetectContentType(c.buf))
}

// truncated reports whether the handler wrote less than it declared: the client
// sees a broken response, so a retry must not be given it as a whole one.
func (c *capture) truncated() bool {
	return c.length > c.bytes && bodyAllowed(c.status) && !c.head
}

// response is what is recorded. Only valid when nothing was spilled.
func (c *capture) response() *response {
	if !c.streaming { // else it has been decided
		c.sniff()
	}
	return &response{
		status:  c.status,
		header:  changedHeader(c.entry, c.sent),
		trailer: trailerOf(c.sent, c.header),
		body:    c.buf,
	}
}

// end sends the rest: all of a response that was held back, and the trailers.
func (c *capture) end() {
	if c.hijacked {
		return
	}
	trailer := trailerOf(c.sent, c.header)
	declared := listed(c.sent, "Trailer")
	if !c.streaming {
		for name := range trailer {
			if !declared[name] {
				c.sent.Add("Trailer", name)
			}
		}
		declared = listed(c.sent, "Trailer")
		if c.length < 0 && len(trailer) == 0 && bodyAllowed(c.status) && c.sent.Get("Transfer-Encoding") == "" {
			c.sent.Set("Content-Length", strconv.Itoa(len(c.buf)))
		}
	}
	c.stream()
	h := c.w.Header()
	for name, values := range trailer {
		if !declared[name] {
			name = http.TrailerPrefix + name // the header left before the name was known
		}
		h[name] = values
	}
}

// sentStatus is the final status, 0 when none was sent by the handler.
func (c *capture) sentStatus() int {
	if c.hijacked || !c.streaming {
		return 0
	}
	return c.status
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
