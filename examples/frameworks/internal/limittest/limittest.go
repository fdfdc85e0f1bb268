package limittest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Recipe is what is tested.
type Recipe struct {
	// New is a service with GET /orders/{id} and GET /reports/{id}, whose handlers
	// call [Service.Order] and [Service.Report]. A logger of the framework
	// reports to [Service.Log], and a recovery inside of it answers panics with
	// 500; both are outside of the limiter.
	New func(l *ratelimit.Limiter, s *Service) http.Handler
	// LimitsUnknown tells that unknown paths are limited too.
	LimitsUnknown bool
	// OneRoute tells that [ratelimit.ByRoute] finds no routes.
	OneRoute bool
}

// Run tests r with the real server and client of net/http, in bubbles of
// testing/synctest: no time passes but that which a test lets pass.
func Run(t *testing.T, r Recipe) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Recipe)
	}{
		{"ten at once, then one every 200 ms", testFree},
		{"a tenant does not affect another", testTenants},
		{"two limits take all or nothing", testTwoLimits},
		{"server errors are refunded", testCharge},
		{"a skipped request is not touched", testSkip},
		{"routes have buckets of their own", testRoutes},
		{"unknown paths", testUnknown},
		{"a stream flows", testStream},
		{"a panic is recovered", testPanic},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { tt.test(t, r) })
		})
	}
}

func testFree(t *testing.T, r Recipe) {
	s := start(t, r, ratelimit.Config{})
	for left := 9; left >= 0; left-- {
		a := s.get(t, "/orders/7", "free")
		assert.Equal(t, Order{ID: "7", Policy: "free", Tokens: left}, a.order(t))
		assert.Equal(t, fmt.Sprintf("%d of 5", min(left, 5)), a.quota())
		assert.Empty(t, a.header.Get("Retry-After"))
		assert.Empty(t, a.header.Get("Cache-Control"))
	}
	for range 2 {
		a := s.get(t, "/orders/7", "free")
		a.refused(t, "1", 200, "free")
		assert.Equal(t, "0 of 5", a.quota())
	}
	time.Sleep(200*time.Millisecond - time.Nanosecond)
	s.get(t, "/orders/7", "free").refused(t, "1", 1, "free")
	time.Sleep(time.Nanosecond)
	assert.Equal(t, 0, s.get(t, "/orders/7", "free").order(t).Tokens)
	runs, logged := s.seen()
	assert.Equal(t, 11, runs, "nothing runs after a refusal, and nothing twice")
	assert.Equal(t, append(slices.Repeat([]int{200}, 10), 429, 429, 429, 200), logged)
}

func testTenants(t *testing.T, r Recipe) {
	s := start(t, r, ratelimit.Config{})
	for range 11 {
		s.get(t, "/orders/7", "free")
	}
	assert.Equal(t, http.StatusTooManyRequests, s.get(t, "/orders/7", "free").status)
	assert.Equal(t, "5 of 5", s.get(t, "/orders/7", "free too").quota())
	assert.Equal(t, Order{ID: "7", Policy: "paid", Tokens: 99}, s.get(t, "/orders/7", "paid").order(t))
	a := s.get(t, "/orders/7", "")
	assert.Equal(t, 9, a.order(t).Tokens, "who has no name shares a bucket with others who have none")
}

func testTwoLimits(t *testing.T, r Recipe) {
	s := start(t, r, ratelimit.Config{Limits: []ratelimit.Limit{
		{Name: "address", Key: byAddress(t), Tier: ratelimit.Fixed(ratelimit.Per("", 3, time.Minute))},
	}})
	from := func(address, tenant string) answer {
		t.Helper()
		return s.get(t, "/orders/7", tenant, "X-Forwarded-For", address)
	}
	for left := 2; left >= 0; left-- {
		a := from("192.0.2.1", "free")
		assert.Equal(t, Order{ID: "7", Policy: "address", Tokens: left}, a.order(t))
		assert.Equal(t, fmt.Sprintf("%d of 3", left), a.quota())
	}
	for range 20 {
		from("192.0.2.1", "free too").refused(t, "20", 20_000, "address")
	}
	assert.Equal(t, 10, s.tokens(t, "free too"), "the address has cost the tenant nothing")

	for i := range 7 {
		assert.Equal(t, http.StatusOK, from(fmt.Sprintf("198.51.100.%d", i), "free").status)
	}
	for range 20 {
		from("192.0.2.9", "free").refused(t, "1", 200, "free")
	}
	from("192.0.2.1", "free").refused(t, "20", 20_000, "address", "free")
	assert.Equal(t, "2 of 3", from("192.0.2.9", "free too").quota(), "the tenant has cost the address nothing")
}

func testCharge(t *testing.T, r Recipe) {
	var (
		mu      sync.Mutex
		charged []int
	)
	s := start(t, r, ratelimit.Config{Charge: func(status int, _ *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		charged = append(charged, status)
		if status >= 500 {
			return 0
		}
		return 1
	}})
	close(s.next)
	for i, tt := range []struct {
		path           string
		status, charge int
		tokens         int // after it
	}{
		{"/orders/fail", 500, 500, 10},
		{"/orders/panic", 500, 500, 10},
		{"/orders/7", 200, 200, 9},
		{"/reports/7", 200, 200, 8},
		{"/reports/cut", 200, 200, 7},
		{"/orders/fail", 500, 500, 7},
	} {
		a := s.get(t, tt.path, "free")
		assert.Equal(t, tt.status, a.status, tt.path)
		assert.Equal(t, tt.tokens, s.tokens(t, "free"), tt.path)
		require.Len(t, charged, i+1, tt.path)
		assert.Equal(t, tt.charge, charged[i], tt.path)
	}
	for range 8 {
		s.get(t, "/orders/7", "free")
	}
	assert.Len(t, charged, 6+7, "a refusal is free")
	s.get(t, "/orders/7", "free").refused(t, "1", 200, "free")
	_, logged := s.seen()
	assert.Equal(t, []int{500, 500, 200, 200}, logged[:4])
}

func testSkip(t *testing.T, r Recipe) {
	s := start(t, r, ratelimit.Config{Skip: func(r *http.Request) bool { return r.Header.Get("X-Probe") != "" }})
	for range 12 {
		a := s.get(t, "/orders/7", "free", "X-Probe", "1")
		assert.Equal(t, Order{ID: "7"}, a.order(t))
		assert.Equal(t, " of ", a.quota())
	}
	assert.Equal(t, 10, s.tokens(t, "free"))
}

func testRoutes(t *testing.T, r Recipe) {
	s := startKeyed(t, r, ratelimit.ByRoute(ratelimit.ByHeader("X-Tenant")), ratelimit.Config{})
	close(s.next)
	for i := range 10 {
		assert.Equal(t, http.StatusOK, s.get(t, fmt.Sprintf("/orders/%d", i), "free").status)
	}
	s.get(t, "/orders/10", "free").refused(t, "1", 200, "free")
	if other := s.get(t, "/reports/1", "free"); r.OneRoute {
		assert.Equal(t, http.StatusTooManyRequests, other.status)
	} else {
		assert.Equal(t, http.StatusOK, other.status)
	}
}

func testUnknown(t *testing.T, r Recipe) {
	s := start(t, r, ratelimit.Config{})
	for range 10 {
		assert.Equal(t, http.StatusNotFound, s.get(t, "/unknown", "free").status)
	}
	if last := s.get(t, "/unknown", "free"); r.LimitsUnknown {
		last.refused(t, "1", 200, "free")
	} else {
		assert.Equal(t, http.StatusNotFound, last.status)
	}
}

// all configurations under which the handler has a writer of its own, or not.
func configs() map[string]ratelimit.Config {
	return map[string]ratelimit.Config{
		"plain":  {},
		"charge": {Charge: func(int, *http.Request) int { return 1 }},
	}
}

// What is flushed arrives while the handler runs.
func testStream(t *testing.T, r Recipe) {
	for name, cfg := range configs() {
		s := start(t, r, cfg)
		resp := s.open(t, "/reports/7", "free")
		first := make([]byte, len("first "))
		_, err := io.ReadFull(resp.Body, first)
		require.NoError(t, err, name)
		assert.Equal(t, "first ", string(first), name)
		close(s.next)
		rest, err := io.ReadAll(resp.Body)
		require.NoError(t, err, name)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, "second", string(rest), name)
		assert.Equal(t, "5", resp.Header.Get("X-RateLimit-Remaining"), name)
	}
}

func testPanic(t *testing.T, r Recipe) {
	for name, cfg := range configs() {
		s := start(t, r, cfg)
		a := s.get(t, "/orders/panic", "free")
		assert.Equal(t, http.StatusInternalServerError, a.status, name)
		assert.Equal(t, "5 of 5", a.quota(), name)
		assert.Equal(t, 8, s.get(t, "/orders/7", "free").order(t).Tokens, name)
		_, logged := s.seen()
		assert.Equal(t, []int{500, 200}, logged, name)
	}
}
