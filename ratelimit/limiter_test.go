package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/ratelimit"
)

// recorder keeps the events.
type recorder struct {
	mu     sync.Mutex
	events []ratelimit.Event
}

func (r *recorder) observe(_ context.Context, e ratelimit.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) outcomes() []ratelimit.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []ratelimit.Outcome
	for _, e := range r.events {
		out = append(out, e.Outcome)
	}
	return out
}

// logLines keeps what is logged.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logLines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logLines) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.buf.String(), "\n"), "\n")
}

func TestNew(t *testing.T) {
	t.Parallel()
	store, tier := newStore(), ratelimit.Fixed(ratelimit.Free)
	tests := []struct {
		name  string
		store ratelimit.Store
		key   ratelimit.KeyFunc
		tier  ratelimit.TierFunc
		cfg   ratelimit.Config
		want  []string
	}{
		{"complete", store, byTenant, tier, ratelimit.Config{}, nil},
		{"no headers", store, byTenant, tier, ratelimit.Config{Headers: ratelimit.NoHeaders}, nil},
		{"everything missing", nil, nil, nil, ratelimit.Config{}, []string{"store is nil", "key is nil", "tier is nil"}},
		{"nil memory store", (*ratelimit.MemoryStore)(nil), byTenant, tier, ratelimit.Config{}, []string{"store is nil"}},
		{"headers and none", store, byTenant, tier, ratelimit.Config{Headers: ratelimit.NoHeaders | ratelimit.RetryAfter}, []string{"Config.Headers"}},
		{"unknown header", store, byTenant, tier, ratelimit.Config{Headers: 128}, []string{"Config.Headers"}},
		{"unknown policy", store, byTenant, tier, ratelimit.Config{OnStoreError: 9}, []string{"Config.OnStoreError"}},
		{"unknown key policy", store, byTenant, tier, ratelimit.Config{OnKeyError: 9}, []string{"Config.OnKeyError"}},
		{"invalid tier", store, byTenant, ratelimit.Fixed(ratelimit.Tier{Rate: 5}), ratelimit.Config{}, []string{"invalid tier: burst is under 1"}},
		{"a tier that only a request shows", store, byTenant, invalid, ratelimit.Config{}, nil},
		{"invalid shared tier", store, byTenant, tier, ratelimit.Config{SharedTier: ratelimit.Tier{Rate: rate.Limit(math.NaN()), Burst: 1}}, []string{"Config.SharedTier"}},
		{"several limits", store, byTenant, tier, ratelimit.Config{Name: "a", Limits: []ratelimit.Limit{{Name: "b", Tier: tier}, {Name: "c", Key: byTenant, Tier: tier}}}, nil},
		{"invalid tier of a limit", store, byTenant, tier, ratelimit.Config{Limits: []ratelimit.Limit{
			{Name: "b", Tier: tier}, {Name: "c", Tier: ratelimit.Fixed(ratelimit.Tier{Rate: -1, Burst: 1})},
		}}, []string{"Config.Limits[1]"}},
		{"limit without a tier", store, byTenant, tier, ratelimit.Config{Limits: []ratelimit.Limit{{Name: "b"}}}, []string{"Config.Limits[0]", "tier is nil"}},
		{"limit without a name", store, byTenant, tier, ratelimit.Config{Limits: []ratelimit.Limit{{Tier: tier}}}, []string{"Config.Limits[0]: the name"}},
		{"two limits of one name", store, byTenant, tier, ratelimit.Config{Name: "a", Limits: []ratelimit.Limit{
			{Name: "b", Tier: tier}, {Name: "b", Tier: tier}, {Name: "a", Tier: tier},
		}}, []string{"Config.Limits[1]", "Config.Limits[2]"}},
		{
			"names that break headers", store, byTenant, tier,
			ratelimit.Config{Name: "a\r\nSet-Cookie: x", Limits: []ratelimit.Limit{{Name: `"`, Tier: tier}}},
			[]string{"Config.Name", "Config.Limits[0]"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lim, err := ratelimit.New(tt.store, tt.key, tt.tier, tt.cfg)
			if tt.want == nil {
				require.NoError(t, err)
				assert.NotNil(t, lim)
				return
			}
			require.Error(t, err)
			assert.Nil(t, lim)
			for _, want := range tt.want {
				assert.Contains(t, err.Error(), "ratelimit: "+want)
			}
		})
	}
}

func TestLimiterAllow(t *testing.T) {
	t.Parallel()
	events := &recorder{}
	lim := newLimiter(t, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{
		Cost:     func(*http.Request) int { return 4 },
		Observer: events.observe,
	})
	for i, want := range []bool{true, true, false} {
		d, err := lim.Allow(request("acme"))
		require.NoError(t, err)
		assert.Equal(t, want, d.Allowed, "request %d", i+1)
	}
	d, err := lim.Take(t.Context(), "acme", ratelimit.Free, 2)
	require.NoError(t, err)
	assert.True(t, d.Allowed, "Take and Allow share the bucket")
	d, err = lim.Take(t.Context(), "acme", ratelimit.Free, math.MinInt)
	require.NoError(t, err)
	assert.Zero(t, d.Cost)
	d, err = lim.Take(t.Context(), "acme", ratelimit.Unlimited("internal"), 5)
	require.NoError(t, err)
	assert.Equal(t, ratelimit.Decision{Allowed: true, Policy: "internal", Cost: 5, Source: ratelimit.SourceBypass}, d)
	assert.Equal(t, []ratelimit.Outcome{"allowed", "allowed", "denied", "allowed", "allowed", "allowed"}, events.outcomes())
}

// A tier that cannot be used refuses, and does not fill the log.
func TestLimiterInvalidTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logs logLines
		events := &recorder{}
		tierErr := errors.New("plans are down")
		tier := func(r *http.Request) (ratelimit.Tier, error) {
			switch tenant := r.Header.Get("X-Tenant"); tenant {
			case "error":
				return ratelimit.Unlimited("ignored"), tierErr
			case "good":
				return ratelimit.Free, nil
			default:
				return ratelimit.Tier{Name: "plan " + tenant}, nil
			}
		}
		lim := newLimiter(t, tier, ratelimit.Config{Logger: logs.logger(), Observer: events.observe})
		ran := 0
		h := lim.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran++ }))
		for range 3 {
			for _, tenant := range []string{"error", "a", "b"} {
				w := do(h, tenant)
				require.Equal(t, http.StatusServiceUnavailable, w.Code)
				assert.Equal(t, [3]string{"", "", "1"}, quota(w.Header()))
				assert.Contains(t, w.Body.String(), "#rate-limit-tier-unavailable")
				assert.NotContains(t, w.Body.String(), "plan")
			}
		}
		assert.Zero(t, ran)
		assert.Len(t, logs.lines(), 3)
		assert.Equal(t, ratelimit.OutcomeTierInvalid, events.outcomes()[8])
		d, err := lim.Allow(request("error"))
		require.ErrorIs(t, err, tierErr)
		assert.False(t, d.Allowed)
		_, err = lim.Take(t.Context(), "acme", ratelimit.Tier{}, 1)
		require.Error(t, err)

		assert.Equal(t, http.StatusOK, do(h, "good").Code, "other tenants are served")
		time.Sleep(time.Minute)
		do(h, "error")
		assert.Len(t, logs.lines(), 5, "the lookup is reported each minute, the unnamed tier once")
		for i := range 1000 {
			do(h, strconv.Itoa(i))
		}
		assert.Less(t, len(logs.lines()), 70, "names are bounded")
	})
}

func TestLimiterObserverPanic(t *testing.T) {
	t.Parallel()
	var logs logLines
	lim := newLimiter(t, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{
		Observer: func(context.Context, ratelimit.Event) { panic("observer") },
		Logger:   logs.logger(),
	})
	h := lim.Handler(hello)
	for range 10 {
		assert.Equal(t, http.StatusOK, do(h, "acme").Code)
	}
	assert.Equal(t, http.StatusTooManyRequests, do(h, "acme").Code)
	assert.Len(t, logs.lines(), 1)
}
