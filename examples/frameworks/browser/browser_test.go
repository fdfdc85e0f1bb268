package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answered is true when n payments have an answer, and is what the page shows.
const answered = `(n) => {
	const lines = [...document.querySelectorAll('#log li')];
	return lines.filter((line) => line.dataset.status).length === n &&
		lines.map((line) => ({ status: line.dataset.status, replay: line.dataset.replay, attempts: Number(line.dataset.attempts) }));
}`

type line struct {
	Status   string `json:"status"`
	Replay   string `json:"replay"`
	Attempts int    `json:"attempts"`
}

func answers(n int) chromedp.Action[[]line] {
	return chromedp.PollFunction[[]line](answered, chromedp.WithPollingArgs(n),
		chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(0))
}

// settle waits for n answers between other steps.
func settle(n int) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := answers(n)(ctx, tab)
		return err
	})
}

func TestPage(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	pay := chromedp.Click(chromedp.ID("pay"))
	another := chromedp.Click(chromedp.ID("another"))
	change := chromedp.SendKeys(chromedp.ID("amount"), "0")

	// The first click is answered when the second has been refused.
	overlap := func(s *site, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-s.busy
			next.ServeHTTP(w, r)
		})
	}
	unavailable := first(1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	// Twice, because Chromium hides a loss on a connection that was kept alive:
	// it sends the POST again, unasked.
	dropRequest := first(2, func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) })
	dropAnswer := first(2, func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})

	t.Run("there are no keys without https", func(t *testing.T) {
		t.Parallel()
		_, port, _ := strings.Cut(strings.TrimPrefix(newSite(t, pass, pass).page, "http://"), ":")
		has, err := chromedp.Run(tab(browser, t, "http://shop.example:"+port), chromedp.Evaluate[bool]("'randomUUID' in crypto"))
		require.NoError(t, err)
		assert.False(t, has)
	})
	for _, tt := range []struct {
		name         string
		outer, inner middleware
		do           []chromedp.Action[chromedp.Void]
		charges      int
		keys         int // different ones
		requests     int // that reach the API
		want         []line
	}{
		{"a double click is one charge", pass, overlap, steps(pay, pay), 1, 1, 3, []line{{"201", "false", 1}, {"201", "true", 2}}},
		{"a click after the answer is a replay", pass, pass, steps(pay, settle(1), pay), 1, 1, 2, []line{{"201", "false", 1}, {"201", "true", 1}}},
		{"another payment has another key", pass, pass, steps(pay, another, pay), 2, 2, 2, []line{{"201", "false", 1}, {"201", "false", 1}}},
		{"a changed payment has another key", pass, pass, steps(pay, change, pay), 2, 2, 2, []line{{"201", "false", 1}, {"201", "false", 1}}},
		{"503 from the handler", pass, unavailable, steps(pay), 1, 1, 2, []line{{"201", "false", 2}}},
		{"503 from a proxy", unavailable, pass, steps(pay), 1, 1, 2, []line{{"201", "false", 2}}},
		{"the request is lost", dropRequest, pass, steps(pay), 1, 1, 3, []line{{"201", "false", 2}}},
		{"the answer is lost", dropAnswer, pass, steps(pay), 1, 1, 3, []line{{"201", "true", 2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tt.outer, tt.inner)
			ctx := tab(browser, t, s.page)
			require.NoError(t, chromedp.Do(ctx, tt.do...))
			got, err := chromedp.Run(ctx, answers(len(tt.want)))
			require.NoError(t, err)
			for i := range got {
				if len(got) == 1 { // 3 if a connection was not kept alive
					got[i].Attempts = min(got[i].Attempts, 2)
				}
			}
			assert.ElementsMatch(t, tt.want, got)
			charges, keys := s.seen()
			assert.Equal(t, tt.charges, charges)
			assert.Len(t, keys, tt.requests)
			assert.Len(t, slices.Compact(slices.Sorted(slices.Values(keys))), tt.keys)
		})
	}
}

func steps(actions ...chromedp.Action[chromedp.Void]) []chromedp.Action[chromedp.Void] {
	return actions
}
