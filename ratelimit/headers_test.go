package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

// RateLimit-Policy and RateLimit, draft-ietf-httpapi-ratelimit-headers-11.
func TestIETFDraft11(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		tier          ratelimit.Tier
		limits        []ratelimit.Limit
		before        int
		policy, quota string
	}{
		{"free", ratelimit.Free, nil, 0, `"free";q=10;w=2`, `"free";r=9;t=1`},
		{"paid", ratelimit.Paid, nil, 50, `"paid";q=100;w=2`, `"paid";r=49;t=1`},
		{"refused", ratelimit.Per("hourly", 10, time.Hour), nil, 10, `"hourly";q=10;w=3600`, `"hourly";r=0;t=360`},
		{"no name", ratelimit.Tier{Rate: 1, Burst: 3}, nil, 0, `"default";q=3;w=3`, `"default";r=2;t=1`},
		{
			"several", ratelimit.Free,
			[]ratelimit.Limit{{Name: "day", Tier: ratelimit.Fixed(ratelimit.Per("x", 1000, 24*time.Hour))}},
			0,
			`"free";q=10;w=2, "day";q=1000;w=86400`, `"free";r=9;t=1, "day";r=999;t=87`,
		},
		{"unlimited", ratelimit.Unlimited("u"), nil, 0, "", ""},
		{"blocked", ratelimit.Blocked("b"), nil, 0, "", ""},
		{
			"unlimited beside another", ratelimit.Unlimited("u"),
			[]ratelimit.Limit{{Name: "free", Tier: ratelimit.Fixed(ratelimit.Free)}},
			0,
			`"free";q=10;w=2`, `"free";r=9;t=1`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lim := limiterOn(t, newStore(), tt.tier, ratelimit.Config{Headers: ratelimit.IETFDraft11 | ratelimit.RetryAfter, Limits: tt.limits})
				_ = must(lim.Take(t.Context(), "acme", tt.tier, tt.before))
				w := do(lim.Handler(hello), "acme")
				assert.Equal(t, tt.policy, w.Header().Get("RateLimit-Policy"))
				assert.Equal(t, tt.quota, w.Header().Get("RateLimit"))
				assert.Empty(t, w.Header().Get("X-RateLimit-Limit"))
			})
		})
	}
	t.Run("full bucket has no t", func(t *testing.T) {
		t.Parallel()
		lim := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{Headers: ratelimit.IETFDraft11, Cost: func(*http.Request) int { return 0 }})
		assert.Equal(t, `"free";r=10`, do(lim.Handler(hello), "acme").Header().Get("RateLimit"))
	})
	t.Run("t is never later than Retry-After", func(t *testing.T) {
		t.Parallel()
		lim := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{Headers: ratelimit.IETFDraft11 | ratelimit.RetryAfter, Cost: func(*http.Request) int { return 10 }})
		do(lim.Handler(hello), "acme")
		w := do(lim.Handler(hello), "acme")
		assert.Equal(t, `"free";r=0;t=1`, w.Header().Get("RateLimit"))
		assert.Equal(t, "2", w.Header().Get("Retry-After"))
	})
	t.Run("stacked limiters make one list", func(t *testing.T) {
		t.Parallel()
		outer := limiterOn(t, newStore(), ratelimit.Paid, ratelimit.Config{Headers: ratelimit.IETFDraft11})
		inner := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{Headers: ratelimit.IETFDraft11})
		h := do(outer.Handler(inner.Handler(hello)), "acme").Header()
		assert.Equal(t, []string{`"paid";q=100;w=2, "free";q=10;w=2`}, h.Values("RateLimit-Policy"))
		assert.Equal(t, []string{`"paid";r=99;t=1, "free";r=9;t=1`}, h.Values("RateLimit"))
	})
}

func TestExposeHeaders(t *testing.T) {
	t.Parallel()
	const names = "X-RateLimit-Limit, X-RateLimit-Remaining, Retry-After"
	lim := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{ExposeHeaders: true})
	h := lim.Handler(hello)
	for i := range 11 {
		w := do(h, "acme")
		require.Equal(t, i == 10, w.Code == http.StatusTooManyRequests)
		assert.Equal(t, []string{names}, w.Header().Values("Access-Control-Expose-Headers"), "admitted and refused")
	}
	t.Run("beside others, once", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		w.Header().Set("Access-Control-Expose-Headers", "ETag")
		inner := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{ExposeHeaders: true})
		inner.Handler(inner.Handler(hello)).ServeHTTP(w, request("acme"))
		assert.Equal(t, []string{"ETag, " + names}, w.Header().Values("Access-Control-Expose-Headers"))
	})
	t.Run("not unless asked, nor in the shadow", func(t *testing.T) {
		t.Parallel()
		for _, cfg := range []ratelimit.Config{{}, {ExposeHeaders: true, Shadow: func(*http.Request) bool { return true }}} {
			w := do(limiterOn(t, newStore(), ratelimit.Free, cfg).Handler(hello), "acme")
			assert.Empty(t, w.Header().Values("Access-Control-Expose-Headers"))
		}
	})
}

func TestHeaderSetNames(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "Retry-After", "RateLimit-Policy", "RateLimit"},
		(ratelimit.XRateLimit | ratelimit.RetryAfter | ratelimit.IETFDraft11).Names())
	assert.Empty(t, ratelimit.NoHeaders.Names())
}

// No value of a client comes back in a header or a body.
func TestNothingIsEchoed(t *testing.T) {
	t.Parallel()
	lim := limiterOn(t, newStore(), ratelimit.Per("one", 1, time.Hour), ratelimit.Config{
		Headers: ratelimit.XRateLimit | ratelimit.RetryAfter | ratelimit.IETFDraft11, ExposeHeaders: true,
	})
	for range 2 {
		w := do(lim.Handler(hello), "s3cret-tenant")
		assert.NotContains(t, w.Body.String(), "s3cret")
		for name, values := range w.Header() {
			assert.NotContains(t, name+values[0], "s3cret")
		}
	}
}
