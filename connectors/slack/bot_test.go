package slack_test

import (
	"encoding/json"
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

func TestNewBot(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "https://slack.com/api", "https://slack-gov.com/api/", "http://127.0.0.1:1"} {
		b, err := slack.NewBot(connectors.NewSecret(botToken), slack.Config{BaseURL: base})
		require.NoError(t, err, base)
		assert.Equal(t, "slack", b.Name())
	}
	for _, secret := range []string{"", botToken + "\n", " " + botToken, botToken + "\x00", "xoxb é" + token, "Bearer " + botToken} {
		b, err := slack.NewBot(connectors.NewSecret(secret), slack.Config{})
		require.ErrorContains(t, err, "slack: the token is ", "%q", secret)
		assert.NotContains(t, err.Error(), token)
		assert.Nil(t, b)
	}
	for _, base := range []string{"slack.com/api", "http://slack.com/api", "https://slack.com/api?token=" + token, "https://slack.com/api?", "https://u:" + token + "@slack.com"} {
		b, err := slack.NewBot(connectors.NewSecret(botToken), slack.Config{BaseURL: base})
		require.ErrorContains(t, err, "slack: Config.BaseURL ", base)
		assert.NotContains(t, err.Error(), token)
		assert.Nil(t, b)
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "/api/chat.postMessage", r.URL.String())
		assert.Equal(t, "Bearer "+botToken, r.Header.Get("Authorization"))
		assert.Equal(t, "application/json; charset=utf-8", r.Header.Get("Content-Type"))
		_, _ = io.WriteString(w, `{"ok":true,"channel":"C1","ts":"1503435956.000247","message":{"text":"`+strings.Repeat("x", 500_000)+`"}}`)
	}))
	t.Cleanup(srv.Close)
	b := newBot(t, srv.URL, slack.Config{})
	for _, m := range []slack.Message{
		{Text: "Hello <Alex>"},
		{Text: "<!here>", Raw: true, ThreadTS: "1.2", NoUnfurl: true},
		{Blocks: json.RawMessage(`[{"type":"divider"}]`)},
	} {
		ts, err := b.Post(t.Context(), "C1", m)
		require.NoError(t, err)
		assert.Equal(t, "1503435956.000247", ts)
	}
	assert.Equal(t, []string{
		`{"channel":"C1","text":"Hello &lt;Alex&gt;"}`,
		`{"channel":"C1","text":"<!here>","thread_ts":"1.2","unfurl_links":false,"unfurl_media":false}`,
		`{"channel":"C1","blocks":[{"type":"divider"}]}`,
	}, bodies)
}

func TestPostsThatAreNotSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		channel, code string
		m             slack.Message
	}{
		"no channel":        {"", "channel_not_found", slack.Message{Text: "t"}},
		"a blank channel":   {" \n", "channel_not_found", slack.Message{Text: "t"}},
		"an endless one":    {strings.Repeat("C", 256), "channel_not_found", slack.Message{Text: "t"}},
		"one that is bytes": {"C\xff", "channel_not_found", slack.Message{Text: "t"}},
		"no text":           {"C1", "no_text", slack.Message{}},
		"a long text":       {"C1", "msg_too_long", slack.Message{Text: strings.Repeat("x", 40_001)}},
		"bad blocks":        {"C1", "invalid_blocks", slack.Message{Blocks: json.RawMessage(`{}`)}},
	} {
		ts, err := unusedBot(t).Post(t.Context(), tt.channel, tt.m)
		e := typed(t, err)
		assert.Equal(t, tt.code, e.Code, name)
		assert.Equal(t, connectors.KindInvalid, e.Kind, name)
		assert.Equal(t, "post", e.Op, name)
		assert.True(t, e.Unsent, name)
		assert.Empty(t, ts, name)
	}
}

func TestAnswersOfTheWebAPI(t *testing.T) {
	t.Parallel()
	html := "<!DOCTYPE html><html>" + strings.Repeat("x", 2<<20) + "</html>"
	no := func(code string) string { return `{"ok":false,"error":"` + code + `"}` }
	tests := []struct {
		status     int
		body       string
		retryAfter string
		kind       connectors.Kind
		code       string
		wait       time.Duration
	}{
		{200, no("invalid_auth"), "", connectors.KindAuth, "invalid_auth", 0},
		{200, no("not_authed"), "", connectors.KindAuth, "not_authed", 0},
		{200, no("account_inactive"), "", connectors.KindAuth, "account_inactive", 0},
		{200, no("token_revoked"), "", connectors.KindAuth, "token_revoked", 0},
		{200, no("token_expired"), "", connectors.KindAuth, "token_expired", 0},
		{200, `{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"identify"}`, "", connectors.KindAuth, "missing_scope", 0},
		{200, no("not_in_channel"), "", connectors.KindAuth, "not_in_channel", 0},
		{200, no("restricted_action"), "", connectors.KindAuth, "restricted_action", 0},
		{200, no("restricted_action_read_only_channel"), "", connectors.KindAuth, "restricted_action_read_only_channel", 0},
		{200, no("no_permission"), "", connectors.KindAuth, "no_permission", 0},
		{200, no("channel_not_found"), "", connectors.KindNotFound, "channel_not_found", 0},
		{200, no("is_archived"), "", connectors.KindGone, "is_archived", 0},
		{200, no("msg_too_long"), "", connectors.KindInvalid, "msg_too_long", 0},
		{200, no("msg_blocks_too_long"), "", connectors.KindInvalid, "msg_blocks_too_long", 0},
		{200, no("invalid_blocks"), "", connectors.KindInvalid, "invalid_blocks", 0},
		{200, no("no_text"), "", connectors.KindInvalid, "no_text", 0},
		{200, no("something_new"), "", connectors.KindInvalid, "something_new", 0},
		{200, no("ratelimited"), "7", connectors.KindRateLimited, "ratelimited", 7 * time.Second},
		{200, no("rate_limited"), "", connectors.KindRateLimited, "rate_limited", 0},
		{200, no("message_limit_exceeded"), "", connectors.KindRateLimited, "message_limit_exceeded", 0},
		{200, no("internal_error"), "", connectors.KindServer, "internal_error", 0},
		{200, no("fatal_error"), "", connectors.KindServer, "fatal_error", 0},
		{200, no("service_unavailable"), "", connectors.KindServer, "service_unavailable", 0},
		{200, no("request_timeout"), "", connectors.KindServer, "request_timeout", 0},
		{200, no("team_added_to_org"), "", connectors.KindServer, "team_added_to_org", 0},
		{429, no("ratelimited"), "30", connectors.KindRateLimited, "ratelimited", 30 * time.Second},
		{429, "", "30", connectors.KindRateLimited, "http_429", 30 * time.Second},
		{429, no("ratelimited"), "999999", connectors.KindRateLimited, "ratelimited", time.Hour},
		{429, no("ratelimited"), "", connectors.KindRateLimited, "ratelimited", 0},
		{400, no("invalid_form_data"), "", connectors.KindInvalid, "invalid_form_data", 0},
		{401, no("invalid_auth"), "", connectors.KindAuth, "invalid_auth", 0},
		{404, "<html>", "", connectors.KindNotFound, "http_404", 0},
		{500, no("fatal_error"), "", connectors.KindServer, "fatal_error", 0},
		{502, "<html>", "", connectors.KindServer, "http_502", 0},
		{503, "<html>", "60", connectors.KindServer, "http_503", time.Minute},
		{302, "", "", connectors.KindInvalid, "redirect", 0},
		{200, "", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "ok", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "null", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "{}", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "<html>", "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"ok":true}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"ok":true,"ts":"` + token + `"}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"ok":true,"ts":5}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"ok":"true","ts":"1.2"}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"ok":true,"ts":"1.2"`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"ok":false}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, no("Not A Word"), "", connectors.KindServer, "unexpected_answer", 0},
		{200, no(token), "", connectors.KindServer, "unexpected_answer", 0},
		{200, no("xoxb"), "", connectors.KindServer, "unexpected_answer", 0}, // a part of the token
		{201, `{"ok":true,"ts":"1.2"}`, "", connectors.KindServer, "unexpected_answer", 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.60s %s", tt.status, tt.body, tt.retryAfter), func(t *testing.T) {
			t.Parallel()
			calls := 0
			b := stubBot(t, func(*http.Request) (*http.Response, error) {
				calls++
				return answer(tt.status, tt.body, tt.retryAfter), nil
			})
			ts, err := b.Post(t.Context(), "C1", slack.Message{Text: "t"})
			e := typed(t, err)
			assert.Empty(t, ts)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.status, e.Status)
			assert.Equal(t, tt.wait, e.RetryAfter)
			assert.NotEmpty(t, e.Message)
			assert.False(t, e.Unsent)
			assert.NotContains(t, e.Error(), token)
			assert.Equal(t, 1, calls, "neither repeated nor redirected")
		})
	}
	t.Run("a page of 2 MiB", func(t *testing.T) {
		t.Parallel()
		b := stubBot(t, func(*http.Request) (*http.Response, error) { return answer(200, html, ""), nil })
		_, err := b.Post(t.Context(), "C1", slack.Message{Text: "t"})
		assert.Equal(t, connectors.KindServer, typed(t, err).Kind)
	})
}

func FuzzAnswerOfTheWebAPI(f *testing.F) {
	f.Add(200, `{"ok":true,"ts":"1503435956.000247"}`, "")
	f.Add(200, `{"ok":false,"error":"channel_not_found"}`, "")
	f.Add(429, `{"ok":false,"error":"ratelimited"}`, "30")
	f.Add(200, `{"ok":false,"error":"`+token+`"}`, "")
	f.Add(503, "<html>"+botToken, "-1")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		b := stubBot(t, func(*http.Request) (*http.Response, error) { return answer(status, body, retryAfter), nil })
		ts, err := b.Post(t.Context(), "C1", slack.Message{Text: "t"})
		if err == nil {
			assert.Equal(t, 200, status)
			assert.Regexp(t, `\A[0-9]{1,20}\.[0-9]{1,20}\z`, ts)
			return
		}
		e := typed(t, err)
		assert.Empty(t, ts)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), token)
		assert.Regexp(t, `\A([a-z_]{1,64}|http_-?[0-9]+)\z`, e.Code)
		assert.LessOrEqual(t, e.RetryAfter, time.Hour)
		assert.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		assert.NotEqual(t, e.Retryable(), e.Permanent())
	})
}

func TestActionsOfABot(t *testing.T) {
	t.Parallel()
	var bodies []string
	b := stubBot(t, func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		return answer(200, `{"ok":true,"ts":"1.2"}`, ""), nil
	})
	for _, config := range []string{
		`{"channel":"C1","slack_message":"Hello <Alex>"}`,
		`{"channel":"#general","blocks":[{"type":"divider"}],"thread_ts":"1.2","no_unfurl":true}`,
	} {
		r, err := b.Execute(t.Context(), action(config))
		require.NoError(t, err)
		assert.True(t, r.Success)
		assert.Equal(t, "posted to Slack", r.Message)
	}
	assert.Equal(t, []string{
		`{"channel":"C1","text":"Hello &lt;Alex&gt;"}`,
		`{"channel":"#general","blocks":[{"type":"divider"}],"thread_ts":"1.2","unfurl_links":false,"unfurl_media":false}`,
	}, bodies)

	for config, code := range map[string]string{
		`{"slack_message":"t"}`:                                "channel_not_found",
		`{"channel":null,"slack_message":"t"}`:                 "channel_not_found",
		`{"channel":5,"slack_message":"t"}`:                    "invalid_config",
		`{"channel":"C1"}`:                                     "no_text",
		`{"channel":"C1","blocks":[]}`:                         "invalid_blocks",
		`{"channel":"C1","slack_message":"t","no_unfurl":"x"}`: "invalid_config",
	} {
		b := unusedBot(t)
		r, err := b.Execute(t.Context(), action(config))
		assert.Equal(t, code, typed(t, err).Code, config)
		assert.Equal(t, code, r.Code)
		plan, err := b.Plan(t.Context(), action(config))
		assert.Equal(t, code, typed(t, err).Code, config)
		assert.Zero(t, plan)
	}
}

func TestPlanOfABot(t *testing.T) {
	t.Parallel()
	b := unusedBot(t)
	plan, err := b.Plan(t.Context(), action(`{"channel":"C1","slack_message":"Hello <Alex>"}`))
	require.NoError(t, err)
	assert.Equal(t, connectors.Plan{
		Method: "POST", URL: "https://slack.com/api/chat.postMessage", Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Body: `{"channel":"C1","text":"Hello &lt;Alex&gt;"}`, Summary: `would POST to slack.com for channel "C1": "Hello <Alex>"`,
	}, plan)

	a := action(`{"channel":"{{channel}}","slack_message":"{{text}}","blocks":"{{blocks}}"}`)
	a.Unrendered = true
	plan, err = b.Plan(t.Context(), a)
	require.NoError(t, err)
	assert.Equal(t, `would POST to slack.com for channel "{{channel}}": "{{text}}"`, plan.Summary)

	var req connectors.DryRunRequest
	require.NoError(t, json.Unmarshal([]byte(`{"action_type":"slack_message","config_json":"{\"channel\":\"C1\",\"slack_message\":\"Hello {{name}}\"}","payload":{"name":"Alex"}}`), &req))
	r, err := dryRunRegistry(t, b).DryRun(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, `would POST to slack.com for channel "C1": "Hello Alex"`, r.Message)
}

func TestTestOfABot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		body   string
		alive  bool
		code   string
	}{
		{200, `{"ok":true,"team":"T","user":"bot"}`, true, ""},
		{200, `{"ok":false,"error":"invalid_auth"}`, false, "invalid_auth"},
		{200, `{"ok":false,"error":"account_inactive"}`, false, "account_inactive"},
		{200, "<html>", false, "unexpected_answer"},
		{429, `{"ok":false,"error":"ratelimited"}`, false, "ratelimited"},
		{500, "", false, "http_500"},
		{302, "", false, "redirect"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.body), func(t *testing.T) {
			t.Parallel()
			b := api(t, func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "/api/auth.test", r.URL.String())
				assert.Equal(t, "Bearer "+botToken, r.Header.Get("Authorization"))
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			r := b.Test(t.Context())
			assert.Equal(t, tt.alive, r.Success)
			assert.Equal(t, tt.code, r.Code)
			assert.NotEmpty(t, r.Message)
		})
	}
}
