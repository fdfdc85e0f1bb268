package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// only hides what a store can do besides.
type only struct{ ratelimit.Store }

// refunding hides everything but refunds.
type refunding struct {
	ratelimit.Store
	ratelimit.Refunder
}

// stores are the kinds of store that several limits can have.
func stores() map[string]func() ratelimit.Store {
	return map[string]func() ratelimit.Store{
		"several at once": func() ratelimit.Store { return newStore() },
		"one by one":      func() ratelimit.Store { s := newStore(); return refunding{s, s} },
	}
}

func limiterOn(t *testing.T, store ratelimit.Store, tier ratelimit.Tier, cfg ratelimit.Config) *ratelimit.Limiter {
	t.Helper()
	lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(tier), cfg)
	require.NoError(t, err)
	return lim
}

func everyone(*http.Request) (string, error) { return "everyone", nil }

// A request passes all limits, or takes nothing from any.
func TestLimits(t *testing.T) {
	t.Parallel()
	minute, day := ratelimit.Per("m", 5, time.Minute), ratelimit.Per("d", 8, 24*time.Hour)
	for name, newStore := range stores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newStore()
				lim := limiterOn(t, store, minute, ratelimit.Config{Limits: []ratelimit.Limit{
					{Name: "day", Tier: ratelimit.Fixed(day)},
					{Name: "all", Key: everyone, Tier: ratelimit.Fixed(ratelimit.Per("a", 12, time.Hour))},
				}})
				h := lim.Handler(hello)
				tokens := func(key string, tier ratelimit.Tier) int { return take(t, store, key, tier, 0).Tokens }

				for i := range 5 {
					w := do(h, "acme")
					require.Equal(t, http.StatusOK, w.Code)
					assert.Equal(t, [3]string{"5", string(rune('4' - i)), ""}, quota(w.Header()), "what leaves the least")
				}
				for range 3 {
					w := do(h, "acme")
					require.Equal(t, http.StatusTooManyRequests, w.Code)
					assert.Equal(t, [3]string{"5", "0", "12"}, quota(w.Header()))
					assert.Contains(t, w.Body.String(), `"violated-policies":["m"],"retry_after_ms":12000}`)
				}
				assert.Equal(t, 3, tokens(ratelimit.JoinKey("day", "acme"), day), "refusals of one limit took nothing from another")
				assert.Equal(t, 7, tokens(ratelimit.JoinKey("all", "everyone"), ratelimit.Per("a", 12, time.Hour)))

				time.Sleep(time.Minute)
				for range 3 {
					require.Equal(t, http.StatusOK, do(h, "acme").Code)
				}
				w := do(h, "acme")
				require.Equal(t, http.StatusTooManyRequests, w.Code)
				assert.Equal(t, "8", quota(w.Header())[0], "the limit that refuses")
				assert.Contains(t, w.Body.String(), `"violated-policies":["day"]`)
				assert.Equal(t, 2, tokens("acme", minute))

				for range 4 {
					require.Equal(t, http.StatusOK, do(h, "initech").Code)
				}
				w = do(h, "initech")
				require.Equal(t, http.StatusTooManyRequests, w.Code)
				assert.Contains(t, w.Body.String(), `"violated-policies":["all"]`)
				assert.Equal(t, 1, tokens("initech", minute))
				assert.Equal(t, 4, tokens(ratelimit.JoinKey("day", "initech"), day))
			})
		})
	}
}

// Of limits that refuse together, the longest wait counts, and all are named.
func TestLimitsRefuseTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var costs atomic.Int64
		costs.Store(1)
		lim := limiterOn(t, newStore(), ratelimit.Per("m", 1, time.Minute), ratelimit.Config{
			Cost:   func(*http.Request) int { return int(costs.Load()) },
			Limits: []ratelimit.Limit{{Name: "hour", Tier: ratelimit.Fixed(ratelimit.Per("x", 1, time.Hour))}},
		})
		h := lim.Handler(hello)
		require.Equal(t, http.StatusOK, do(h, "acme").Code)
		w := do(h, "acme")
		assert.Equal(t, "3600", w.Header().Get("Retry-After"))
		assert.Contains(t, w.Body.String(), `"violated-policies":["hour","m"],"retry_after_ms":3600000}`)
		costs.Store(2)
		w = do(h, "acme")
		assert.Empty(t, w.Header().Get("Retry-After"), "no wait helps")
		assert.NotContains(t, w.Body.String(), "retry_after_ms")
	})
}

// Sixty-four clients of two limits: what is refused by one of them is never
// missing in the other.
func TestLimitsConcurrent(t *testing.T) {
	t.Parallel()
	store := newStore()
	own, all := ratelimit.Per("own", 5, time.Hour), ratelimit.Per("all", 100, time.Hour)
	lim := limiterOn(t, store, own, ratelimit.Config{Limits: []ratelimit.Limit{{Name: "all", Key: everyone, Tier: ratelimit.Fixed(all)}}})
	tenants := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var admitted [8]atomic.Int64
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for range 20 {
				if d, err := lim.Allow(request(tenants[g%8])); err == nil && d.Allowed {
					admitted[g%8].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i, tenant := range tenants {
		assert.Equal(t, int64(5), admitted[i].Load())
		assert.Zero(t, take(t, store, tenant, own, 0).Tokens)
	}
	assert.Equal(t, 60, take(t, store, ratelimit.JoinKey("all", "everyone"), all, 0).Tokens)
}

// Without refunds, the earlier limits have charged; that much is documented.
func TestLimitsOnPlainStore(t *testing.T) {
	t.Parallel()
	store := newStore()
	lim := limiterOn(t, only{store}, ratelimit.Per("m", 5, time.Hour), ratelimit.Config{Limits: []ratelimit.Limit{
		{Name: "once", Tier: ratelimit.Fixed(ratelimit.Per("o", 1, time.Hour))},
	}})
	require.True(t, must(lim.Allow(request("acme"))).Allowed)
	d := must(lim.Allow(request("acme")))
	assert.False(t, d.Allowed)
	assert.Equal(t, "once", d.Policy)
	assert.Equal(t, 3, take(t, store, "acme", ratelimit.Per("m", 5, time.Hour), 0).Tokens)
}

func must(d ratelimit.Decision, err error) ratelimit.Decision {
	if err != nil {
		panic(err)
	}
	return d
}

// Unlimited and blocked tiers among several.
func TestLimitsWithoutBucket(t *testing.T) {
	t.Parallel()
	unlimited, blocked, two := ratelimit.Unlimited("u"), ratelimit.Blocked("b"), ratelimit.Per("two", 2, time.Hour)
	tests := []struct {
		name          string
		first, second ratelimit.Tier
		status        int
		want          [3]string
	}{
		{"unlimited and limited", unlimited, two, 200, [3]string{"2", "1", ""}},
		{"limited and unlimited", two, unlimited, 200, [3]string{"2", "1", ""}},
		{"both unlimited", unlimited, unlimited, 200, [3]string{}},
		{"blocked and limited", blocked, two, 429, [3]string{"0", "0", ""}},
		{"limited and blocked", two, blocked, 429, [3]string{"0", "0", ""}},
		{"unlimited and blocked", unlimited, blocked, 429, [3]string{"0", "0", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := newStore()
			lim := limiterOn(t, store, tt.first, ratelimit.Config{Limits: []ratelimit.Limit{{Name: "second", Tier: ratelimit.Fixed(tt.second)}}})
			w := do(lim.Handler(hello), "acme")
			assert.Equal(t, tt.status, w.Code)
			assert.Equal(t, tt.want, quota(w.Header()))
			if tt.status == http.StatusTooManyRequests {
				assert.Zero(t, store.Stats().Keys, "nothing is taken")
				assert.Contains(t, w.Body.String(), `never admits`)
			}
		})
	}
}

func TestBlocked(t *testing.T) {
	t.Parallel()
	tier := ratelimit.Blocked("suspended")
	require.NoError(t, tier.Validate())
	assert.True(t, tier.IsBlocked())
	assert.False(t, tier.IsUnlimited())
	assert.Equal(t, "suspended: blocked", tier.String())
	store := newStore()
	lim := limiterOn(t, store, tier, ratelimit.Config{Cost: func(*http.Request) int { return 0 }})
	w := do(lim.Handler(hello), "acme")
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.Equal(t, [3]string{"0", "0", ""}, quota(w.Header()))
	assert.Contains(t, w.Body.String(), `"violated-policies":["suspended"]}`)
	d := take(t, store, "acme", tier, 1)
	assert.Equal(t, ratelimit.Decision{Policy: "suspended", Cost: 1, RetryAfter: ratelimit.Never, Source: ratelimit.SourceBypass}, d)
	assert.Zero(t, store.Stats().Keys)
	for _, invalid := range []ratelimit.Tier{{}, {Burst: -1}, {Rate: -1, Burst: 1}} {
		require.Error(t, invalid.Validate())
		assert.False(t, invalid.IsBlocked())
	}
}

// Limiters of different names share a store and no bucket.
func TestNames(t *testing.T) {
	t.Parallel()
	store, once := newStore(), ratelimit.Per("once", 1, time.Hour)
	var limiters []*ratelimit.Limiter
	for _, name := range []string{"", "login", "search"} {
		limiters = append(limiters, limiterOn(t, store, once, ratelimit.Config{Name: name}))
	}
	tenants := []string{"acme", "", "\x00login\x00acme", "\x00", "login\x00acme", "\x00\x00acme", "\x00\x00\x00login\x00acme"}
	for _, tenant := range tenants {
		for i, lim := range limiters {
			if i > 0 && tenant == "" {
				continue // the shared tier has ten
			}
			d, err := lim.Take(t.Context(), tenant, once, 1)
			require.NoError(t, err)
			assert.True(t, d.Allowed, "limiter %d, tenant %q", i, tenant)
			assert.Equal(t, "once", d.Policy, "the name is that of the buckets")
		}
	}
	d, err := limiters[1].Take(t.Context(), "acme", once, 1)
	require.NoError(t, err)
	assert.False(t, d.Allowed)
}

func FuzzSplitKey(f *testing.F) {
	f.Add("login", "acme", "", "\x00login\x00acme")
	f.Add("", "\x00", "", "")
	f.Fuzz(func(t *testing.T, limit1, tenant1, limit2, tenant2 string) {
		store, tier := &keys{}, ratelimit.Per("t", 1, time.Hour)
		for _, k := range [][2]string{{limit1, tenant1}, {limit2, tenant2}} {
			lim, err := ratelimit.New(store, byTenant, ratelimit.Fixed(tier), ratelimit.Config{Name: k[0]})
			if err != nil {
				return // no name for a limit
			}
			_, err = lim.Take(t.Context(), k[1], tier, 1)
			require.NoError(t, err)
			limit, tenant := ratelimit.SplitKey(store.seen[len(store.seen)-1])
			assert.Equal(t, k[0], limit)
			assert.Equal(t, k[1], tenant)
		}
		assert.Equal(t, limit1 == limit2 && tenant1 == tenant2, store.seen[0] == store.seen[1])
	})
}

// keys remembers them.
type keys struct{ seen []string }

func (k *keys) Take(_ context.Context, key string, tier ratelimit.Tier, cost int) (ratelimit.Decision, error) {
	k.seen = append(k.seen, key)
	return tier.Decide(0, cost), nil
}

// A tier of one of the limits that cannot be used refuses the request, and
// takes nothing.
func TestLimitsInvalidTier(t *testing.T) {
	t.Parallel()
	var logs logLines
	store := newStore()
	lim := limiterOn(t, store, ratelimit.Free, ratelimit.Config{
		Logger: logs.logger(), Limits: []ratelimit.Limit{{Name: "bad", Tier: invalid}},
	})
	for range 3 {
		w := do(lim.Handler(hello), "acme")
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	}
	assert.Zero(t, store.Stats().Keys)
	assert.Len(t, logs.lines(), 1)
}

func TestByRoute(t *testing.T) {
	t.Parallel()
	lim, err := ratelimit.New(newStore(), ratelimit.ByRoute(byTenant), ratelimit.Fixed(ratelimit.Per("once", 1, time.Hour)), ratelimit.Config{})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("GET /orders/{id}", lim.Handler(hello))
	mux.Handle("GET /users/{id}", lim.Handler(hello))
	status := func(path, tenant string) int {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-Tenant", tenant)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code
	}
	assert.Equal(t, 200, status("/orders/1", "acme"))
	assert.Equal(t, 429, status("/orders/2", "acme"), "another path of one route")
	assert.Equal(t, 200, status("/users/1", "acme"))
	assert.Equal(t, 200, status("/orders/1", "initech"))

	outside := lim.Handler(mux)
	w := httptest.NewRecorder()
	outside.ServeHTTP(w, request("hooli"))
	w = httptest.NewRecorder()
	outside.ServeHTTP(w, request("hooli"))
	assert.Equal(t, 429, w.Code, "around the mux all routes of a tenant are one")
}
