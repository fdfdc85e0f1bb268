package slack_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

// refusing answers so many calls with 429, and then with success.
func refusing(calls *times, n int, retryAfter string) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		if n--; n < 0 {
			return ok(calls)(r)
		}
		calls.note()
		return answer(429, "rate_limited", retryAfter), nil
	}
}

// posters send a message through a webhook or a bot that f answers.
func posters(t *testing.T, f roundTripper) map[string]func(context.Context) error {
	t.Helper()
	w, b := stub(t, f), stubBot(t, f)
	return map[string]func(context.Context) error{
		"webhook": func(ctx context.Context) error { return w.Send(ctx, slack.Message{Text: "t"}) },
		"bot": func(ctx context.Context) error {
			_, err := b.Post(ctx, "C1", slack.Message{Text: "t"})
			return err
		},
	}
}

// A refused message waits behind the pause that holds for all, and nobody passes
// while it waits.
func TestNobodyPassesWhileARefusedMessageWaits(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"webhook", "bot"} {
		synctest.Test(t, func(t *testing.T) {
			calls := newTimes()
			send := posters(t, refusing(calls, 1, "2"))[name]
			for _, err := range together(4, func(i int) error {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				return send(t.Context())
			}) {
				require.NoError(t, err)
			}
			assert.InDeltaSlice(t, []float64{0, 2, 2, 2, 2}, calls.came, 1e-6, name)
		})
	}
}

func TestARefusedMessageIsRepeated(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		refusals   int
		retryAfter string
		came       []float64
		fails      bool
	}{
		"at most three times":    {9, "2", []float64{0, 2, 4}, true},
		"until it is posted":     {2, "2", []float64{0, 2, 4}, false},
		"a time that is now":     {1, "0", []float64{0, 1}, false},
		"no time":                {1, "", []float64{0}, true},
		"longer than the call":   {1, "60", []float64{0}, true},
		"too late to be of use":  {1, "9.5", []float64{0}, true},
		"no time for the second": {2, "6", []float64{0, 6}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := newTimes()
				err := posters(t, refusing(calls, tt.refusals, tt.retryAfter))["webhook"](t.Context())
				assert.InDeltaSlice(t, tt.came, calls.came, 1e-6)
				if !tt.fails {
					require.NoError(t, err)
					return
				}
				e := typed(t, err)
				assert.Equal(t, "rate_limited", e.Code, "what Slack said")
				assert.Equal(t, 429, e.Status)
				assert.False(t, e.Unsent)
			})
		})
	}
}

// What was posted may have been when 503 comes.
func TestAfter503AMessageIsNotRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		w := stub(t, func(*http.Request) (*http.Response, error) {
			calls++
			return answer(503, "", "0"), nil
		})
		assert.Equal(t, connectors.KindServer, typed(t, w.Send(t.Context(), slack.Message{Text: "t"})).Kind)
		assert.Equal(t, 1, calls)
	})
}

// Status and header tell what to do when the rest of a refusal does not come.
func TestARefusalWithoutItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		for name, send := range posters(t, func(*http.Request) (*http.Response, error) {
			calls++
			a := answer(429, "", "60")
			a.Body = io.NopCloser(io.MultiReader(bytes.NewReader([]byte("rate_li")), iotest.ErrReader(errors.New("reset"))))
			return a, nil
		}) {
			before := calls
			e := typed(t, send(t.Context()))
			assert.Equal(t, connectors.KindRateLimited, e.Kind, name)
			assert.Equal(t, "http_429", e.Code, name)
			assert.Equal(t, time.Minute, e.RetryAfter, name)
			assert.Equal(t, "paced", typed(t, send(t.Context())).Code, name)
			assert.Equal(t, before+1, calls, name)
		}
	})
}
