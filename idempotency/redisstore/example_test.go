package redisstore_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/alicebob/miniredis/v2"
	"github.com/bracework/bracework/idempotency"
	"github.com/redis/go-redis/v9"

	"github.com/bracework/bracework/idempotency/redisstore"
)

// Two replicas share one Redis: what one has run, the other replays.
func Example() {
	server, err := miniredis.Run() // stands in for your Redis
	if err != nil {
		panic(err)
	}
	defer server.Close()

	replica := func(name string) http.Handler {
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
		store, err := redisstore.New(client, redisstore.Config{})
		if err != nil {
			panic(err)
		}
		m, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{})
		if err != nil {
			panic(err)
		}
		return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "charged by ", name)
		}))
	}

	for _, h := range []http.Handler{replica("a"), replica("b")} {
		r := httptest.NewRequest(http.MethodPost, "/charges", nil)
		r.Header.Set("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Printf("%s replay=%q\n", w.Body, w.Header().Get("X-Idempotency-Replay"))
	}
	// Output:
	// charged by a replay=""
	// charged by a replay="true"
}
