package logging_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bracework/bracework/logging"
)

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func scalars() []slog.Attr {
	return []slog.Attr{
		slog.String("workflow_id", "wf_123"), slog.String("tenant_id", "tenant_free"), slog.Int("status", 200),
		slog.Duration("duration_ms", 1500*time.Microsecond), slog.Bool("replayed", true),
	}
}

// The comparison with others is in the module benchmarks.
func BenchmarkHandler(b *testing.B) {
	for name, attrs := range map[string][]slog.Attr{
		"5scalars": scalars(),
		"error":    {slog.Any("error", errors.New("dial tcp 192.0.2.1:443: connect: connection refused"))},
		"header":   {slog.Any("header", http.Header{"Accept": {"*/*"}, "Authorization": {"Bearer abc"}})},
		"document": {slog.Any("body", []byte(`{"event":"order.created","customer":{"name":"Alex","password":"x"},"total":42.5}`))},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			logger := slog.New(logging.NewHandler(discard{}, logging.Config{}))
			for b.Loop() {
				logger.LogAttrs(b.Context(), slog.LevelInfo, "Workflow executed", attrs...)
			}
		})
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
