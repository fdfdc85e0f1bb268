package ratelimit_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/memhttp"
	"github.com/bracework/bracework/ratelimit"
)

var byTenant = ratelimit.ByHeader("X-Tenant")

func newLimiter(t *testing.T, tier ratelimit.TierFunc, cfg ratelimit.Config) *ratelimit.Limiter {
	t.Helper()
	lim, err := ratelimit.New(newStore(), byTenant, tier, cfg)
	require.NoError(t, err)
	return lim
}

// invalid is a TierFunc that New cannot look into.
func invalid(*http.Request) (ratelimit.Tier, error) { return ratelimit.Tier{}, nil }

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })

func request(tenant string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if tenant != "" {
		r.Header.Set("X-Tenant", tenant)
	}
	return r
}

func do(h http.Handler, tenant string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(tenant))
	return w
}

// quota is what a client sees of the limit.
func quota(h http.Header) [3]string {
	return [3]string{h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("Retry-After")}
}

// The contract of the free tier, through a real server.
func TestHandlerFreeTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := memhttp.New(t, newLimiter(t, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{}).Handler(hello))
		get := func(tenant string) (*http.Response, string) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, memhttp.URL, nil)
			require.NoError(t, err)
			r.Header.Set("X-Tenant", tenant)
			resp, err := srv.Client().Do(r)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return resp, string(body)
		}
		remaining := []string{"5", "5", "5", "5", "5", "4", "3", "2", "1", "0"}
		for i, want := range remaining {
			resp, body := get("acme")
			require.Equal(t, http.StatusOK, resp.StatusCode, "request %d", i+1)
			assert.Equal(t, [3]string{"5", want, ""}, quota(resp.Header))
			assert.Empty(t, resp.Header.Get("Cache-Control"))
			assert.Equal(t, "hello", body)
		}

		resp, body := get("acme")
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
		assert.Equal(t, [3]string{"5", "0", "1"}, quota(resp.Header))
		assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		assert.JSONEq(t, `{
			"type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
			"title": "Quota exceeded",
			"status": 429,
			"detail": "Wait retry_after_ms milliseconds before you repeat the request.",
			"violated-policies": ["free"],
			"retry_after_ms": 200
		}`, body)

		resp, _ = get("initech")
		assert.Equal(t, http.StatusOK, resp.StatusCode, "another tenant is not affected")

		time.Sleep(199 * time.Millisecond)
		resp, body = get("acme")
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
		assert.Contains(t, body, `"retry_after_ms":1}`)
		time.Sleep(time.Millisecond)
		resp, _ = get("acme")
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, [3]string{"5", "0", ""}, quota(resp.Header))
		resp, _ = get("acme")
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)

		time.Sleep(24 * time.Hour)
		for i := range 11 {
			resp, _ = get("acme")
			assert.Equal(t, i < 10, resp.StatusCode == http.StatusOK, "a full burst after a day, no more")
		}
	})
}

func TestHandlerHeaders(t *testing.T) {
	t.Parallel()
	hourly := ratelimit.Per("hourly", 10, time.Hour)
	tests := []struct {
		name   string
		tier   ratelimit.Tier
		cost   int
		before int // tokens taken before
		cfg    ratelimit.Config
		status int
		want   [3]string
	}{
		{"paid", ratelimit.Paid, 1, 0, ratelimit.Config{}, 200, [3]string{"50", "50", ""}},
		{"limit defaults to burst", hourly, 1, 0, ratelimit.Config{}, 200, [3]string{"10", "9", ""}},
		{"cost", hourly, 7, 0, ratelimit.Config{}, 200, [3]string{"10", "3", ""}},
		{"cost above what is left", hourly, 7, 5, ratelimit.Config{}, 429, [3]string{"10", "5", "720"}},
		{"cost above burst: no wait would help", hourly, 11, 0, ratelimit.Config{}, 429, [3]string{"10", "10", ""}},
		{"cost 0 passes an empty bucket", hourly, 0, 10, ratelimit.Config{}, 200, [3]string{"10", "0", ""}},
		{"negative cost is 0", hourly, -1, 5, ratelimit.Config{}, 200, [3]string{"10", "5", ""}},
		{"unlimited", ratelimit.Unlimited("internal"), 1, 0, ratelimit.Config{}, 200, [3]string{}},
		{"limit above burst", ratelimit.Tier{Rate: 1, Burst: 2, Limit: 60}, 1, 0, ratelimit.Config{}, 200, [3]string{"60", "1", ""}},
		{"wait under a second", ratelimit.Paid, 1, 100, ratelimit.Config{}, 429, [3]string{"50", "0", "1"}},
		{"wait of exactly two seconds", ratelimit.Free, 10, 10, ratelimit.Config{}, 429, [3]string{"5", "0", "2"}},
		{"only Retry-After", hourly, 1, 10, ratelimit.Config{Headers: ratelimit.RetryAfter}, 429, [3]string{"", "", "360"}},
		{"only X-RateLimit", hourly, 1, 10, ratelimit.Config{Headers: ratelimit.XRateLimit}, 429, [3]string{"10", "0", ""}},
		{"no headers", hourly, 1, 10, ratelimit.Config{Headers: ratelimit.NoHeaders}, 429, [3]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.cfg.Cost = func(*http.Request) int { return tt.cost }
				lim := newLimiter(t, ratelimit.Fixed(tt.tier), tt.cfg)
				d, err := lim.Take(t.Context(), "acme", tt.tier, tt.before)
				require.NoError(t, err)
				require.True(t, d.Allowed)
				w := do(lim.Handler(hello), "acme")
				assert.Equal(t, tt.status, w.Code)
				assert.Equal(t, tt.want, quota(w.Header()))
				for name, values := range w.Header() {
					assert.Len(t, values, 1, name)
				}
				if tt.status == http.StatusTooManyRequests {
					assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
					var doc map[string]any
					require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
					assert.Equal(t, tt.cost <= tt.tier.Burst, doc["retry_after_ms"] != nil)
				}
			})
		})
	}
}

// Two limits in one chain: one pair of headers, of the stricter.
func TestHandlerStacked(t *testing.T) {
	t.Parallel()
	wide, narrow := ratelimit.Per("wide", 100, time.Hour), ratelimit.Per("narrow", 10, time.Hour)
	tests := []struct {
		name         string
		outer, inner ratelimit.Tier
		costs        []int // of the inner
		status       int   // of the last request
		want         [3]string
	}{
		{"outer is stricter", narrow, wide, []int{1}, 200, [3]string{"10", "9", ""}},
		{"inner is stricter", wide, narrow, []int{1}, 200, [3]string{"10", "9", ""}},
		{"as much left: the smaller limit", ratelimit.Per("o", 3, time.Hour), ratelimit.Per("i", 4, time.Hour), []int{2}, 200, [3]string{"3", "2", ""}},
		{"as much left: the smaller limit inside", ratelimit.Per("o", 4, time.Hour), ratelimit.Per("i", 3, time.Hour), []int{0}, 200, [3]string{"3", "3", ""}},
		{"inner refuses", wide, narrow, []int{10, 1}, 429, [3]string{"10", "0", "360"}},
		{"inner refuses with the outer at 0", ratelimit.Per("o", 2, time.Hour), narrow, []int{10, 1}, 429, [3]string{"10", "0", "360"}},
		{"inner refuses for good, the outer has less", ratelimit.Per("o", 2, time.Hour), narrow, []int{11}, 429, [3]string{"2", "1", ""}},
		{"outer refuses", ratelimit.Per("o", 1, time.Hour), wide, []int{1, 1}, 429, [3]string{"1", "0", "3600"}},
		{"outer unlimited", ratelimit.Unlimited("u"), narrow, []int{1}, 200, [3]string{"10", "9", ""}},
		{"inner unlimited", narrow, ratelimit.Unlimited("u"), []int{1}, 200, [3]string{"10", "9", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var cost int
				outer := newLimiter(t, ratelimit.Fixed(tt.outer), ratelimit.Config{})
				inner := newLimiter(t, ratelimit.Fixed(tt.inner), ratelimit.Config{Cost: func(*http.Request) int { return cost }})
				h := outer.Handler(inner.Handler(hello))
				var w *httptest.ResponseRecorder
				for _, cost = range tt.costs {
					w = do(h, "acme")
				}
				assert.Equal(t, tt.status, w.Code)
				assert.Equal(t, tt.want, quota(w.Header()))
				assert.LessOrEqual(t, len(w.Header().Values("X-RateLimit-Remaining")), 1)
			})
		})
	}
}

func TestHandlerReplacesForeignHeaders(t *testing.T) {
	t.Parallel()
	h := newLimiter(t, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{}).Handler(hello)
	for _, foreign := range [][]string{{"many"}, {"1", "2"}, {}} {
		w := httptest.NewRecorder()
		w.Header()["X-Ratelimit-Remaining"] = foreign
		h.ServeHTTP(w, request("acme"))
		assert.Equal(t, []string{"5"}, w.Header()["X-Ratelimit-Remaining"])
	}
}

// Requests without a key share one bucket of the free tier, even where the
// tier would be unlimited.
func TestHandlerWithoutKey(t *testing.T) {
	t.Parallel()
	fail := func(*http.Request) (string, error) { return "ignored", errors.New("no session") }
	empty := func(*http.Request) (string, error) { return "", nil }
	tests := []struct {
		name string
		key  ratelimit.KeyFunc
	}{
		{"missing header", byTenant},
		{"error", fail},
		{"empty key", empty},
		{"join of an empty part", ratelimit.Join(empty, func(*http.Request) (string, error) { return "x", nil })},
		{"join of a failing part", ratelimit.Join(fail)},
		{"join of nothing", ratelimit.Join(nil)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tier := func(*http.Request) (ratelimit.Tier, error) {
				t.Error("the tier is not consulted")
				return ratelimit.Unlimited("internal"), nil
			}
			var keyless atomic.Int64
			lim, err := ratelimit.New(newStore(), tt.key, tier, ratelimit.Config{Observer: func(_ context.Context, e ratelimit.Event) {
				if e.NoKey {
					keyless.Add(1)
				}
			}})
			require.NoError(t, err)
			h := lim.Handler(hello)
			for range 10 {
				require.Equal(t, http.StatusOK, do(h, "").Code)
			}
			w := do(h, "")
			assert.Equal(t, http.StatusTooManyRequests, w.Code)
			assert.Equal(t, [3]string{"5", "0", "1"}, quota(w.Header()))
			assert.Contains(t, w.Body.String(), `"violated-policies":["free"]`)
			d, err := lim.Take(t.Context(), "", ratelimit.Unlimited("internal"), 1)
			require.NoError(t, err)
			assert.False(t, d.Allowed, "Take with an empty key uses the same bucket")
			assert.Equal(t, int64(12), keyless.Load())
		})
	}
	t.Run("doubled header", func(t *testing.T) {
		t.Parallel()
		r := request("acme")
		r.Header.Add("X-Tenant", "initech")
		_, err := byTenant(r)
		assert.Error(t, err)
	})
	t.Run("any spelling of the header", func(t *testing.T) {
		t.Parallel()
		key, err := ratelimit.ByHeader("x-TENANT")(request("acme"))
		require.NoError(t, err)
		assert.Equal(t, "acme", key)
	})
}

func TestHandlerCanceled(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	lim := newLimiter(t, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{
		Observer: events.observe,
		Shadow:   func(*http.Request) bool { return true },
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	w := httptest.NewRecorder()
	lim.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })).ServeHTTP(w, request("acme").WithContext(ctx))
	assert.False(t, ran)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code, "an outer middleware may still have a client to answer")
	assert.Contains(t, w.Body.String(), "#request-canceled")
	_, err := lim.Allow(request("acme").WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	_, err = lim.Take(ctx, "acme", ratelimit.Free, 1)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []ratelimit.Outcome{"canceled", "canceled", "canceled"}, events.outcomes())
	d, err := lim.Take(t.Context(), "acme", ratelimit.Free, 0)
	require.NoError(t, err)
	assert.Equal(t, 10, d.Tokens, "no token was taken")
}

func TestHandlerSkip(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	lim := newLimiter(t, invalid, ratelimit.Config{
		Skip:     func(r *http.Request) bool { return r.URL.Path == "/" },
		Observer: events.observe,
	})
	w := do(lim.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, ok := ratelimit.FromContext(r.Context())
		assert.False(t, ok)
	})), "acme")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, quota(w.Header())[0])
	d, err := lim.Allow(request("acme"))
	require.NoError(t, err)
	assert.Equal(t, ratelimit.Decision{Allowed: true, Source: ratelimit.SourceBypass}, d)
	assert.Empty(t, events.outcomes())
}

// A shadowed limit counts and refuses nothing, and the client sees nothing.
func TestHandlerShadow(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	var decisions []ratelimit.Decision
	lim := newLimiter(t, func(r *http.Request) (ratelimit.Tier, error) {
		if r.Header.Get("X-Tenant") == "unknown" {
			return ratelimit.Tier{}, errors.New("no plan")
		}
		return ratelimit.Free, nil
	}, ratelimit.Config{
		Shadow:   func(r *http.Request) bool { return r.Header.Get("X-Tenant") != "strict" },
		Observer: events.observe,
	})
	h := lim.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d, ok := ratelimit.FromContext(r.Context())
		assert.True(t, ok)
		decisions = append(decisions, d)
	}))
	for range 11 {
		w := do(h, "acme")
		require.Equal(t, http.StatusOK, w.Code)
		require.Empty(t, w.Header())
	}
	assert.Equal(t, http.StatusOK, do(h, "unknown").Code)
	require.Len(t, decisions, 12)
	assert.False(t, decisions[9].Shadowed)
	assert.True(t, decisions[10].Allowed)
	assert.True(t, decisions[10].Shadowed)
	assert.Positive(t, decisions[10].RetryAfter)
	assert.True(t, decisions[11].Shadowed)
	assert.Equal(t, ratelimit.OutcomeShadowed, events.outcomes()[10])
	for i := range 11 {
		assert.Equal(t, i < 10, do(h, "strict").Code == http.StatusOK, "requests that are not shadowed are refused")
	}
}

func TestHandlerDenied(t *testing.T) {
	t.Parallel()
	lim := newLimiter(t, ratelimit.Fixed(ratelimit.Per("once", 1, time.Hour)), ratelimit.Config{
		Denied: func(w http.ResponseWriter, _ *http.Request, d ratelimit.Decision) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, d.Policy+" "+strconv.Itoa(d.Cost))
		},
	})
	h := lim.Handler(hello)
	do(h, "acme")
	w := do(h, "acme")
	assert.Equal(t, "once 1", w.Body.String())
	assert.Equal(t, [3]string{"1", "0", "3600"}, quota(w.Header()))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
}

func TestFromContext(t *testing.T) {
	t.Parallel()
	_, ok := ratelimit.FromContext(t.Context())
	assert.False(t, ok)
	type other struct{}
	outer := newLimiter(t, ratelimit.Fixed(ratelimit.Paid), ratelimit.Config{})
	inner := newLimiter(t, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
	h := outer.Handler(inner.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d, ok := ratelimit.FromContext(context.WithValue(r.Context(), other{}, 2))
		assert.True(t, ok)
		assert.Equal(t, "free", d.Policy, "the innermost")
		assert.Equal(t, 1, r.Context().Value(other{}), "values further out are found")
	})))
	h.ServeHTTP(httptest.NewRecorder(), request("acme").WithContext(context.WithValue(t.Context(), other{}, 1)))
}
