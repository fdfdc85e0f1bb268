package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bracework/bracework/ratelimit"
)

func Example() {
	store := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
	defer store.Close()
	tenant := ratelimit.ByHeader("X-Tenant") // set by the authenticating layer in front
	lim, err := ratelimit.New(store, tenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
	if err != nil {
		panic(err)
	}
	h := lim.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello")
	}))

	for i := range 11 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Tenant", "acme")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if i == 0 || i == 10 {
			fmt.Printf("%d remaining=%s retry=%q\n", w.Code, w.Header().Get("X-RateLimit-Remaining"), w.Header().Get("Retry-After"))
		}
	}
	// Output:
	// 200 remaining=5 retry=""
	// 429 remaining=0 retry="1"
}

// A tier per tenant. One that cannot be found is answered with 503.
func ExampleTierFunc() {
	plans := map[string]ratelimit.Tier{"acme": ratelimit.Paid, "initech": ratelimit.Free}
	tier := func(r *http.Request) (ratelimit.Tier, error) {
		plan, ok := plans[r.Header.Get("X-Tenant")]
		if !ok {
			return ratelimit.Tier{}, errors.New("no plan")
		}
		return plan, nil
	}
	store := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
	lim, err := ratelimit.New(store, ratelimit.ByHeader("X-Tenant"), tier, ratelimit.Config{})
	if err != nil {
		panic(err)
	}
	for _, tenant := range []string{"acme", "initech"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Tenant", tenant)
		d, err := lim.Allow(r)
		fmt.Println(d.Policy, d.Allowed, d.Tokens, err)
	}
	// Output:
	// paid true 99 <nil>
	// free true 9 <nil>
}

// Without HTTP: a consumer that spends tokens by the size of a job.
func ExampleLimiter_Take() {
	store := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
	byTenant := ratelimit.ByHeader("X-Tenant")
	lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
	if err != nil {
		panic(err)
	}
	exports := ratelimit.Per("exports", 100, time.Hour)
	for _, size := range []int{60, 60, 200} {
		d, err := lim.Take(context.Background(), "acme", exports, size)
		fmt.Println(d.Allowed, d.Tokens, d.RetryAfter.Round(time.Minute), d.RetryAfter == ratelimit.Never, err)
	}
	// Output:
	// true 40 0s false <nil>
	// false 40 12m0s false <nil>
	// false 40 0s true <nil>
}
