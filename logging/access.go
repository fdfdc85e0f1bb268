package logging

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// AccessConfig configures [AccessLog]. The zero value of each field is the
// default that its comment names.
type AccessConfig struct {
	// Skip leaves a request out of the log, a health probe for example.
	// Default: none.
	Skip func(*http.Request) bool
	// RequestIDHeader carries the id of a request, in and out. An id of
	// letters, digits, '.', '_' and '-', of at most 64, is taken over, else one
	// is made. Default: X-Request-Id.
	RequestIDHeader string
}

// AccessLog logs one line, "Request", for each request when it has been
// answered: method, route (the pattern of the mux), path, status, bytes,
// duration_ms, client (the address of the connection) and request_id. Never
// the query: it may hold a token. A handler that panics is logged with status
// 500, one that takes the connection over with status 0; the panic goes on
// unchanged.
//
// Records logged under the request's context have the request_id. [Add] puts
// more on the line.
func AccessLog(logger *slog.Logger, cfg AccessConfig) func(http.Handler) http.Handler {
	if cfg.RequestIDHeader == "" {
		cfg.RequestIDHeader = "X-Request-Id"
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			outer, start := r.Context(), time.Now()
			id := requestID(r.Header.Get(cfg.RequestIDHeader))
			w.Header().Set(cfg.RequestIDHeader, id)
			rec := httpx.NewRecorder(w)
			line := &accessLine{}
			ctx := context.WithValue(With(outer, slog.String("request_id", id)), lineKey{}, line)
			inner := r.WithContext(ctx)
			panicked := true
			defer func() {
				if r.MultipartForm == nil {
					r.MultipartForm = inner.MultipartForm // net/http removes the files of the request it knows
				}
				if cfg.Skip != nil && cfg.Skip(r) {
					return
				}
				status := rec.Status()
				switch {
				case panicked:
					status = http.StatusInternalServerError
				case status == 0 && !rec.Hijacked():
					status = http.StatusOK // net/http sends it
				}
				attrs := []slog.Attr{
					slog.String("method", r.Method), slog.String("route", inner.Pattern), slog.String("path", r.URL.Path),
					slog.Int("status", status), slog.Int64("bytes", rec.Bytes()), slog.Duration("duration_ms", time.Since(start)),
					slog.String("client", clientOf(r.RemoteAddr)), slog.String("request_id", id),
				}
				logger.LogAttrs(outer, slog.LevelInfo, "Request", append(attrs, line.all()...)...)
			}()
			next.ServeHTTP(rec.Writer(), inner)
			panicked = false
			r.Pattern = inner.Pattern // for layers outside
		})
	}
}

type lineKey struct{}

// accessLine collects what handlers add; they may be on other goroutines.
type accessLine struct {
	mu    sync.Mutex
	attrs []slog.Attr
}

func (l *accessLine) all() []slog.Attr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.attrs)
}

// Add puts attributes on the access line of the request whose context this is,
// tenant_id for example. Without [AccessLog] it does nothing.
func Add(ctx context.Context, attrs ...slog.Attr) {
	if l, ok := ctx.Value(lineKey{}).(*accessLine); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.attrs = append(l.attrs, attrs...)
	}
}

func requestID(given string) string {
	ok := given != "" && len(given) <= 64
	for i := range len(given) {
		c := lower(given[i])
		ok = ok && ('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if ok {
		return given
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func clientOf(remoteAddr string) string {
	host, _, err := net.SplitHostPort(remoteAddr)
	if err != nil {
		return remoteAddr
	}
	return host
}
