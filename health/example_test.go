package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bracework/bracework/health"
)

func Example() {
	checks, err := health.New(health.Config{Version: "0.3.0"},
		health.Check{Name: "runtime", Checker: health.Runtime(10_000, 2<<30)},
		health.Check{Name: "mail", Optional: true, Checker: health.CheckFunc(func(context.Context) error {
			return errors.New("connection refused")
		})},
	)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	checks.Register(mux)

	for _, path := range []string{"/health/live", "/health/ready"} {
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Print(rec.Code, " ", rec.Body)
	}
	fmt.Println(checks.Evaluate(context.Background()).Status)
	// Output:
	// 200 {"status":"alive"}
	// 200 {"status":"ready"}
	// degraded
}

func ExampleHealth_Drain() {
	checks, err := health.New(health.Config{})
	if err != nil {
		panic(err)
	}
	// On SIGTERM, with a delay of the probe's period times its failure
	// threshold; then srv.Shutdown.
	if err := checks.Drain(context.Background(), 0); err != nil {
		fmt.Println(err)
	}
	rec := httptest.NewRecorder()
	checks.Ready().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/health/ready", nil))
	fmt.Print(rec.Code, " ", rec.Body)
	// Output: 503 {"status":"not_ready","reason":"draining"}
}
