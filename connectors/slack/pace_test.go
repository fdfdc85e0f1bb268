package slack_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

// times records when calls came, in seconds.
type times struct {
	start time.Time
	mu    sync.Mutex
	came  []float64
}

func newTimes() *times { return &times{start: time.Now()} }

func (c *times) note() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came = append(c.came, time.Since(c.start).Seconds())
}

func ok(calls *times) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		calls.note()
		if r.URL.Host == "slack.com" {
			return answer(200, `{"ok":true,"ts":"1.2"}`, ""), nil
		}
		return answer(200, "ok", ""), nil
	}
}

// together runs f n times at once and returns the errors.
func together(n int, f func(int) error) []error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
		synctest.Wait()
	}
	wg.Wait()
	return errs
}

// A burst, then one a second; who would come too late to be answered in time is
// told when to come again.
func TestPaceOfAWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := newTimes()
		w := stub(t, ok(calls))
		errs := together(20, func(int) error { return w.Send(t.Context(), slack.Message{Text: "t"}) })
		assert.InDeltaSlice(t, []float64{0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, calls.came, 1e-6)
		for i, err := range errs {
			if i < 14 {
				require.NoError(t, err)
				continue
			}
			e := typed(t, err)
			assert.Equal(t, "paced", e.Code)
			assert.Equal(t, connectors.KindRateLimited, e.Kind)
			assert.True(t, e.Unsent)
			assert.InDelta(t, 10, e.RetryAfter.Seconds(), 1e-6)
		}
	})
}

func TestPaceOfABotIsThatOfEachChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := newTimes()
		b := stubBot(t, ok(calls))
		for _, err := range together(14, func(i int) error {
			_, err := b.Post(t.Context(), fmt.Sprint("C", i%2), slack.Message{Text: "t"})
			return err
		}) {
			require.NoError(t, err)
		}
		assert.InDeltaSlice(t, []float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2}, calls.came, 1e-6)
	})
}

func TestALimiterOfOnesOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for limiter, want := range map[*rate.Limiter][]float64{
			rate.NewLimiter(2, 1):        {0, 0.5, 1, 1.5, 2, 2.5},
			rate.NewLimiter(rate.Inf, 0): {0, 0, 0, 0, 0, 0},
		} {
			calls := newTimes()
			c, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper { return ok(calls) }})
			require.NoError(t, err)
			b := newBot(t, "https://slack.com", slack.Config{Client: c, Limiter: limiter})
			for _, err := range together(6, func(i int) error {
				_, err := b.Post(t.Context(), fmt.Sprint("C", i), slack.Message{Text: "t"})
				return err
			}) {
				require.NoError(t, err)
			}
			assert.InDeltaSlice(t, want, calls.came, 1e-6, "all channels together")
		}
	})
}

func TestCoolDownAfter429(t *testing.T) {
	t.Parallel()
	for retryAfter, want := range map[string]float64{"4": 4, "": 1, "soon": 1} {
		synctest.Test(t, func(t *testing.T) {
			calls := newTimes()
			limited := true
			w := stub(t, func(r *http.Request) (*http.Response, error) {
				if limited {
					limited = false
					return answer(429, "rate_limited", retryAfter), nil
				}
				return ok(calls)(r)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // too short to try again
			defer cancel()
			e := typed(t, w.Send(ctx, slack.Message{Text: "t"}))
			assert.Equal(t, "rate_limited", e.Code)
			require.NoError(t, w.Send(t.Context(), slack.Message{Text: "t"}))
			assert.InDeltaSlice(t, []float64{want}, calls.came, 1e-6)
		})
	}
}

func TestALongCoolDownFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		calls := 0
		b := stubBot(t, func(*http.Request) (*http.Response, error) {
			calls++
			return answer(429, `{"ok":false,"error":"ratelimited"}`, "30"), nil
		})
		post := func(channel string) *connectors.Error {
			_, err := b.Post(t.Context(), channel, slack.Message{Text: "t"})
			return typed(t, err)
		}
		assert.Equal(t, "ratelimited", post("C1").Code)
		time.Sleep(5 * time.Second)
		e := post("C1")
		assert.Equal(t, "paced", e.Code)
		assert.Equal(t, 25*time.Second, e.RetryAfter)
		assert.Equal(t, 5*time.Second, time.Since(start))
		assert.Equal(t, 1, calls)
		assert.Equal(t, "ratelimited", post("C2").Code, "another channel may pass")
		b.Reset()
		assert.Equal(t, "ratelimited", post("C1").Code)
	})
}

func TestTheWaitCountsAgainstTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := stub(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		errs := together(6, func(int) error { return w.Send(t.Context(), slack.Message{Text: "t"}) })
		for _, err := range errs {
			assert.Equal(t, connectors.KindTimeout, typed(t, err).Kind)
		}
		assert.Equal(t, 10*time.Second, time.Since(start), "the sixth waited a second and had nine left")
	})
}

func TestACanceledWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := newTimes()
		w := stub(t, ok(calls))
		together(5, func(int) error { return w.Send(t.Context(), slack.Message{Text: "t"}) })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		e := typed(t, w.Send(ctx, slack.Message{Text: "t"}))
		assert.Equal(t, connectors.KindCanceled, e.Kind)
		assert.True(t, e.Unsent)
		require.ErrorIs(t, e, context.Canceled)
		require.NoError(t, w.Send(t.Context(), slack.Message{Text: "t"}))
		assert.InDelta(t, 1, calls.came[5], 1e-6, "its turn was not lost")
	})
}

// What tells that every further message will be refused, and what does not.
func TestDeadWebhooks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		body   string
		dead   bool
	}{
		{404, "no_service", true},
		{404, "no_service_id", true},
		{404, "no_team", true},
		{404, "team_disabled", true},
		{404, "no_active_hooks", true},
		{404, "channel_not_found", true},
		{403, "invalid_token", true},
		{410, "channel_is_archived", true},
		{410, "<html>", true},
		{404, "<html>", false},
		{404, "something_new", false},
		{400, "no_service", false},
		{400, "invalid_payload", false},
		{400, "user_not_found", false},
		{401, "", false},
		{403, "action_prohibited", false},
		{403, "posting_to_general_channel_denied", false},
		{500, "rollup_error", false},
		{502, "no_service", false},
		{200, "no_service", false},
		{302, "", false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.body), func(t *testing.T) {
			t.Parallel()
			calls := 0
			w := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			first := typed(t, w.Send(t.Context(), slack.Message{Text: "t"}))
			second := typed(t, w.Send(t.Context(), slack.Message{Text: "t"}))
			assert.Equal(t, first.Code, second.Code)
			assert.Equal(t, first.Kind, second.Kind)
			assert.Equal(t, tt.dead, second.Unsent)
			if !tt.dead {
				assert.Equal(t, 2, calls)
				return
			}
			assert.Equal(t, 1, calls)
			assert.Zero(t, second.Status)
			assert.True(t, second.Permanent())
			w.Test(t.Context())
			assert.Equal(t, 2, calls, "a test calls it")
			_ = w.Send(t.Context(), slack.Message{Text: "t"})
			assert.Equal(t, 2, calls)
			w.Reset()
			assert.False(t, typed(t, w.Send(t.Context(), slack.Message{Text: "t"})).Unsent)
			assert.Equal(t, 3, calls)
		})
	}
}

func TestDeadTokens(t *testing.T) {
	t.Parallel()
	for code, dead := range map[string]bool{
		"invalid_auth": true, "not_authed": true, "account_inactive": true, "token_revoked": true, "token_expired": true,
		"channel_not_found": false, "is_archived": false, "not_in_channel": false, "missing_scope": false, "internal_error": false,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			calls := 0
			b := api(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				_, _ = io.WriteString(w, `{"ok":false,"error":"`+code+`"}`)
			})
			for _, channel := range []string{"C1", "C2", "C1"} {
				_, err := b.Post(t.Context(), channel, slack.Message{Text: "t"})
				assert.Equal(t, code, typed(t, err).Code)
			}
			if !dead {
				assert.Equal(t, 3, calls)
				return
			}
			assert.Equal(t, 1, calls, "the token is dead in every channel")
			b.Test(t.Context())
			b.Reset()
			_, err := b.Post(t.Context(), "C1", slack.Message{Text: "t"})
			require.Error(t, err)
			assert.Equal(t, 3, calls)
		})
	}
}

// A call that waits for its turn when the token dies does not come.
func TestATokenThatDiesDuringAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		b := stubBot(t, func(*http.Request) (*http.Response, error) {
			if calls++; calls <= 5 {
				return answer(200, `{"ok":true,"ts":"1.2"}`, ""), nil
			}
			return answer(200, `{"ok":false,"error":"token_revoked"}`, ""), nil
		})
		errs := together(8, func(int) error {
			_, err := b.Post(t.Context(), "C1", slack.Message{Text: "t"})
			return err
		})
		assert.Equal(t, 6, calls)
		assert.False(t, typed(t, errs[5]).Unsent)
		assert.True(t, typed(t, errs[6]).Unsent)
		assert.True(t, typed(t, errs[7]).Unsent)
	})
}

func TestATestWaitsForNoTurnAndTakesNone(t *testing.T) {
	t.Parallel()
	var limited atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case limited.Load():
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(429)
		case strings.HasPrefix(r.URL.Path, "/api/"):
			_, _ = io.WriteString(w, `{"ok":true,"ts":"1.2"}`)
		default:
			_, _ = io.WriteString(w, "ok")
		}
	}))
	t.Cleanup(srv.Close)
	for _, name := range []string{"webhook", "bot"} {
		s := subjects(t, srv.URL, slack.Config{Limiter: rate.NewLimiter(0, 1)})[name] // one message, ever
		limited.Store(true)
		for range 2 {
			assert.Equal(t, "http_429", s.Test(t.Context()).Code, name)
		}
		limited.Store(false)
		for range 3 {
			assert.True(t, s.Test(t.Context()).Success, name)
		}
		require.NoError(t, s.send(t.Context()), "a test teaches nothing, and takes nothing of a single turn")
		assert.Equal(t, "paced", typed(t, s.send(t.Context())).Code)
		assert.True(t, s.Test(t.Context()).Success, name)
	}
}

func TestABotForgetsIdleChannels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := stubBot(t, ok(newTimes()))
		post := func(i int) {
			_, err := b.Post(t.Context(), fmt.Sprint("C", i), slack.Message{Text: "t"})
			require.NoError(t, err)
		}
		for i := range 100 {
			post(i)
		}
		assert.Equal(t, 100, b.Channels())
		time.Sleep(2 * time.Minute)
		post(0)
		assert.Equal(t, 100, b.Channels(), "a known channel costs no sweep")
		post(100)
		assert.Equal(t, 2, b.Channels())
		for i := range 3 * slack.MaxChannels {
			post(i)
			require.LessOrEqual(t, b.Channels(), slack.MaxChannels)
		}
	})
}
