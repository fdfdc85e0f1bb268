package logging_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"time"

	"github.com/bracework/bracework/logging"
)

func Example() {
	logger := slog.New(withoutTime{logging.NewHandler(os.Stdout, logging.Config{})})

	ctx := logging.With(context.Background(), slog.String("tenant_id", "tenant_1"), slog.String("workflow_id", "wf_123"))
	logger.InfoContext(ctx, "Workflow executed", "duration_ms", 150*time.Millisecond, "api_key", "9f8e7d6c")
	logger.ErrorContext(ctx, "Delivery failed",
		"error", errors.New(`Get "https://api.example.com/v1?appid=9f8e7d6c": connection refused`),
		"header", http.Header{"Authorization": {"Bearer 9f8e7d6c"}, "Accept": {"*/*"}})
	// Output:
	// {"level":"info","message":"Workflow executed","tenant_id":"tenant_1","workflow_id":"wf_123","duration_ms":150,"api_key":"***"}
	// {"level":"error","message":"Delivery failed","tenant_id":"tenant_1","workflow_id":"wf_123","error":"Get \"https://api.example.com/v1?appid=***\": connection refused","header":{"Accept":["*/*"],"Authorization":"***"}}
}

// The handler says on the access line whose request it was; the query stays off
// it.
func ExampleAccessLog() {
	logger := slog.New(withoutTime{logging.NewHandler(stableDuration{}, logging.Config{})})

	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/webhooks/{workflow}", func(w http.ResponseWriter, r *http.Request) {
		logging.Add(r.Context(), slog.String("tenant_id", "tenant_1"))
		logger.InfoContext(r.Context(), "Workflow executed")
		fmt.Fprintln(w, "ok")
	})
	handler := logging.AccessLog(logger, logging.AccessConfig{})(mux)

	r := httptest.NewRequest(http.MethodPost, "/api/webhooks/wf_123?token=9f8e7d6c", nil)
	r.Header.Set("X-Request-Id", "req-1")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// {"level":"info","message":"Workflow executed","request_id":"req-1"}
	// {"level":"info","message":"Request","method":"POST","route":"POST /api/webhooks/{workflow}","path":"/api/webhooks/wf_123","status":200,"bytes":3,"duration_ms":0,"client":"192.0.2.1","request_id":"req-1","tenant_id":"tenant_1"}
}

// withoutTime makes output repeatable.
type withoutTime struct{ slog.Handler }

func (h withoutTime) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	return h.Handler.Handle(ctx, r)
}

type stableDuration struct{}

func (stableDuration) Write(p []byte) (int, error) {
	duration := regexp.MustCompile(`"duration_ms":[0-9.]+`)
	return os.Stdout.Write(duration.ReplaceAll(p, []byte(`"duration_ms":0`)))
}
