package redisstore_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/alicebob/miniredis/v2"
	"github.com/bracework/bracework/ratelimit"
	"github.com/redis/go-redis/v9"

	"github.com/bracework/bracework/ratelimit/redisstore"
)

// Two replicas share one Redis, and the buckets in it.
func ExampleNew() {
	server, err := miniredis.Run() // stands in for your Redis
	if err != nil {
		panic(err)
	}
	defer server.Close()

	tier := ratelimit.Tier{Name: "trial", Rate: 1.0 / 60, Burst: 3}
	replica := func() http.Handler {
		client := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
		store, err := redisstore.New(client, redisstore.Config{})
		if err != nil {
			panic(err)
		}
		limiter, err := ratelimit.New(store, ratelimit.ByHeader("X-Tenant"), ratelimit.Fixed(tier), ratelimit.Config{})
		if err != nil {
			panic(err)
		}
		return limiter.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	}

	replicas := []http.Handler{replica(), replica()}
	for i := range 4 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Tenant", "acme")
		w := httptest.NewRecorder()
		replicas[i%2].ServeHTTP(w, r)
		fmt.Printf("%d, %s left\n", w.Code, w.Header().Get("X-RateLimit-Remaining"))
	}
	// Output:
	// 200, 2 left
	// 200, 1 left
	// 200, 0 left
	// 429, 0 left
}
