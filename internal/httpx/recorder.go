package httpx

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Recorder is an [http.ResponseWriter] that passes everything on and remembers
// what was sent. It never hides a capability of the writer below it: Unwrap
// serves [http.ResponseController], and [Recorder.Writer] adds Hijack when the
// chain below can hijack.
//
// A Recorder belongs to one request and, like the writer it wraps, is not safe
// for concurrent use.
type Recorder struct {
	w        http.ResponseWriter
	status   int
	bytes    int64
	hijacked bool
}

// NewRecorder wraps w.
func NewRecorder(w http.ResponseWriter) *Recorder { return &Recorder{w: w} }

// Writer returns the writer to hand to the next handler: the Recorder itself,
// or one that is an [http.Hijacker] too when a writer below is.
func (rec *Recorder) Writer() http.ResponseWriter {
	if !CanHijack(rec.w) {
		return rec
	}
	return WithHijack(rec, rec.hijack)
}

// Status is the first final status code sent: not an informational one (1xx),
// except 101, which is final. It is 200 after a write or flush without
// WriteHeader, and 0 while nothing was sent.
func (rec *Recorder) Status() int { return rec.status }

// Bytes is the number of body bytes that the writer below accepted.
func (rec *Recorder) Bytes() int64 { return rec.bytes }

// Hijacked reports whether the handler took the connection over.
func (rec *Recorder) Hijacked() bool { return rec.hijacked }

// Header returns the header map of the writer below.
func (rec *Recorder) Header() http.Header { return rec.w.Header() }

// WriteHeader passes code on; the first final one counts.
func (rec *Recorder) WriteHeader(code int) {
	if rec.status == 0 && !Informational(code) {
		rec.status = code
	}
	rec.w.WriteHeader(code)
}

// Write passes p on and counts what was accepted.
func (rec *Recorder) Write(p []byte) (int, error) {
	rec.implicitOK()
	n, err := rec.w.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// ReadFrom copies src through Write, so that io.Copy cannot go round the
// recorder to the writer below.
func (rec *Recorder) ReadFrom(src io.Reader) (int64, error) { return CopyThroughWrite(rec, src) }

// Flush is [Recorder.FlushError] without its error, for code that asserts
// [http.Flusher].
func (rec *Recorder) Flush() { _ = rec.FlushError() }

// FlushError sends what is buffered below. Flushing commits the header, with
// status 200 when none was chosen. The error is [http.ErrNotSupported] when no
// writer below can flush; nothing is committed then.
func (rec *Recorder) FlushError() error {
	err := http.NewResponseController(rec.w).Flush()
	if err == nil {
		rec.implicitOK()
	}
	return err
}

// Unwrap gives [http.ResponseController] the writer below.
func (rec *Recorder) Unwrap() http.ResponseWriter { return rec.w }

// CloseNotify is for frameworks that still demand an [http.CloseNotifier]: that
// of the writer below, or a channel that never fires.
func (rec *Recorder) CloseNotify() <-chan bool {
	for w := rec.w; w != nil; w = unwrap(w) {
		if n, ok := w.(http.CloseNotifier); ok { //nolint:staticcheck // frameworks still ask
			return n.CloseNotify()
		}
	}
	return nil
}

func (rec *Recorder) implicitOK() {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
}

func (rec *Recorder) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(rec.w).Hijack()
	rec.hijacked = rec.hijacked || err == nil
	return conn, rw, err
}

// Informational reports whether code is an interim status, which a final one
// follows: 1xx except 101 Switching Protocols.
func Informational(code int) bool {
	return code >= 100 && code < 200 && code != http.StatusSwitchingProtocols
}

// CopyThroughWrite copies src to w using only w's Write method.
func CopyThroughWrite(w io.Writer, src io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{w}, src)
}

// Wrapper is what a writer of this library offers besides Hijack.
type Wrapper interface {
	http.ResponseWriter
	http.Flusher
	io.ReaderFrom
	FlushError() error
	CloseNotify() <-chan bool
	Unwrap() http.ResponseWriter
}

// WithHijack returns w with hijack as its Hijack method, for a writer below
// that [CanHijack]. Libraries still assert [http.Hijacker], so it must neither
// be missing nor promise what cannot be.
func WithHijack(w Wrapper, hijack func() (net.Conn, *bufio.ReadWriter, error)) http.ResponseWriter {
	return hijackable{Wrapper: w, hijack: hijack}
}

type hijackable struct {
	Wrapper
	hijack func() (net.Conn, *bufio.ReadWriter, error)
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.hijack() }

// CanHijack reports whether w, or a writer that it unwraps to, can hijack.
func CanHijack(w http.ResponseWriter) bool {
	for w != nil {
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
		w = unwrap(w)
	}
	return false
}

// CanFlush reports whether w, or a writer that it unwraps to, can flush.
func CanFlush(w http.ResponseWriter) bool {
	for w != nil {
		switch w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		}
		w = unwrap(w)
	}
	return false
}

func unwrap(w http.ResponseWriter) http.ResponseWriter {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return nil
}
