package slack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

const token = "XXXX-do-not-print"

// receiver is a webhook behind which h answers.
func receiver(t *testing.T, h http.HandlerFunc) *slack.Webhook {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w, err := slack.NewWebhook(connectors.NewSecret(srv.URL+"/services/"+token), slack.Config{})
	require.NoError(t, err)
	return w
}

func TestSend(t *testing.T) {
	t.Parallel()
	var got []string
	w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body))
		assert.Equal(t, "/services/"+token, r.URL.Path)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		_, _ = io.WriteString(w, "ok")
	})
	for _, m := range []slack.Message{
		{Text: `a & b <!channel> "q" &amp;`},
		{Text: "<!here>", Raw: true},
		{Text: "t", Blocks: json.RawMessage(`[{"type":"divider"}]`)},
	} {
		require.NoError(t, w.Send(t.Context(), m))
	}
	assert.Equal(t, []string{
		`{"text":"a &amp; b &lt;!channel&gt; \"q\" &amp;amp;"}`,
		`{"text":"<!here>"}`,
		`{"text":"t","blocks":[{"type":"divider"}]}`,
	}, got)
}

func TestInvalidMessagesAreNotSent(t *testing.T) {
	t.Parallel()
	w := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	for code, m := range map[string]slack.Message{
		"no_text":        {Text: " \n"},
		"msg_too_long":   {Text: strings.Repeat("é", 40_001)},
		"invalid_text":   {Text: "\xff"},
		"invalid_blocks": {Text: "t", Blocks: json.RawMessage(`{}`)},
	} {
		e, ok := errors.AsType[*connectors.Error](w.Send(t.Context(), m))
		require.True(t, ok, code)
		assert.Equal(t, code, e.Code)
		assert.True(t, e.Permanent())
		assert.True(t, e.Unsent)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status     int
		body       string
		retryAfter string
		kind       connectors.Kind
		code       string
		wait       time.Duration
	}{
		{400, "invalid_payload", "", connectors.KindInvalid, "invalid_payload", 0},
		{403, "invalid_token", "", connectors.KindAuth, "invalid_token", 0},
		{403, "action_prohibited", "", connectors.KindAuth, "action_prohibited", 0},
		{404, "no_service", "", connectors.KindNotFound, "no_service", 0},
		{404, "channel_not_found", "", connectors.KindNotFound, "channel_not_found", 0},
		{410, "channel_is_archived", "", connectors.KindGone, "channel_is_archived", 0},
		{429, "rate_limited", "30", connectors.KindRateLimited, "rate_limited", 30 * time.Second},
		{429, "message_limit_exceeded", "", connectors.KindRateLimited, "message_limit_exceeded", 0},
		{429, "rate_limited", "864000", connectors.KindRateLimited, "rate_limited", 5 * time.Minute},
		{500, "rollup_error", "", connectors.KindServer, "rollup_error", 0},
		{503, "<html>" + strings.Repeat("x", 4096), "", connectors.KindServer, "http_503", 0},
		{200, "<html>", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "", "", connectors.KindServer, "unexpected_answer", 0},
		{302, "", "", connectors.KindInvalid, "redirect", 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.20s", tt.status, tt.body), func(t *testing.T) {
			t.Parallel()
			w := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			err := w.Send(t.Context(), slack.Message{Text: "t"})
			e, ok := errors.AsType[*connectors.Error](err)
			require.True(t, ok)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.status, e.Status)
			assert.Equal(t, tt.wait, e.RetryDelay())
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), token)
		})
	}
}

func TestNewWebhookRefuses(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "http://hooks.slack.com/services/" + token, "ftp://127.0.0.1/" + token, "https:///" + token, "https://u:" + token + "@h/x",
		"://" + token, "https://h/" + token + "#x", "http://127.0.0.1.example.com/" + token, "http://10.0.0.1/" + token,
	} {
		_, err := slack.NewWebhook(connectors.NewSecret(raw), slack.Config{})
		require.ErrorContains(t, err, "slack: ", raw)
		assert.NotContains(t, err.Error(), token)
	}
	for _, raw := range []string{"https://hooks.slack.com/services/T/B/X", "http://localhost:1/x", "http://[::1]:1/x", "http://127.0.0.2:1/x"} {
		_, err := slack.NewWebhook(connectors.NewSecret(raw), slack.Config{})
		assert.NoError(t, err, raw)
	}
}

func TestPlanAndExecute(t *testing.T) {
	t.Parallel()
	posts := 0
	w := receiver(t, func(w http.ResponseWriter, _ *http.Request) { posts++; _, _ = io.WriteString(w, "ok") })
	a := connectors.Action{Type: "slack_message", Config: []byte(`{"slack_message":"Hello <Alex>"}`)}
	plan, err := w.Plan(t.Context(), a)
	require.NoError(t, err)
	assert.JSONEq(t, `{"text":"Hello &lt;Alex&gt;"}`, string(plan.Body))
	assert.True(t, strings.HasPrefix(plan.Summary, "would post to Slack at 127.0.0.1:"))
	assert.NotContains(t, fmt.Sprintf("%+v", plan), token)
	assert.Equal(t, 0, posts)
	r, err := w.Execute(t.Context(), a)
	require.NoError(t, err)
	assert.True(t, r.Success)
	assert.Equal(t, 1, posts)
	for _, config := range []string{`{}`, `{"slack_message":5}`, `[]`, `{"slack_message":""}`} {
		_, err := w.Plan(t.Context(), connectors.Action{Config: []byte(config)})
		require.Error(t, err, config)
		r, err := w.Execute(t.Context(), connectors.Action{Config: []byte(config)})
		require.Error(t, err, config)
		assert.False(t, r.Success)
	}
	assert.Equal(t, 1, posts)
}

func TestTestIsHarmless(t *testing.T) {
	t.Parallel()
	for answer, alive := range map[string]bool{"400 no_text": true, "400 invalid_payload": true, "404 no_service": false, "403 invalid_token": false, "200 <html>": false} {
		var status int
		var body string
		_, err := fmt.Sscan(answer, &status, &body)
		require.NoError(t, err)
		w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			got, _ := io.ReadAll(r.Body)
			assert.Equal(t, "{}", string(got), "nothing that could be posted")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
		assert.Equal(t, alive, w.Test(t.Context()).Success, answer)
	}
}

func ExampleEscape() {
	fmt.Println(slack.Escape("R&D <!channel>"))
	// Output: R&amp;D &lt;!channel&gt;
}
