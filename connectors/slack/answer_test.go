package slack_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	html := "<!DOCTYPE html><html>" + strings.Repeat("x", 1<<20) + "</html>"
	tests := []struct {
		status     int
		body       string
		retryAfter string
		kind       connectors.Kind
		code       string
		wait       time.Duration
	}{
		{400, "invalid_payload", "", connectors.KindInvalid, "invalid_payload", 0},
		{400, "user_not_found", "", connectors.KindInvalid, "user_not_found", 0},
		{400, "no_text", "", connectors.KindInvalid, "no_text", 0},
		{400, "invalid_blocks", "", connectors.KindInvalid, "invalid_blocks", 0},
		{400, "too_many_attachments\n", "", connectors.KindInvalid, "too_many_attachments", 0},
		{401, "", "", connectors.KindAuth, "http_401", 0},
		{403, "invalid_token", "", connectors.KindAuth, "invalid_token", 0},
		{403, "action_prohibited", "", connectors.KindAuth, "action_prohibited", 0},
		{403, "posting_to_general_channel_denied", "", connectors.KindAuth, "posting_to_general_channel_denied", 0},
		{404, "no_service", "", connectors.KindNotFound, "no_service", 0},
		{404, "no_team", "", connectors.KindNotFound, "no_team", 0},
		{404, "no_active_hooks", "", connectors.KindNotFound, "no_active_hooks", 0},
		{404, "channel_not_found", "", connectors.KindNotFound, "channel_not_found", 0},
		{404, "no_service_id", "", connectors.KindNotFound, "no_service_id", 0},
		{404, "team_disabled", "", connectors.KindNotFound, "team_disabled", 0},
		{404, html, "", connectors.KindNotFound, "http_404", 0},
		{410, "channel_is_archived", "", connectors.KindGone, "channel_is_archived", 0},
		{413, html, "", connectors.KindTooLarge, "http_413", 0},
		{429, "rate_limited", "30", connectors.KindRateLimited, "rate_limited", 30 * time.Second},
		{429, "message_limit_exceeded", "", connectors.KindRateLimited, "message_limit_exceeded", 0},
		{429, "rate_limited", "soon", connectors.KindRateLimited, "rate_limited", 0},
		{429, "rate_limited", "864000", connectors.KindRateLimited, "rate_limited", time.Hour},
		{429, "rate_limited", "99999999999999999999", connectors.KindRateLimited, "rate_limited", time.Hour},
		{400, "message_limit_exceeded", "7", connectors.KindRateLimited, "message_limit_exceeded", 7 * time.Second},
		{500, "rollup_error", "", connectors.KindServer, "rollup_error", 0},
		{500, html, "", connectors.KindServer, "http_500", 0},
		{502, "", "", connectors.KindServer, "http_502", 0},
		{503, html, "60", connectors.KindServer, "http_503", time.Minute},
		{200, html, "", connectors.KindServer, "unexpected_answer", 0},
		{200, "", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "OK", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "okay", "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"ok":true}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, "no_service", "", connectors.KindServer, "unexpected_answer", 0},
		{202, "ok", "", connectors.KindServer, "unexpected_answer", 0},
		{204, "", "", connectors.KindServer, "unexpected_answer", 0},
		{302, "", "", connectors.KindInvalid, "redirect", 0},
		{307, "", "", connectors.KindInvalid, "redirect", 0},
		{418, "I'm a teapot", "", connectors.KindInvalid, "http_418", 0},
		{400, strings.Repeat("a", 65), "", connectors.KindInvalid, "http_400", 0},
		{400, "xxxx", "", connectors.KindInvalid, "http_400", 0},
		{400, "services", "", connectors.KindInvalid, "http_400", 0}, // a part of the URL
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.20s %s", tt.status, tt.body, tt.retryAfter), func(t *testing.T) {
			t.Parallel()
			calls := 0
			w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				_, _ = io.Copy(io.Discard, r.Body)
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.Header().Set("Location", r.URL.Path)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			e := typed(t, w.Send(t.Context(), slack.Message{Text: "t"}))
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.status, e.Status)
			assert.Equal(t, tt.wait, e.RetryDelay())
			assert.NotEmpty(t, e.Message)
			assert.False(t, e.Unsent)
			assert.Equal(t, 1, calls, "neither repeated nor redirected")
		})
	}
}

// The clock of a bubble is exact, so the wait until a date is too.
func TestRetryAfterDateIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := stub(t, func(*http.Request) (*http.Response, error) {
			return answer(429, "rate_limited", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat)), nil
		})
		e := typed(t, w.Send(t.Context(), slack.Message{Text: "t"}))
		assert.Equal(t, 90*time.Second, e.RetryAfter)
	})
}

func answer(status int, body, retryAfter string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: io.NopCloser(strings.NewReader(body))}
}

// A receiver that sends the secret back does not have it shown, nor a piece of it.
func TestAPieceOfTheSecretIsNoCode(t *testing.T) {
	t.Parallel()
	const secret = "abcDEFGHijklmnopqrstuvwx"
	for word, want := range map[string]string{
		strings.ToLower(secret):       "http_404",
		strings.ToLower(secret) + "_": "http_404",
		"x_" + secret[8:16]:           "http_404",
		secret[8:15] + "_x":           secret[8:15] + "_x",
		"no_such_thing":               "no_such_thing",
	} {
		c, err := connectors.NewClient(connectors.ClientConfig{Wrap: func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(*http.Request) (*http.Response, error) { return answer(404, word, ""), nil })
		}})
		require.NoError(t, err)
		w, err := slack.NewWebhook(connectors.NewSecret("https://hooks.slack.com/services/T/B/"+secret), slack.Config{Client: c})
		require.NoError(t, err)
		assert.Equal(t, want, typed(t, w.Send(t.Context(), slack.Message{Text: "t"})).Code, word)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "ok", "")
	f.Add(404, "no_service", "")
	f.Add(429, "rate_limited", "30")
	f.Add(429, "", "Thu, 08 Jan 2026 15:31:00 GMT")
	f.Add(503, "<html>"+token, "-1")
	f.Add(400, token, "99999999999999999999")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		w := stub(t, func(*http.Request) (*http.Response, error) { return answer(status, body, retryAfter), nil })
		err := w.Send(t.Context(), slack.Message{Text: "t"})
		// What is read is cut, so a very long run of space may hide what follows "ok".
		if len(body) <= 1<<10 {
			require.Equal(t, status == 200 && strings.TrimSpace(body) == "ok", err == nil)
		}
		if err == nil {
			return
		}
		e := typed(t, err)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), token)
		assert.Regexp(t, `\A([a-z_]{1,64}|http_-?[0-9]+)\z`, e.Code)
		assert.LessOrEqual(t, e.RetryAfter, time.Hour)
		assert.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		assert.NotEqual(t, e.Retryable(), e.Permanent())
		assert.False(t, bytes.ContainsAny([]byte(e.Error()), "\n<>"))
	})
}
