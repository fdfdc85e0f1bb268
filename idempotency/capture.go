package idempotency

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bracework/bracework/internal/httpx"
)

// capture is the handler's ResponseWriter. It holds the response back until
// the record is saved, unless the handler flushes or the body outgrows the cap.
//
// The handler works on the header map of the writer below. Snapshots keep what
// outer layers had put there, and what it was at WriteHeader: what is set later
// must not reach a response that is sent later.
type capture struct {
	w   http.ResponseWriter
	run *run

	entry  fields // the header as the handler found it
	status int    // 0 until WriteHeader
	sent   fields // the header at WriteHeader
	length int64  // declared Content-Length, or -1
	head   bool   // the request is a HEAD
	bytes  int64  // written by the handler

	measured     [1]string // Content-Length, where none was declared
	buf          []byte    // the body, behind room bytes for the head of the record
	room         int
	tail         fields
	tailed       bool // tail has been looked for
	streaming    bool // header and buf are sent
	spilled      bool // over the cap: no longer recorded
	hijacked     bool
	tombstoned   bool
	tombstoneErr error

	held      bool // by [Capture]: nothing leaves, whatever its size
	sealed    bool // by [Captured.Seal]
	saved     []byte
	outcome   Outcome // of the sealed response
	committed bool
	failure   error // why the response was discarded
}

func (c *capture) init(w http.ResponseWriter, run *run, head bool) {
	c.w, c.run, c.length, c.head = w, run, -1, head
	c.entry = snapshot(w.Header(), 0)
}

func (c *capture) writer() http.ResponseWriter {
	if !httpx.CanHijack(c.w) {
		return c
	}
	return hijacker{c}
}

// hijacker is a capture over a connection that can be taken over.
type hijacker struct{ *capture }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.hijack() }

func (c *capture) Header() http.Header { return c.w.Header() }

func (c *capture) Unwrap() http.ResponseWriter { return c.w }

func (c *capture) ReadFrom(src io.Reader) (int64, error) { return httpx.CopyThroughWrite(c, src) }

func (c *capture) WriteHeader(code int) {
	switch {
	case c.hijacked || c.sealed || c.status != 0:
		return // superfluous; the first one counts
	case code < 100 || code > 999:
		panic(fmt.Sprintf("invalid WriteHeader code %v", code)) // as net/http does, and as early
	case httpx.Informational(code):
		if !c.held {
			c.w.WriteHeader(code)
		}
		return
	}
	c.status = code
	c.sent = snapshot(c.w.Header(), 1) // and Content-Length
	if declared := c.sent.first("Content-Length"); declared != "" {
		if n, err := strconv.ParseInt(declared, 10, 64); err == nil && n >= 0 {
			c.length = n
		}
	}
}

func (c *capture) Write(p []byte) (int, error) {
	switch {
	case c.hijacked:
		return 0, http.ErrHijacked
	case c.sealed:
		return 0, ErrSealed
	}
	c.commit()
	switch {
	case !bodyAllowed(c.status):
		return 0, http.ErrBodyNotAllowed
	case c.length >= 0 && c.bytes+int64(len(p)) > c.length:
		return 0, http.ErrContentLength
	}
	c.bytes += int64(len(p))
	if !c.spilled && !c.held && c.overCap() {
		c.spill()
	}
	if c.spilled {
		return c.w.Write(p)
	}
	if c.buf == nil {
		c.room = recordRoom(c.sent)
		c.buf = make([]byte, c.room, c.room+len(p))
	}
	c.buf = append(c.buf, p...)
	if c.streaming {
		// The client may be gone; the record is to be whole all the same.
		_, _ = c.w.Write(p)
	}
	return len(p), nil
}

func (c *capture) body() []byte { return c.buf[c.room:] }

func (c *capture) overCap() bool {
	limit := c.run.m.cfg.MaxResponseBody
	return limit >= 0 && c.bytes > limit
}

// spill stops recording. That the request ran is saved before more of its
// response leaves.
func (c *capture) spill() {
	c.spilled = true
	if c.run.stores(c) {
		c.saveTombstone()
	}
	c.stream()
	c.buf, c.room = nil, 0
}

// saveTombstone ends the renewal of the lease: it would find that there is
// nothing to renew, and take that for the loss of the lease.
func (c *capture) saveTombstone() {
	c.run.lease.pause()
	c.tombstoned = true
	if c.tombstoneErr = c.run.complete(tombstone()); c.tombstoneErr != nil {
		c.run.lease.resume()
	}
}

func (c *capture) Flush() { _ = c.FlushError() }

func (c *capture) FlushError() error {
	switch {
	case c.hijacked:
		return http.ErrHijacked
	case !httpx.CanFlush(c.w):
		return http.ErrNotSupported
	case c.held:
		return nil
	}
	c.commit()
	c.stream()
	return http.NewResponseController(c.w).Flush()
}

// CloseNotify is for frameworks that still demand an [http.CloseNotifier]. It
// never fires: a client that disconnects does not end the handler.
func (c *capture) CloseNotify() <-chan bool { return nil }

func (c *capture) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if c.held {
		return nil, nil, http.ErrNotSupported
	}
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
	h := c.w.Header()
	trailer := trailerOf(c.declared(), h) // what is set of it so far
	c.sent.restore(h)
	c.w.WriteHeader(c.status)
	if body := c.body(); len(body) > 0 {
		_, _ = c.w.Write(body)
	}
	c.setTrailer(trailer)
}

// sniff chooses the Content-Type that net/http would choose, so that the replay
// has the same one, however the body was cut.
func (c *capture) sniff() {
	body := c.body()
	if _, set := c.sent.get("Content-Type"); set || len(body) == 0 || c.sent.first("Content-Encoding") != "" {
		return
	}
	c.sent = c.sent.set("Content-Type", http.DetectContentType(body))
}

// record is what to save of a response of which nothing was spilled: itself, or
// a tombstone when it is over the cap or shorter than declared: the client sees
// a broken response then, and a retry must not be given it as a whole one.
func (c *capture) record() ([]byte, Outcome) {
	truncated := c.length > c.bytes && bodyAllowed(c.status) && !c.head
	if truncated || c.overCap() {
		return tombstone(), OutcomeTombstone
	}
	if !c.streaming { // else it has been decided
		c.sniff()
	}
	var memory [16]field // mostly enough, and then nothing is allocated
	resp := response{status: c.status, header: appendHandlerHeader(memory[:0], c.entry, c.sent), trailer: c.trailer()}
	return resp.encode(c.buf, c.room), OutcomeStored
}

func (c *capture) declared() map[string]bool {
	lines, _ := c.sent.get("Trailer")
	return listed(lines)
}

// trailer is asked for when the handler has returned, or is done with writing.
func (c *capture) trailer() fields {
	if !c.tailed {
		c.tail, c.tailed = trailerOf(c.declared(), c.w.Header()), true
	}
	return c.tail
}

// end sends the rest: all of a response that was held back, and the trailers.
func (c *capture) end() {
	if c.hijacked {
		return
	}
	c.commit()
	trailer := c.trailer()
	if !c.streaming {
		c.announce(trailer)
		c.stream()
	}
	c.setTrailer(trailer)
}

func (c *capture) setTrailer(trailer fields) {
	if len(trailer) == 0 {
		return
	}
	h, declared := c.w.Header(), c.declared()
	for _, line := range trailer {
		name := line.name
		if !declared[name] {
			name = http.TrailerPrefix + name // the header left before the name was known
		}
		h[name] = line.values
	}
}

// announce completes the header of a response that is sent in one piece.
func (c *capture) announce(trailer fields) {
	lines, _ := c.sent.get("Trailer")
	if len(trailer) == 0 {
		// With a trailer, also of a layer outside, the length is not sent.
		if c.length < 0 && !c.head && len(lines) == 0 && bodyAllowed(c.status) && c.sent.first("Transfer-Encoding") == "" {
			c.measured[0] = strconv.Itoa(len(c.body()))
			c.sent = c.sent.set("Content-Length", c.measured[:]...)
		}
		return
	}
	// Names under the prefix are declared, too, and then sent only as declared.
	c.sent = slices.DeleteFunc(c.sent, func(line field) bool { return strings.HasPrefix(line.name, http.TrailerPrefix) })
	declared := listed(lines)
	for _, line := range trailer {
		if !declared[line.name] {
			lines = append(lines, line.name)
		}
	}
	c.sent = c.sent.set("Trailer", lines...)
}

// discard forgets a response of which nothing has left.
func (c *capture) discard() {
	if c.streaming || c.hijacked {
		return
	}
	c.status, c.sent, c.length, c.bytes, c.buf, c.room = 0, nil, -1, 0, nil, 0
	c.sealed, c.tail, c.tailed = false, nil, false
	c.entry.restore(c.w.Header())
}

// refuse answers in place of the handler.
func (c *capture) refuse(ref *refusal) {
	if c.streaming || c.hijacked {
		return
	}
	c.streaming = true
	c.status = c.run.m.refuse(c.w, ref)
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
