package logging_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bracework/bracework/logging"
)

// renaming is a slog.JSONHandler that writes the names and values that Handler
// writes, without masking.
func renaming(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.TimeKey:
			return slog.String("timestamp", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000000Z"))
		case slog.LevelKey:
			level, _ := a.Value.Any().(slog.Level)
			return slog.String("level", strings.ToLower(level.String()))
		case slog.MessageKey:
			a.Key = "message"
		}
		if a.Value.Kind() == slog.KindDuration {
			return slog.Float64(a.Key, float64(a.Value.Duration())/1e6)
		}
		return a
	}})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func scalars() []slog.Attr {
	return []slog.Attr{
		slog.String("workflow_id", "wf_123"), slog.String("tenant_id", "tenant_free"), slog.Int("status", 200),
		slog.Duration("duration_ms", 1500*time.Microsecond), slog.Bool("replayed", true),
	}
}

func BenchmarkHandlers(b *testing.B) {
	service := []slog.Attr{
		slog.String("service", "api"), slog.String("version", "0.1.0"), slog.String("region", "eu"),
		slog.String("pod", "api-1"), slog.Int("shard", 3),
	}
	handlers := []struct {
		name string
		h    slog.Handler
	}{
		{"bracework", logging.NewHandler(discard{}, logging.Config{})},
		{"slog", slog.NewJSONHandler(discard{}, nil)},
		{"slog-renaming", renaming(discard{})},
	}
	benches := []struct {
		name  string
		attrs []slog.Attr
		with  []slog.Attr
	}{
		{"5scalars", scalars(), nil},
		{"5scalars+5with", scalars(), service},
		{"10scalars", append(scalars(), slog.String("route", "POST /api/webhooks/{workflow}"),
			slog.String("path", "/api/webhooks/wf_123"), slog.String("request_id", "0af7651916cd43dd8448eb211c80319c"),
			slog.Int64("bytes", 128), slog.Float64("ratio", 0.25)), nil},
		{"error", []slog.Attr{slog.Any("error", errors.New("dial tcp 192.0.2.1:443: connect: connection refused"))}, nil},
		{"group", []slog.Attr{slog.Group("http", slog.String("method", "POST"), slog.Int("status", 200))}, nil},
		{"header", []slog.Attr{slog.Any("header", http.Header{"Accept": {"*/*"}, "Authorization": {"Bearer abc"}})}, nil},
	}
	for _, bench := range benches {
		for _, h := range handlers {
			b.Run(bench.name+"/"+h.name, func(b *testing.B) {
				b.ReportAllocs()
				logger := slog.New(h.h.WithAttrs(bench.with))
				for b.Loop() {
					logger.LogAttrs(b.Context(), slog.LevelInfo, "Workflow executed", bench.attrs...)
				}
			})
		}
	}
}

func BenchmarkAccessLog(b *testing.B) {
	b.ReportAllocs()
	h := logging.AccessLog(slog.New(logging.NewHandler(discard{}, logging.Config{})), logging.AccessConfig{})(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	r := httptest.NewRequest(http.MethodPost, "/api/webhooks/wf_123?token=x", nil)
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
