// A service whose payments a double click cannot charge twice, and whose noisy
// tenant cannot starve the others.
package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/template"
)

func main() {
	tenant := idempotency.ByHeader("X-Account") // set by your authentication
	limit, err1 := ratelimit.New(ratelimit.NewMemoryStore(ratelimit.MemoryConfig{}),
		tenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
	once, err2 := idempotency.New(idempotency.NewMemoryStore(idempotency.MemoryConfig{}), tenant, idempotency.Config{})
	receipt, err3 := template.Compile("Charged {{amount}} to {{customer.name}}")
	if err := errors.Join(err1, err2, err3); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	charge := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text, err := receipt.Append(nil, body)
		if err != nil {
			http.Error(w, "amount and customer.name are required", http.StatusUnprocessableEntity)
			return
		}
		_, _ = w.Write(text)
	}
	http.Handle("POST /charges", limit.Handler(once.Handler(http.HandlerFunc(charge))))
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:8080", nil))
}
