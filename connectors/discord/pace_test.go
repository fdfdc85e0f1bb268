package discord_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/discord"
)

var hello = discord.Message{Content: "t"}

// script answers calls in order, and then with success. times are when they came,
// from the start.
func script(t *testing.T, cfg discord.Config, answers ...*http.Response) (w *discord.Webhook, times *[]time.Duration) {
	t.Helper()
	start := time.Now()
	times = &[]time.Duration{}
	cfg.Client = client(t, func(*http.Request) (*http.Response, error) {
		*times = append(*times, time.Since(start))
		if len(*times) <= len(answers) {
			return answers[len(*times)-1], nil
		}
		return answer(200, saved), nil
	})
	return webhook(t, "https://discord.com", cfg), times
}

func TestDefaultPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var times []time.Duration
		w, err := discord.New(connectors.NewSecret("https://discord.com/api/webhooks/1/"+token), discord.Config{
			Client: client(t, func(*http.Request) (*http.Response, error) {
				times = append(times, time.Since(start))
				return answer(200, saved), nil
			}),
		})
		require.NoError(t, err)
		for range 8 {
			_, err := w.Send(t.Context(), hello)
			require.NoError(t, err)
		}
		const half = 500 * time.Millisecond
		assert.Equal(t, []time.Duration{0, 0, 0, 0, 0, half, 2 * half, 3 * half}, times)
	})
}

// After the last message of a window the next one waits, and is not refused by
// Discord.
func TestAnExhaustedWindowHoldsTheNextMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, times := script(t, discord.Config{},
			answer(200, saved, "X-RateLimit-Remaining: 1", "X-RateLimit-Reset-After: 9"),
			answer(200, saved, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset-After: 1.25"),
			answer(200, saved, "X-RateLimit-Remaining: 0"),
			answer(200, saved, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset-After: soon"),
		)
		for range 5 {
			_, err := w.Send(t.Context(), hello)
			require.NoError(t, err)
		}
		const wait = 1250 * time.Millisecond
		assert.Equal(t, []time.Duration{0, 0, wait, wait, wait}, *times)
	})
}

func TestALimitHoldsTheNextMessage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer *http.Response
		wait   time.Duration
	}{
		"of Discord":               {answer(429, limited), 64570 * time.Millisecond},
		"in front, without a time": {answer(429, "<html>error code: 1015</html>"), time.Minute},
		"in front, with a time":    {answer(429, "<html>error code: 1015</html>", "Retry-After: 600"), 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, times := script(t, discord.Config{}, tt.answer)
				_, err := w.Send(t.Context(), hello)
				assert.Equal(t, tt.wait, typed(t, err).RetryAfter)

				time.Sleep(tt.wait - 11*time.Second)
				_, err = w.Send(t.Context(), hello)
				e := typed(t, err)
				assert.Equal(t, connectors.KindRateLimited, e.Kind)
				assert.Equal(t, 11*time.Second, e.RetryAfter)
				assert.True(t, e.Unsent)
				assert.Len(t, *times, 1, "a call would be an invalid request to Discord")

				time.Sleep(3 * time.Second)
				_, err = w.Send(t.Context(), hello)
				require.NoError(t, err, "its turn comes within the time of a call")
				assert.Equal(t, []time.Duration{0, tt.wait}, *times)
			})
		})
	}
}

func TestACallIsCanceledWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, times := script(t, discord.Config{}, answer(200, saved, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset-After: 5"))
		_, err := w.Send(t.Context(), hello)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = w.Send(ctx, hello)
		assert.Equal(t, connectors.KindCanceled, typed(t, err).Kind)
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, *times, 1)
	})
}

// Discord restricts the address of whoever goes on with a webhook that is no more.
func TestADeadWebhookIsNotCalledAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func() *http.Response
		dead   bool
	}{
		{"deleted", func() *http.Response { return answer(404, `{"code":10015}`) }, true},
		{"its token replaced", func() *http.Response { return answer(401, `{"code":50027}`) }, true},
		{"an unknown thread", func() *http.Response { return answer(404, `{"code":10003}`) }, false},
		{"a page", func() *http.Response { return answer(404, `<html>10015</html>`) }, false},
		{"another status", func() *http.Response { return answer(400, `{"code":10015}`) }, false},
		{"not allowed", func() *http.Response { return answer(403, `{"code":50013}`) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, times := script(t, discord.Config{}, tt.answer(), answer(200, saved))
			_, err := w.Send(t.Context(), hello)
			first := typed(t, err)
			_, err = w.Send(t.Context(), hello)
			if !tt.dead {
				require.NoError(t, err)
				return
			}
			e := typed(t, err)
			assert.Equal(t, first.Code, e.Code)
			assert.Equal(t, first.Kind, e.Kind)
			assert.True(t, e.Unsent)
			assert.True(t, e.Permanent())
			assert.Len(t, *times, 1)
			w.Reset()
			_, err = w.Send(t.Context(), hello)
			require.NoError(t, err)
		})
	}
}

// A test passes by what was learned, and teaches nothing.
func TestTestIsApart(t *testing.T) {
	t.Parallel()
	d := connectorstest.NewDiscord(t)
	w, err := discord.New(d.WebhookURL(), discord.Config{Limiter: rate.NewLimiter(rate.Every(time.Hour), 1)})
	require.NoError(t, err)
	for range 3 {
		assert.True(t, w.Test(t.Context()).Success, "it takes nobody's turn")
	}
	d.Fail(404, `{"code":10015}`)
	d.Fail(429, `{"retry_after":600}`)
	assert.Equal(t, "10015", w.Test(t.Context()).Code)
	assert.Equal(t, "http_429", w.Test(t.Context()).Code)
	d.Fail(404, `{"code":10015}`)
	_, err = w.Send(t.Context(), hello)
	assert.False(t, typed(t, err).Unsent, "it was let pass")
	assert.True(t, w.Test(t.Context()).Success, "it asks again")
}

// A test counts in no breaker: it passes by what is wrapped around the transport.
func TestTestPassesByTheBreaker(t *testing.T) {
	t.Parallel()
	c := client(t, func(*http.Request) (*http.Response, error) {
		t.Error("the test reached the wrapper")
		return answer(200, `{"id":"1"}`), nil
	})
	w, err := discord.New(connectorstest.NewDiscord(t).WebhookURL(), discord.Config{Client: c})
	require.NoError(t, err)
	assert.True(t, w.Test(t.Context()).Success)
}
