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
		"error", errors.New(`Post "https://hooks.slack.com/services/T0/B0/9f8e7d6c": connection refused`),
		"header", http.Header{"Authorization": {"Bearer 9f8e7d6c"}, "Accept": {"*/*"}})
	// Output:
	// {"level":"info","message":"Workflow executed","tenant_id":"tenant_1","workflow_id":"wf_123","duration_ms":150,"api_key":"***"}
	// {"level":"error","message":"Delivery failed","tenant_id":"tenant_1","workflow_id":"wf_123","error":"Post \"https://hooks.slack.com/services/***\": connection refused","error_type":"*errors.errorString","header":{"Accept":["*/*"],"Authorization":"***"}}
}

// The handler says on the access line whose request it was. Of the query only
// what is listed is logged.
func ExampleAccessLog() {
	logger := slog.New(withoutTime{logging.NewHandler(stableDuration{}, logging.Config{})})

	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/webhooks/{workflow}", func(w http.ResponseWriter, r *http.Request) {
		logging.Add(r.Context(), slog.String("tenant_id", "tenant_1"))
		logger.InfoContext(r.Context(), "Workflow executed")
		fmt.Fprintln(w, "ok")
	})
	handler := logging.AccessLog(logger, logging.AccessConfig{Query: []string{"page"}})(mux)

	r := httptest.NewRequest(http.MethodPost, "/api/webhooks/wf_123?token=9f8e7d6c&page=2", nil)
	r.Header.Set("X-Request-Id", "req-1")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// {"level":"info","message":"Workflow executed","request_id":"req-1"}
	// {"level":"info","message":"Request","method":"POST","route":"POST /api/webhooks/{workflow}","path":"/api/webhooks/wf_123","query":"page=2","status":200,"bytes":3,"duration_ms":0,"client":"192.0.2.1","request_id":"req-1","tenant_id":"tenant_1"}
}

// What a process has read from its environment is known by its value, and masked
// wherever it turns up.
func ExampleSecrets() {
	secrets := logging.NewSecrets()
	logger := slog.New(withoutTime{logging.NewHandler(os.Stdout, logging.Config{Secrets: secrets})})

	const fromEnvironment = `correct "horse" battery`
	if err := secrets.Register(fromEnvironment); err != nil {
		fmt.Println(err)
	}
	logger.Info("Signed in as alice with "+fromEnvironment, "body", []byte(`{"comment":"correct \"horse\" battery"}`))
	// Output:
	// {"level":"info","message":"Signed in as alice with ***","body":{"comment":"***"}}
}

func ExampleSchema() {
	logger := slog.New(withoutTime{logging.NewHandler(os.Stdout, logging.Config{Schema: logging.SchemaECS})})

	logger.Warn("Delivery failed", "tenant_id", "tenant_1", "duration_ms", 1500*time.Microsecond, "error", context.DeadlineExceeded)
	// Output:
	// {"log.level":"warn","message":"Delivery failed","ecs.version":"8.17.0","labels.tenant_id":"tenant_1","event.duration":1500000,"error.message":"context deadline exceeded","error.type":"context.deadlineExceededError"}
}

// A schema with names of one's own.
func ExampleConfig() {
	logger := slog.New(withoutTime{logging.NewHandler(os.Stdout, logging.Config{
		Names:     map[string]string{"level": "severity", "message": "msg", "tenant_id": "account"},
		StringIDs: true,
		MaskKeys:  []string{"iban"},
		ShowKeys:  []string{"public_token"},
	})})

	logger.Info("Paid", "tenant_id", 9007199254740993, "iban", "DE02120300000000202051", "public_token", "p-1")
	// Output:
	// {"severity":"info","msg":"Paid","account":"9007199254740993","iban":"***","public_token":"p-1"}
}

// A goroutine that outlives the request keeps its attributes.
func ExampleFromContext() {
	logger := slog.New(withoutTime{logging.NewHandler(os.Stdout, logging.Config{})})

	ctx, cancel := context.WithCancel(logging.With(context.Background(), slog.String("request_id", "req-1")))
	cancel() // the request is over

	later := logging.With(context.Background(), logging.FromContext(ctx)...)
	logger.InfoContext(later, "Cleaned up")
	// Output:
	// {"level":"info","message":"Cleaned up","request_id":"req-1"}
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
