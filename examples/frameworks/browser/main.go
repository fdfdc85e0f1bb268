// A page that pays once, however often its user clicks and whatever the
// network loses, with an API on another origin.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/bracework/bracework/idempotency"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	pages, err := net.Listen("tcp", "127.0.0.1:8080") //nolint:noctx // the program's own listener
	if err != nil {
		return err
	}
	calls, err := net.Listen("tcp", "127.0.0.1:8081") //nolint:noctx // likewise
	if err != nil {
		return err
	}
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{RequireKey: true})
	if err != nil {
		return err
	}
	origin, api := "http://"+pages.Addr().String(), "http://"+calls.Addr().String()
	fmt.Println(origin)
	failed := make(chan error)
	go func() { failed <- serve(pages, page(api)) }()
	go func() { failed <- serve(calls, cors(routes(m, charge()), origin)) }()
	return <-failed
}

func serve(l net.Listener, h http.Handler) error {
	return (&http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}).Serve(l)
}

//go:embed page.html
var html string

// page serves the page, which calls api.
func page(api string) http.Handler {
	t := template.Must(template.New("page").Parse(html))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = t.Execute(w, api)
	})
}

func routes(m *idempotency.Middleware, charge http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /charges", m.Handler(charge))
	return mux
}

// charge takes long enough for a second click.
func charge() http.HandlerFunc {
	var charges atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		var order struct{ Amount int }
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			http.Error(w, "no order", http.StatusBadRequest)
			return
		}
		time.Sleep(300 * time.Millisecond)
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, "charge %d over %d", charges.Add(1), order.Amount)
	}
}
