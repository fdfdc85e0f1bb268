package logging

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/bracework/bracework/internal/httpx"
)

// AccessConfig is the configuration of [AccessLog]. The zero value logs every
// request.
type AccessConfig struct {
	// Skip exempts requests, such as those of health probes: they are served as
	// if there were no access log. Nil exempts none.
	Skip func(*http.Request) bool

	// Client tells the client's address; an empty one is left out. Nil means the
	// host of RemoteAddr. No header is looked at: behind a proxy, set a function
	// that knows which proxies to believe.
	Client func(*http.Request) string

	// RequestIDHeader is the header with the request id, X-Request-Id when empty.
	RequestIDHeader string

	// IgnoreRequestID gives every request a new id, also one that brings its own.
	IgnoreRequestID bool
}

// maxPath is how many bytes of a path are logged, maxMethod of a method.
const (
	maxPath   = 1 << 10
	maxMethod = 32
)

// AccessLog returns a middleware that logs one line per request, when its
// handler is done: level info, or error when the status is 500 or above; message
// "Request"; and the attributes
//
//   - method;
//   - route, the pattern that matched ([http.Request.Pattern]). It is missing
//     when nothing matched, and when a middleware between the access log and the
//     mux copies the request (WithContext): let the handler add it, with
//     Add(ctx, slog.String("route", r.Pattern));
//   - path, decoded, at most 1024 bytes of it. The query is never logged;
//   - status, the one that was sent: 200 when the handler sent nothing, 500 when
//     it did not return. A hijacked connection has none of ours: hijacked is true
//     instead;
//   - aborted, true when the handler did not return: it panicked, also with
//     [http.ErrAbortHandler]. The panic goes on untouched. What the client saw
//     is then whatever was sent before;
//   - bytes, the number of body bytes that were written, 0 for HEAD;
//   - duration_ms;
//   - client;
//   - request_id;
//   - and what was added with [Add].
//
// The id is the one of the request header, when there is exactly one, of at most
// 128 letters, digits and -_.:+/=, else a new one. It is set on the response
// before the handler runs, returned by [RequestID], and carried by the request's
// context, so that every line a [Handler] logs with that context has request_id.
//
// Attributes of the context that comes in (by [With] in a middleware further
// out, or in [http.Server.BaseContext]) are on the line too. Mounted twice, only
// the outer one logs. A nil logger logs nothing; ids are given all the same.
func AccessLog(logger *slog.Logger, cfg AccessConfig) func(http.Handler) http.Handler {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if cfg.RequestIDHeader == "" {
		cfg.RequestIDHeader = "X-Request-Id"
	}
	if cfg.Client == nil {
		cfg.Client = remoteHost
	}
	return func(next http.Handler) http.Handler {
		return &accessLog{next: next, logger: logger, cfg: cfg}
	}
}

type accessLog struct {
	next   http.Handler
	logger *slog.Logger
	cfg    AccessConfig
}

func (a *accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if requestOf(r.Context()) != nil || a.cfg.Skip != nil && a.cfg.Skip(r) {
		a.next.ServeHTTP(w, r)
		return
	}
	req := &request{id: requestID(r.Header, a.cfg.RequestIDHeader, a.cfg.IgnoreRequestID)}
	w.Header().Set(a.cfg.RequestIDHeader, req.id)
	ctx := context.WithValue(r.Context(), requestKey{}, req)
	s := served{
		req: req, outer: r, inner: r.WithContext(With(ctx, slog.String("request_id", req.id))),
		recorder: httpx.NewRecorder(w), start: time.Now(),
		// Handlers may change the URL that they share with us.
		method: shorten(r.Method, maxMethod), path: shorten(r.URL.Path, maxPath), client: a.cfg.Client(r),
	}
	// Nothing is recovered: the panic passes with the stack it came with.
	defer func(ctx context.Context) {
		httpx.HandBack(s.outer, s.inner)
		a.log(ctx, &s)
	}(r.Context())
	a.next.ServeHTTP(s.recorder.Writer(), s.inner)
	s.returned = true
}

// served is a request that has been served.
type served struct {
	req                  *request
	outer, inner         *http.Request // inner is what the handler saw
	recorder             *httpx.Recorder
	start                time.Time
	method, path, client string
	returned             bool
}

func (a *accessLog) log(ctx context.Context, s *served) {
	status := s.recorder.Status()
	switch {
	case !s.returned:
		status = http.StatusInternalServerError
	case status == 0:
		status = http.StatusOK
	}
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if a.logger.Enabled(ctx, level) {
		a.logger.LogAttrs(ctx, level, "Request", append(s.attrs(status), s.req.added()...)...)
	}
}

func (s *served) attrs(status int) []slog.Attr {
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("method", s.method))
	if s.inner.Pattern != "" {
		attrs = append(attrs, slog.String("route", s.inner.Pattern))
	}
	attrs = append(attrs, slog.String("path", s.path))
	if s.returned && s.recorder.Hijacked() {
		attrs = append(attrs, slog.Bool("hijacked", true))
	} else {
		attrs = append(attrs, slog.Int("status", status))
	}
	if !s.returned {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	sent := s.recorder.Bytes()
	if s.method == http.MethodHead {
		sent = 0 // net/http takes a body from the handler and drops it
	}
	attrs = append(attrs, slog.Int64("bytes", sent), slog.Duration("duration_ms", time.Since(s.start)))
	if s.client != "" {
		attrs = append(attrs, slog.String("client", s.client))
	}
	return append(attrs, slog.String("request_id", s.req.id))
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // of a Unix socket, or of a test
	}
	return host
}

// shorten cuts s to at most size bytes, between characters.
func shorten(s string, size int) string {
	if len(s) <= size {
		return s
	}
	for size > 0 && !utf8.RuneStart(s[size]) {
		size--
	}
	return s[:size]
}
