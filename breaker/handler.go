package breaker

import (
	"bufio"
	"net"
	"net/http"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// Handler returns next behind the circuit. The method value fits any chain of func(http.Handler) http.Handler.
//
// A request that the circuit refuses is answered with 503, a Retry-After of whole seconds, rounded up and at least 1,
// and a problem document (RFC 9457) of type circuit-open. Of the others, a [Failure] are panics, which continue, and
// all statuses from 500 on but 501 and 505; [Neutral] are a panic with [http.ErrAbortHandler], 429, and a failing
// status after the client has left or when the request's context had ended before; the rest is a [Success]. The outcome is known when next returns. A probe that flushes
// with a good status or takes the connection over succeeds then, so that a stream cannot hold the circuit half-open; one
// that does neither, and does not return within [Config.ProbeTimeout], has failed. The
// writer can do what the one below can: flush, hijack, and whatever [http.ResponseController] asks for.
//
// Put it around handlers that fail together, those of one database for example, not around a whole service, and inside
// of what answers 5xx by itself.
func (b *Breaker) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		t, refused := b.enter(ctx)
		if refused != nil {
			writeRefusal(w, refused)
			return
		}
		s := &served{Recorder: httpx.NewRecorder(w), call: call{b: b, ctx: ctx, t: t}}
		defer s.finish()
		next.ServeHTTP(s.writer(w), r)
		s.returned = true
	})
}

func writeRefusal(w http.ResponseWriter, refused *OpenError) {
	h := w.Header()
	httpx.SetRetryAfter(h, refused.RetryAfter)
	h.Set("Cache-Control", "no-store")
	httpx.WriteProblem(w, httpx.Problem{
		Type:   httpx.ProblemBase + "circuit-open",
		Title:  "Circuit open",
		Status: http.StatusServiceUnavailable,
		Detail: "The request was not processed. Wait retry_after_ms milliseconds before you repeat it.",
		Extensions: []httpx.Extension{{
			Name:  "retry_after_ms",
			Value: int64((refused.RetryAfter + time.Millisecond - 1) / time.Millisecond),
		}},
	})
}

// served is a request in a handler, and the writer that the handler gets.
type served struct {
	*httpx.Recorder

	call     call
	returned bool
}

func (s *served) writer(w http.ResponseWriter) http.ResponseWriter {
	if !httpx.CanHijack(w) {
		return s
	}
	return httpx.WithHijack(s, s.hijack)
}

func (s *served) Flush() { _ = s.FlushError() }

func (s *served) FlushError() error {
	err := s.Recorder.FlushError()
	if err == nil && s.outcome() == Success {
		s.begun()
	}
	return err
}

func (s *served) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(s.Recorder).Hijack()
	if err == nil {
		s.begun()
	}
	return conn, rw, err
}

func (s *served) begun() {
	if !s.call.t.answered {
		s.call.answered()
	}
}

// outcome is that of the status; without one the server sends 200.
func (s *served) outcome() Outcome { return judgeServed(s.call.ctx, s.call.t, s.Status()) }

func (s *served) finish() {
	if s.returned {
		s.call.end(s.outcome())
		return
	}
	p := recover()
	s.call.end(fell(p))
	if p != nil {
		panic(p)
	}
}
