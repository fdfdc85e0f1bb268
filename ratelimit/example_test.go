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

// Several limits: a tenant's plan, a quota for a day, and a ceiling for all. A
// request passes all of them, or takes nothing from any.
func ExampleConfig_limits() {
	perDay := func(*http.Request) (ratelimit.Tier, error) {
		return ratelimit.Per("day", 3, 24*time.Hour), nil // or looked up by plan
	}
	everyone := func(*http.Request) (string, error) { return "everyone", nil }
	lim, err := ratelimit.New(
		ratelimit.NewMemoryStore(ratelimit.MemoryConfig{}),
		ratelimit.ByHeader("X-Tenant"), ratelimit.Fixed(ratelimit.Free),
		ratelimit.Config{Limits: []ratelimit.Limit{
			{Name: "day", Tier: perDay},
			{Name: "service", Key: everyone, Tier: ratelimit.Fixed(ratelimit.Per("service", 10_000, time.Minute))},
		}},
	)
	if err != nil {
		panic(err)
	}
	h := lim.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 4 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Tenant", "acme")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Printf("%d %s %q\n", w.Code, w.Header().Get("X-RateLimit-Remaining"), w.Header().Get("Retry-After"))
	}
	// Output:
	// 200 2 ""
	// 200 1 ""
	// 200 0 ""
	// 429 0 "28800"
}

// Only failed logins count: five an hour, and as many good ones as one likes.
func ExampleConfig_charge() {
	lim, err := ratelimit.New(
		ratelimit.NewMemoryStore(ratelimit.MemoryConfig{}),
		ratelimit.ByHeader("X-Account"), ratelimit.Fixed(ratelimit.Per("logins", 5, time.Hour)),
		ratelimit.Config{Charge: func(status int, _ *http.Request) int {
			if status == http.StatusUnauthorized {
				return 1
			}
			return 0
		}},
	)
	if err != nil {
		panic(err)
	}
	login := lim.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Password") != "right" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	for _, password := range []string{"right", "a", "b", "right", "c", "d", "e", "right"} {
		r := httptest.NewRequest(http.MethodPost, "/login", nil)
		r.Header.Set("X-Account", "acme")
		r.Header.Set("X-Password", password)
		w := httptest.NewRecorder()
		login.ServeHTTP(w, r)
		fmt.Print(w.Code, " ")
	}
	// Output: 200 401 401 200 401 401 401 429
}

// A handler that shows what is left, without taking anything.
func ExampleFromContext() {
	lim, err := ratelimit.New(
		ratelimit.NewMemoryStore(ratelimit.MemoryConfig{}),
		ratelimit.ByHeader("X-Tenant"), ratelimit.Fixed(ratelimit.Paid),
		ratelimit.Config{Cost: func(r *http.Request) int {
			if r.URL.Path == "/quota" {
				return 0 // a peek
			}
			return 10
		}},
	)
	if err != nil {
		panic(err)
	}
	h := lim.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d, _ := ratelimit.FromContext(r.Context())
		fmt.Println(r.URL.Path, d.Policy, d.Tokens, "of", d.Burst)
	}))
	for _, path := range []string{"/export", "/quota", "/quota"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-Tenant", "acme")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// /export paid 90 of 100
	// /quota paid 90 of 100
	// /quota paid 90 of 100
}
