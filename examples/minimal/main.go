// A service whose payments a double click cannot charge twice, whose noisy
// tenant cannot starve the others, and whose probes answer in time.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/bracework/bracework/health"
	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/ratelimit"
)

func main() {
	tenant := idempotency.ByHeader("X-Account") // set by your authentication
	limit, err1 := ratelimit.New(ratelimit.NewMemoryStore(ratelimit.MemoryConfig{}),
		tenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
	once, err2 := idempotency.New(idempotency.NewMemoryStore(idempotency.MemoryConfig{}), tenant, idempotency.Config{RequireKey: true})
	probes, err3 := health.New(health.Config{Version: "1.0.0"})
	if err := errors.Join(err1, err2, err3); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	charge := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, "charged at %s\n", time.Now())
	})

	mux := http.NewServeMux()
	mux.Handle("POST /charges", limit.Handler(once.Handler(charge)))
	probes.Register(mux)
	srv := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, srv.ListenAndServe())
}
