package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bracework/bracework/ratelimit"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// quota is what a page of another origin learns of the limit.
type quota struct {
	Status    int    `json:"status"`
	Limit     string `json:"limit"`
	Remaining string `json:"remaining"`
	Violated  string `json:"violated"`
}

func askQuota(url string) chromedp.Action[quota] {
	return chromedp.Evaluate[quota](fmt.Sprintf(`fetch(%q).then(async (r) => ({
		status: r.status,
		limit: r.headers.get('X-RateLimit-Limit') ?? '',
		remaining: r.headers.get('X-RateLimit-Remaining') ?? '',
		violated: r.ok ? '' : (await r.json())['violated-policies'].join(),
	}))`, url), chromedp.EvalAwaitPromise)
}

// CORS is outside of the limiter, so that a page can read refusals too.
func TestPageSeesTheLimit(t *testing.T) {
	t.Parallel()
	pages := httptest.NewServer(page(""))
	t.Cleanup(pages.Close)
	browser := chromium(t)
	hourly := ratelimit.Tier{Name: "hourly", Rate: 1.0 / 3600, Burst: 2}
	for _, tt := range []struct {
		name string
		cfg  ratelimit.Config
		want []quota
	}{
		{"exposed", ratelimit.Config{ExposeHeaders: true}, []quota{
			{Status: 201, Limit: "2", Remaining: "1"},
			{Status: 201, Limit: "2", Remaining: "0"},
			{Status: 429, Limit: "2", Remaining: "0", Violated: "hourly"},
		}},
		{"hidden", ratelimit.Config{}, []quota{
			{Status: 201},
			{Status: 201},
			{Status: 429, Violated: "hourly"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
			t.Cleanup(func() { assert.NoError(t, store.Close()) })
			key := func(*http.Request) (string, error) { return "page", nil }
			l, err := ratelimit.New(store, key, ratelimit.Fixed(hourly), tt.cfg)
			require.NoError(t, err)
			api := httptest.NewServer(cors(l.Handler(http.HandlerFunc(created)), pages.URL))
			t.Cleanup(api.Close)
			ctx := tab(browser, t, pages.URL)
			var got []quota
			for range tt.want {
				q, err := chromedp.Run(ctx, askQuota(api.URL))
				require.NoError(t, err)
				got = append(got, q)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}
