package ratelimit_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/ratelimit"
)

func TestKeyErrorRefuse(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	lim := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{OnKeyError: ratelimit.KeyErrorRefuse, Observer: events.observe})
	w := do(lim.Handler(hello), "")
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), "#rate-limit-key-missing")
	assert.Equal(t, [3]string{}, quota(w.Header()))
	assert.Equal(t, http.StatusOK, do(lim.Handler(hello), "acme").Code)
	assert.Equal(t, []ratelimit.Outcome{"key_missing", "allowed"}, events.outcomes())
}

func TestSharedTier(t *testing.T) {
	t.Parallel()
	lim := limiterOn(t, newStore(), ratelimit.Paid, ratelimit.Config{SharedTier: ratelimit.Per("nobody", 1, time.Hour)})
	h := lim.Handler(hello)
	assert.Equal(t, http.StatusOK, do(h, "").Code)
	w := do(h, "")
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.Contains(t, w.Body.String(), `"violated-policies":["nobody"]`)
}

// Who hides his key is never better off than with it, where the tier is known.
func TestSharedTierIsAsStrictAsTheLimit(t *testing.T) {
	t.Parallel()
	logins := ratelimit.Per("logins", 5, time.Hour)
	tests := []struct {
		name     string
		tier     ratelimit.TierFunc
		shared   ratelimit.Tier
		admitted int
		policy   string
	}{
		{"a strict tier", ratelimit.Fixed(logins), ratelimit.Tier{}, 5, "logins"},
		{"a wide one", ratelimit.Fixed(ratelimit.Paid), ratelimit.Tier{}, 10, "free"},
		{"unlimited", ratelimit.Fixed(ratelimit.Unlimited("u")), ratelimit.Tier{}, 10, "free"},
		{"looked up", func(*http.Request) (ratelimit.Tier, error) { return logins, nil }, ratelimit.Tier{}, 10, "free"},
		{"a stricter shared tier", ratelimit.Fixed(logins), ratelimit.Per("shared", 2, 24*time.Hour), 2, "shared"},
		{"a slow one with a large burst", ratelimit.Fixed(ratelimit.Per("day", 1000, 24*time.Hour)), ratelimit.Tier{}, 10, "day"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lim, err := ratelimit.New(newStore(), byTenant, tt.tier, ratelimit.Config{SharedTier: tt.shared})
				require.NoError(t, err)
				h, admitted := lim.Handler(hello), 0
				for range 20 {
					w := do(h, "")
					if w.Code == http.StatusOK {
						admitted++
					} else {
						assert.Contains(t, w.Body.String(), `["`+tt.policy+`"]`)
					}
				}
				assert.Equal(t, tt.admitted, admitted)
			})
		})
	}
	t.Run("of one of several limits", func(t *testing.T) {
		t.Parallel()
		lim := limiterOn(t, newStore(), ratelimit.Paid, ratelimit.Config{Limits: []ratelimit.Limit{{Name: "login", Tier: ratelimit.Fixed(logins)}}})
		for i := range 6 {
			assert.Equal(t, i < 5, must(lim.Allow(request(""))).Allowed)
		}
	})
	t.Run("of Take", func(t *testing.T) {
		t.Parallel()
		lim := limiterOn(t, newStore(), ratelimit.Paid, ratelimit.Config{})
		assert.False(t, must(lim.Take(t.Context(), "", logins, 6)).Allowed)
	})
}

// A limit that is only measured leaves what the handler sees of the one in force.
func TestShadowKeepsOuterDecision(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	outer := limiterOn(t, newStore(), ratelimit.Paid, ratelimit.Config{})
	candidate := limiterOn(t, newStore(), ratelimit.Per("candidate", 1, time.Hour), ratelimit.Config{
		Shadow: func(*http.Request) bool { return true }, Observer: events.observe,
	})
	h := outer.Handler(candidate.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d, ok := ratelimit.FromContext(r.Context())
		assert.True(t, ok)
		assert.Equal(t, "paid", d.Policy)
	})))
	for range 3 {
		assert.Equal(t, http.StatusOK, do(h, "acme").Code)
	}
	assert.Equal(t, []ratelimit.Outcome{"allowed", "shadowed", "shadowed"}, events.outcomes())
	assert.Equal(t, "candidate", events.events[0].Tier)
}

// What a shadow passes over for another reason keeps its outcome.
func TestShadowOfFailures(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	lim, err := ratelimit.New(newStore(), byTenant, invalid, ratelimit.Config{
		Name: "n", Shadow: func(*http.Request) bool { return true }, Observer: events.observe,
	})
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, do(lim.Handler(hello), "acme").Code)
	assert.Equal(t, []ratelimit.Outcome{"tier_invalid"}, events.outcomes())
	assert.True(t, events.events[0].Decision.Shadowed)
}

// Observers learn which limit decided, and the tier.
func TestEventNames(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	lim := limiterOn(t, newStore(), ratelimit.Free, ratelimit.Config{
		Name: "api", Observer: events.observe,
		Limits: []ratelimit.Limit{{Name: "day", Tier: ratelimit.Fixed(ratelimit.Per("small", 2, 24*time.Hour))}},
	})
	_ = must(lim.Allow(request("acme")))
	_ = must(lim.Take(t.Context(), "acme", ratelimit.Paid, 1))
	require.Len(t, events.events, 2)
	assert.Equal(t, []string{"day", "small", "day"}, []string{events.events[0].Limit, events.events[0].Tier, events.events[0].Decision.Policy})
	assert.Equal(t, []string{"api", "paid", "paid"}, []string{events.events[1].Limit, events.events[1].Tier, events.events[1].Decision.Policy})
}
