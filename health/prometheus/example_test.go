package healthprometheus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bracework/bracework/health"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	healthprometheus "github.com/bracework/bracework/health/prometheus"
)

// The metrics join those of the program, at its own /metrics.
func Example() {
	checks, err := health.New(health.Config{},
		health.Check{Name: "database", Checker: health.CheckFunc(func(context.Context) error { return nil })},
		health.Check{Name: "mail", Optional: true, Checker: health.CheckFunc(func(context.Context) error {
			return errors.New("connection refused")
		})},
	)
	if err != nil {
		panic(err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(healthprometheus.NewCollector(checks))
	mux := http.NewServeMux()
	checks.Register(mux)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))

	for _, path := range []string{"/health", "/metrics"} { // a probe, then a scrape
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		lines := bufio.NewScanner(rec.Body)
		for lines.Scan() {
			if line := lines.Text(); strings.HasPrefix(line, "health_check_status") && strings.HasSuffix(line, " 1") || strings.HasPrefix(line, "health_up") {
				fmt.Println(line)
			}
		}
	}
	// Output:
	// health_check_status{check="database",status="ok"} 1
	// health_check_status{check="mail",status="degraded"} 1
	// health_up 1
}
