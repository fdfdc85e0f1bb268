package logging

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bracework/bracework/internal/httpx"
)

// AccessConfig is the configuration of [AccessLog]. The zero value logs every
// request, without its query, and health probes at level debug.
type AccessConfig struct {
	// Skip exempts requests: they are served as if there were no access log. Nil
	// exempts none.
	Skip func(*http.Request) bool

	// Probe tells health probes. They are logged at level debug whatever their
	// status, unless their handler does not return: a probe that fails every few
	// seconds is news once, for who watches it. Nil means GET and HEAD of /health
	// and what is below it, /healthz, /livez and /readyz. It is called before the
	// handler.
	Probe func(*http.Request) bool

	// Query lists the parameters of the query that are logged, by their exact
	// names; nil means none. Their values are masked as other texts are: a name
	// that is a key to mask has its value masked here too.
	Query []string

	// Client tells the client's address; an empty one is left out. Nil means the
	// host of RemoteAddr when it is an IP address. No header is looked at: behind
	// a proxy, set a function that knows which proxies to believe.
	Client func(*http.Request) string

	// RequestIDHeader is the header with the request id, X-Request-Id when empty.
	RequestIDHeader string

	// IgnoreRequestID gives every request a new id, also one that brings its own.
	IgnoreRequestID bool

	// MaxErrors is how many lines a minute are written at level error with one
	// route and status; 0, or less, means all. The next line with them that is
	// written tells the number of those left out, as suppressed.
	MaxErrors int
}

// maxPath is how many bytes of a path, and of a query, are logged, maxMethod of
// a method.
const (
	maxPath   = 1 << 10
	maxMethod = 32
)

// AccessLog returns a middleware that logs one line per request, when its
// handler is done: level info, error when the status is 500 or above, and debug
// for health probes; message "Request"; and the attributes
//
//   - method;
//   - route, the pattern that matched ([http.Request.Pattern]). It is missing
//     when nothing matched, and when a middleware between the access log and the
//     mux copies the request (WithContext): let the handler add it, with
//     Add(ctx, slog.String("route", r.Pattern));
//   - path, decoded, at most 1024 bytes of it;
//   - query, the parameters that [AccessConfig.Query] lists, decoded but for % and
//     &, so that secrets in them are found, in the order in which it lists them, at
//     most 1024 bytes; missing when there are none;
//   - status, the one that was sent: 200 when the handler sent nothing, 500 when
//     it did not return. A hijacked connection has none of ours: hijacked is true
//     instead;
//   - aborted, true when the handler did not return: it panicked, also with
//     [http.ErrAbortHandler]. The panic goes on untouched. What the client saw
//     is then whatever was sent before;
//   - bytes, the number of body bytes that were written, 0 for HEAD;
//   - duration_ms, a number with a fraction;
//   - client;
//   - request_id;
//   - suppressed, see [AccessConfig.MaxErrors];
//   - and what was added with [Add].
//
// The id is the one of the request header, when there is exactly one, of at most
// 128 letters, digits and -_.:+/=, else a new one. It is set on the response
// before the handler runs, returned by [RequestID], and carried by the request's
// context, so that every line a [Handler] logs with that context has request_id.
//
// Attributes of the context that comes in (by [With] in a middleware further
// out, or in [http.Server.BaseContext]) are on the line too. Mounted twice, only
// the outer one logs. A nil logger logs nothing; ids are given all the same. The
// logger may have another handler than a [Handler]; it is on its own then as to
// masking.
func AccessLog(logger *slog.Logger, cfg AccessConfig) func(http.Handler) http.Handler {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	if cfg.RequestIDHeader == "" {
		cfg.RequestIDHeader = "X-Request-Id"
	}
	if cfg.Client == nil {
		cfg.Client = remoteAddress
	}
	if cfg.Probe == nil {
		cfg.Probe = isProbe
	}
	cfg.Query = slices.Clone(cfg.Query)
	errors := newSampler(cfg.MaxErrors)
	return func(next http.Handler) http.Handler {
		return &accessLog{next: next, logger: logger, cfg: cfg, errors: errors}
	}
}

type accessLog struct {
	next   http.Handler
	logger *slog.Logger
	cfg    AccessConfig
	errors *sampler
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
		method: shorten(r.Method, maxMethod), path: shorten(r.URL.Path, maxPath),
		query: a.query(r.URL), probe: a.cfg.Probe(r), client: a.cfg.Client(r),
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
	req                 *request
	outer, inner        *http.Request // inner is what the handler saw
	recorder            *httpx.Recorder
	start               time.Time
	method, path, query string
	client              string
	probe               bool
	returned            bool
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
	switch {
	case s.probe && s.returned:
		level = slog.LevelDebug
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	if !a.logger.Enabled(ctx, level) {
		return
	}
	attrs := s.attrs(status)
	if level == slog.LevelError {
		write, suppressed := a.errors.take(sampleKey{s.inner.Pattern, status, s.returned})
		if !write {
			return
		}
		if suppressed > 0 {
			attrs = append(attrs, slog.Int64("suppressed", suppressed))
		}
	}
	a.logger.LogAttrs(ctx, level, "Request", append(attrs, s.req.added()...)...)
}

func (s *served) attrs(status int) []slog.Attr {
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("method", s.method))
	if s.inner.Pattern != "" {
		attrs = append(attrs, slog.String("route", s.inner.Pattern))
	}
	attrs = append(attrs, slog.String("path", s.path))
	if s.query != "" {
		attrs = append(attrs, slog.String("query", s.query))
	}
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
	// A float, so that the name is right whatever the handler does with durations.
	took := float64(time.Since(s.start)) / float64(time.Millisecond)
	attrs = append(attrs, slog.Int64("bytes", sent), slog.Float64("duration_ms", took))
	if s.client != "" {
		attrs = append(attrs, slog.String("client", s.client))
	}
	return append(attrs, slog.String("request_id", s.req.id))
}

// query returns the parameters of u that may be logged.
func (a *accessLog) query(u *url.URL) string {
	if len(a.cfg.Query) == 0 || u.RawQuery == "" {
		return ""
	}
	values := u.Query() // what does not parse is left out
	// Nothing else is encoded: no secret would be found in it.
	separators := strings.NewReplacer("%", "%25", "&", "%26")
	var b strings.Builder
	for _, name := range a.cfg.Query {
		for _, value := range values[name] {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(separators.Replace(name) + "=" + separators.Replace(value))
		}
	}
	return shorten(b.String(), maxPath)
}

// isProbe tells the paths of health, and those that Kubernetes components use.
func isProbe(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch path := r.URL.Path; path {
	case "/health", "/healthz", "/livez", "/readyz":
		return true
	default:
		return strings.HasPrefix(path, "/health/")
	}
}

// remoteAddress is the address of the peer, if it has one: that of a Unix socket
// has not.
func remoteAddress(r *http.Request) string {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return peer.Addr().Unmap().WithZone("").String()
	}
	return ""
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
