package slack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/slack"
)

func action(config string) connectors.Action {
	return connectors.Action{Type: "slack_message", Config: json.RawMessage(config)}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(srv.Close)
	w := webhook(t, srv.URL, slack.Config{Limiter: rate.NewLimiter(rate.Inf, 0)})
	for _, config := range []string{
		`{"slack_message":"Hello <Alex>"}`,
		`{"slack_message":"t","blocks":[{"type":"divider"}],"channel":"ignored"}`,
		`{"slack_message":"t","blocks":null}`,
		`{"blocks":[{"type":"divider"}]}`,
		`{"slack_message":"t","thread_ts":"1503435956.000247","no_unfurl":true}`,
		`{"slack_message":"t","no_unfurl":false,"thread_ts":null}`,
	} {
		r, err := w.Execute(t.Context(), action(config))
		require.NoError(t, err, config)
		assert.True(t, r.Success)
		assert.Equal(t, "posted to Slack", r.Message)
	}
	assert.Equal(t, []string{
		`{"text":"Hello &lt;Alex&gt;"}`,
		`{"text":"t","blocks":[{"type":"divider"}]}`,
		`{"text":"t"}`,
		`{"blocks":[{"type":"divider"}]}`,
		`{"text":"t","thread_ts":"1503435956.000247","unfurl_links":false,"unfurl_media":false}`,
		`{"text":"t"}`,
	}, bodies)
}

func TestConfigurationsThatCannotBeExecuted(t *testing.T) {
	t.Parallel()
	for config, code := range map[string]string{
		`{}`:                      "no_text",
		`null`:                    "no_text",
		`{"slack_message":null}`:  "no_text",
		`{"slack_message":""}`:    "no_text",
		`{"slack_message":5}`:     "invalid_config",
		`{"slack_message":["a"]}`: "invalid_config",
		`[]`:                      "invalid_config",
		`"x"`:                     "invalid_config",
		``:                        "invalid_config",
		`{`:                       "invalid_config",
		`{"slack_message":"t","no_unfurl":"yes"}`:                                "invalid_config",
		`{"slack_message":"t","thread_ts":5}`:                                    "invalid_config",
		`{"slack_message":"t","thread_ts":"{{ts}}"}`:                             "invalid_thread_ts",
		`{"slack_message":"t","blocks":"{{blocks}}"}`:                            "invalid_blocks",
		`{"slack_message":"` + strings.Repeat("x", 40_001) + `"}`:                "msg_too_long",
		`{"blocks":[` + strings.TrimSuffix(strings.Repeat("1,", 51), ",") + `]}`: "invalid_blocks",
	} {
		w := unused(t)
		r, err := w.Execute(t.Context(), action(config))
		assert.Equal(t, code, typed(t, err).Code, config)
		assert.False(t, r.Success)
		assert.Equal(t, code, r.Code)

		plan, err := w.Plan(t.Context(), action(config))
		e := typed(t, err)
		assert.Equal(t, code, e.Code, config)
		assert.Equal(t, "plan", e.Op)
		assert.True(t, e.Permanent())
		assert.Zero(t, plan)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	w := unused(t)
	plan, err := w.Plan(t.Context(), action(`{"slack_message":"Hello <Alex>"}`))
	require.NoError(t, err)
	assert.Equal(t, connectors.Plan{
		Method: "POST", URL: "https://hooks.slack.com/...", Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"text":"Hello &lt;Alex&gt;"}`, Summary: `would POST to hooks.slack.com/...: "Hello <Alex>"`,
	}, plan)
	assert.NotContains(t, fmt.Sprintf("%+v", plan), token)

	long := strings.Repeat("é", 4_001)
	for config, want := range map[string]struct {
		summary  string
		warnings int
	}{
		`{"slack_message":"` + long[2:] + `"}`:                             {`would POST to hooks.slack.com/...: "` + long[:1000] + `"...`, 0},
		`{"slack_message":"` + long + `"}`:                                 {`would POST to hooks.slack.com/...: "` + long[:1000] + `"...`, 1},
		`{"slack_message":"two\nlines"}`:                                   {`would POST to hooks.slack.com/...: "two\nlines"`, 0},
		`{"blocks":[{"type":"divider"}]}`:                                  {`would POST to hooks.slack.com/...: blocks`, 1},
		`{"slack_message":"t","channel":"C1"}`:                             {`would POST to hooks.slack.com/...: "t"`, 1},
		`{"slack_message":"t","blocks":` + string(fields(10, 1_321)) + `}`: {`would POST to hooks.slack.com/...: "t"`, 1},
		`{"slack_message":"t","blocks":[{"type":"divider"}]}`:              {`would POST to hooks.slack.com/...: "t"`, 0},
		`{"slack_message":"` + strings.Repeat("x", 500) + `"}`:             {`would POST to hooks.slack.com/...: "` + strings.Repeat("x", 500) + `"`, 0},
	} {
		plan, err := w.Plan(t.Context(), action(config))
		require.NoError(t, err)
		assert.Equal(t, want.summary, plan.Summary)
		assert.Len(t, plan.Warnings, want.warnings)
	}
}

func TestPlanOfWhatIsNotRendered(t *testing.T) {
	t.Parallel()
	w := unused(t)
	for config, want := range map[string]string{
		`{"slack_message":"Hello {{user.name}}"}`:                            `would POST to hooks.slack.com/...: "Hello {{user.name}}"`,
		`{"slack_message":"t","blocks":"{{blocks}}"}`:                        `would POST to hooks.slack.com/...: "t"`,
		`{"blocks":"{{blocks}}"}`:                                            `would POST to hooks.slack.com/...: blocks`,
		`{"blocks":[{"type":"section","text":"{{text}}"}]}`:                  `would POST to hooks.slack.com/...: blocks`,
		`{"blocks":["{{block}}"]}`:                                           `would POST to hooks.slack.com/...: blocks`,
		`{"blocks":` + string(header(151)) + `}`:                             `would POST to hooks.slack.com/...: blocks`,
		`{"slack_message":"t","thread_ts":"{{ts}}","no_unfurl":"{{quiet}}"}`: `would POST to hooks.slack.com/...: "t"`,
	} {
		a := action(config)
		a.Unrendered = true
		plan, err := w.Plan(t.Context(), a)
		require.NoError(t, err, config)
		assert.Equal(t, want, plan.Summary)
	}
	for _, config := range []string{`{}`, `{"slack_message":""}`, `{"slack_message":5}`, `{"blocks":{}}`, `{"slack_message":"t","blocks":5}`, `{"blocks":[5]}`, `{"slack_message":"t","no_unfurl":5}`} {
		a := action(config)
		a.Unrendered = true
		_, err := w.Plan(t.Context(), a)
		require.Error(t, err, config)
	}
}

func TestTest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		body   string
		alive  bool
		code   string
	}{
		{400, "no_text", true, ""},
		{400, "missing_text_or_fallback_or_attachments", true, ""},
		{400, "invalid_payload", true, ""},
		{200, "ok", true, ""},
		{400, "user_not_found", false, "user_not_found"},
		{400, "<html>", false, "http_400"},
		{403, "invalid_token", false, "invalid_token"},
		{404, "no_service", false, "no_service"},
		{404, "no_text", false, "no_text"},
		{410, "channel_is_archived", false, "channel_is_archived"},
		{429, "rate_limited", false, "rate_limited"},
		{500, "rollup_error", false, "rollup_error"},
		{200, "<html>", false, "unexpected_answer"},
		{302, "", false, "redirect"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.body), func(t *testing.T) {
			t.Parallel()
			w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				got, _ := io.ReadAll(r.Body)
				assert.Equal(t, "{}", string(got), "nothing that could be posted")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			r := w.Test(t.Context())
			assert.Equal(t, tt.alive, r.Success)
			assert.Equal(t, tt.code, r.Code)
			assert.NotEmpty(t, r.Message)
		})
	}
}

// A dry run of this connector, through the registry and the handler.
func TestDryRun(t *testing.T) {
	t.Parallel()
	post := func(t *testing.T, body string) connectors.Result {
		t.Helper()
		var req connectors.DryRunRequest
		require.NoError(t, json.Unmarshal([]byte(body), &req))
		r, err := dryRunRegistry(t, unused(t)).DryRun(t.Context(), req)
		require.NoError(t, err)
		assert.True(t, r.DryRun)
		b, err := json.Marshal(r)
		require.NoError(t, err)
		assert.NotContains(t, string(b), token)
		return r
	}
	r := post(t, `{"action_type":"slack_message","config_json":"{\"slack_message\":\"Hello {{name}}\"}","payload":{"name":"Alex"}}`)
	assert.True(t, r.Success)
	assert.Equal(t, `would POST to hooks.slack.com/...: "Hello Alex"`, r.Message)

	r = post(t, `{"action_type":"slack_message","config_json":"{\"slack_message\":\"Hello {{name}}\"}"}`)
	assert.True(t, r.Success)
	assert.Equal(t, `would POST to hooks.slack.com/...: "Hello {{name}}" (nothing was rendered: a payload must have name)`, r.Message)

	r = post(t, `{"action_type":"slack_message","config_json":"{\"channel\":\"c\"}"}`)
	assert.False(t, r.Success)
	assert.Equal(t, "no_text", r.Code)
	assert.Nil(t, r.Plan)
}

func TestTheDefaultClientOpensNothingInADryRun(t *testing.T) {
	t.Parallel()
	w := webhook(t, "http://127.0.0.1:1", slack.Config{})
	r, err := dryRunRegistry(t, sender{w}).DryRun(t.Context(), connectors.DryRunRequest{ActionType: "slack_message", ConfigJSON: `{}`})
	require.NoError(t, err)
	assert.False(t, r.Success)
	assert.Equal(t, "dry_run", r.Code, "not a refused connection")
}
