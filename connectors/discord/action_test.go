package discord_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

func action(config string) connectors.Action {
	return connectors.Action{Type: "discord_message", Config: json.RawMessage(config)}
}

func unrendered(config string) connectors.Action {
	a := action(config)
	a.Unrendered = true
	return a
}

func TestExecute(t *testing.T) {
	t.Parallel()
	const none = `"allowed_mentions":{"parse":[]}`
	for config, want := range map[string]string{
		`{"discord_message":"Hello **Alex**"}`:                                         `{"content":"Hello **Alex**",` + none + `}`,
		`{"discord_message":"t","channel":"ignored","embeds":null}`:                    `{"content":"t",` + none + `}`,
		`{"embeds":[{"title":"T","color":255,"fields":[{"name":"N","value":"V"}]}]}`:   `{"embeds":[{"title":"T","color":255,"fields":[{"name":"N","value":"V"}]}],` + none + `}`,
		`{"discord_message":"t","embeds":[],"username":"U","avatar_url":"https://a"}`:  `{"content":"t","username":"U","avatar_url":"https://a",` + none + `}`,
		`{"embeds":[{"type":"rich","timestamp":"2026-01-02T03:04:05.000Z"}]}`:          `{"embeds":[{"timestamp":"2026-01-02T03:04:05Z"}],` + none + `}`,
		`{"discord_message":"t","thread_name":"N"}`:                                    `{"content":"t",` + none + `,"thread_name":"N"}`,
		`{"discord_message":"t","allowed_mentions":{"parse":["users","everyone"]}}`:    `{"content":"t","allowed_mentions":{"parse":["everyone","users"]}}`,
		`{"discord_message":"t","allowed_mentions":{"parse":["roles"],"users":["1"]}}`: `{"content":"t","allowed_mentions":{"parse":["roles"],"users":["1"]}}`,
		`{"discord_message":"t","allowed_mentions":{}}`:                                `{"content":"t",` + none + `}`,
	} {
		var body string
		w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			body = string(b)
			_, _ = io.WriteString(w, saved)
		})
		r, err := w.Execute(t.Context(), action(config))
		require.NoError(t, err, config)
		assert.True(t, r.Success)
		assert.Equal(t, "posted to Discord", r.Message)
		assert.Equal(t, want, body)
	}
}

func TestConfigurationsThatCannotBeExecuted(t *testing.T) {
	t.Parallel()
	for config, code := range map[string]string{
		`{}`:                                    "empty_message",
		`null`:                                  "empty_message",
		`{"discord_message":null}`:              "empty_message",
		`{"discord_message":""}`:                "empty_message",
		`{"embeds":[]}`:                         "empty_message",
		`{"discord_message":5}`:                 "invalid_config",
		`{"discord_message":["a"]}`:             "invalid_config",
		`[]`:                                    "invalid_config",
		`"x"`:                                   "invalid_config",
		``:                                      "invalid_config",
		`{`:                                     "invalid_config",
		`{"embeds":{}}`:                         "invalid_config",
		`{"embeds":"[]"}`:                       "invalid_config",
		`{"embeds":["x"]}`:                      "invalid_config",
		`{"embeds":[{"color":"red"}]}`:          "invalid_config",
		`{"embeds":[{"timestamp":"x"}]}`:        "invalid_config",
		`{"embeds":[null]}`:                     "invalid_embed",
		`{"discord_message":"t","thread_id":7}`: "invalid_config",
		`{"discord_message":"t","thread_id":"x"}`:                                      "invalid_thread",
		`{"discord_message":"t","allowed_mentions":"everyone"}`:                        "invalid_config",
		`{"discord_message":"t","allowed_mentions":{"parse":["all"]}}`:                 "invalid_config",
		`{"discord_message":"t","allowed_mentions":{"parse":"users"}}`:                 "invalid_config",
		`{"discord_message":"t","allowed_mentions":{"users":["{{x}}"]}}`:               "invalid_mentions",
		`{"discord_message":"t","allowed_mentions":{"parse":["users"],"users":["1"]}}`: "invalid_mentions",
		`{"discord_message":"` + strings.Repeat("x", 2_001) + `"}`:                     "too_long",
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
	plan, err := w.Plan(t.Context(), action(`{"discord_message":"Hello <Alex>","thread_id":"7"}`))
	require.NoError(t, err)
	assert.NotEmpty(t, plan.Header.Get("User-Agent"))
	plan.Header.Del("User-Agent")
	assert.Equal(t, connectors.Plan{
		Method: "POST", URL: "https://discord.com/...?thread_id=7&wait=true", Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"content":"Hello <Alex>","allowed_mentions":{"parse":[]}}`, Summary: `would POST to discord.com/...: "Hello <Alex>"`,
	}, plan)
	assert.NotContains(t, fmt.Sprintf("%+v", plan), token)

	long := strings.Repeat("é", 501)
	for config, want := range map[string]struct {
		summary  string
		warnings int
	}{
		`{"discord_message":"` + long + `"}`:                                    {`would POST to discord.com/...: "` + long[:1000] + `"...`, 0},
		`{"discord_message":"two\nlines"}`:                                      {`would POST to discord.com/...: "two\nlines"`, 0},
		`{"embeds":[{"title":"t"}]}`:                                            {`would POST to discord.com/...: 1 embed`, 0},
		`{"embeds":[{"title":"t"},{"title":"u"}]}`:                              {`would POST to discord.com/...: 2 embeds`, 0},
		`{"discord_message":"t","embeds":[{"title":"t"}]}`:                      {`would POST to discord.com/...: "t"`, 0},
		`{"discord_message":"@everyone"}`:                                       {`would POST to discord.com/...: "@everyone"`, 1},
		`{"discord_message":"<@1>","allowed_mentions":{"parse":[]}}`:            {`would POST to discord.com/...: "<@1>"`, 1},
		`{"discord_message":"@here","allowed_mentions":{"parse":["everyone"]}}`: {`would POST to discord.com/...: "@here"`, 0},
		`{"discord_message":"me@example.com"}`:                                  {`would POST to discord.com/...: "me@example.com"`, 0},
	} {
		plan, err := w.Plan(t.Context(), action(config))
		require.NoError(t, err)
		assert.Equal(t, want.summary, plan.Summary)
		assert.Len(t, plan.Warnings, want.warnings)
	}
}

func TestPlanWarnsOfWhatIsIgnored(t *testing.T) {
	t.Parallel()
	plan, err := unused(t).Plan(t.Context(), action(`{"discord_message":"t","tts":true,"Username":"u","channel":"c"}`))
	require.NoError(t, err)
	assert.Equal(t, []string{
		`"channel" is ignored: it is no member of the configuration`, `"tts" is ignored: it is no member of the configuration`,
	}, plan.Warnings)
}

func TestPlanOfWhatIsNotRendered(t *testing.T) {
	t.Parallel()
	w := unused(t)
	const none = `"allowed_mentions":{"parse":[]}}`
	long := strings.Repeat("x", 2_001)
	for config, want := range map[string]struct {
		summary, body string
		warnings      int
	}{
		`{"discord_message":"Hello {{name}}"}`:                              {`"Hello {{name}}"`, `{"content":"Hello {{name}}",` + none, 0},
		`{"embeds":"{{embeds}}"}`:                                           {`embeds`, `{"embeds":"{{embeds}}",` + none, 0},
		`{"embeds":["{{embed}}"]}`:                                          {`embeds`, `{"embeds":["{{embed}}"],` + none, 0},
		`{"embeds":[{"color":"{{c}}","title":"T"}]}`:                        {`embeds`, `{"embeds":[{"color":"{{c}}","title":"T"}],` + none, 0},
		`{"embeds":[{"timestamp":"{{at}}"}]}`:                               {`embeds`, `{"embeds":[{"timestamp":"{{at}}"}],` + none, 0},
		`{"embeds":[{"title":"{{t}}","url":"{{u}}"}]}`:                      {`1 embed`, `{"embeds":[{"title":"{{t}}","url":"{{u}}"}],` + none, 0},
		`{"discord_message":"t","thread_id":"{{id}}"}`:                      {`"t"`, `{"content":"t",` + none, 0},
		`{"discord_message":"t","avatar_url":"{{a}}"}`:                      {`"t"`, `{"content":"t","avatar_url":"{{a}}",` + none, 0},
		`{"discord_message":"t","allowed_mentions":"{{m}}"}`:                {`"t"`, `{"content":"t","allowed_mentions":"{{m}}"}`, 0},
		`{"discord_message":"t","allowed_mentions":{"parse":["{{m}}"]}}`:    {`"t"`, `{"content":"t","allowed_mentions":{"parse":["{{m}}"]}}`, 0},
		`{"discord_message":"<@1>","allowed_mentions":{"users":"{{ids}}"}}`: {`"<@1>"`, `{"content":"<@1>","allowed_mentions":{"users":"{{ids}}"}}`, 0},
		`{"discord_message":"t","allowed_mentions":{"users":["{{id}}"]}}`:   {`"t"`, `{"content":"t","allowed_mentions":{"parse":[],"users":["{{id}}"]}}`, 0},
		`{"discord_message":"` + long + `"}`:                                {`"` + long[:500] + `"...`, `{"content":"` + long + `",` + none, 1},
	} {
		plan, err := w.Plan(t.Context(), unrendered(config))
		require.NoError(t, err, config)
		assert.Equal(t, "would POST to discord.com/...: "+want.summary, plan.Summary)
		assert.Equal(t, want.body, plan.Body)
		assert.Len(t, plan.Warnings, want.warnings, config)
	}
	for _, config := range []string{
		`{}`, `{"discord_message":""}`, `{"discord_message":5}`, `{"embeds":{}}`, `{"discord_message":"t","embeds":5}`, `{"discord_message":"t","allowed_mentions":[]}`,
		`{"embeds":[{}]}`, `{"embeds":[{"fields":[{"name":"n"}]}]}`, `{"discord_message":"t","thread_id":"{{a}}","thread_name":"n"}`,
	} {
		_, err := w.Plan(t.Context(), unrendered(config))
		require.Error(t, err, config)
	}
}

func TestTest(t *testing.T) {
	t.Parallel()
	const alive = "the webhook is alive"
	tests := []struct {
		status        int
		body          string
		message, code string
	}{
		{200, `{"id":"223704706495545344","type":1,"name":"n","channel_id":"199737254929760256","token":"` + token + `","url":"https://discord.com/api/webhooks/` + id + `/` + token + `"}`, alive + " and posts to channel 199737254929760256", ""},
		{200, `{"id":"1","channel_id":null}`, alive, ""},
		{200, `{"id":"1","channel_id":"` + token + `"}`, alive, ""},
		{200, `{"id":"1","channel_id":"` + id + `"}`, alive, ""}, // a part of the URL
		{200, `{}`, "the receiver does not answer as Discord does", "unexpected_answer"},
		{200, "<html>", "the receiver does not answer as Discord does", "unexpected_answer"},
		{204, "", "the receiver does not answer as Discord does", "unexpected_answer"},
		{404, `{"message":"Unknown Webhook","code":10015}`, "the webhook does not exist any more", "10015"},
		{401, `{"message":"Invalid Webhook Token","code":50027}`, "the token of the webhook is not valid", "50027"},
		{403, "error code: 1010", "Discord does not accept messages at this webhook", "http_403"},
		{429, limited, "Discord limits the rate", "http_429"},
		{500, "", "Discord failed", "http_500"},
		{302, "", "the webhook redirects, which is not followed", "redirect"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.40s", tt.status, tt.body), func(t *testing.T) {
			t.Parallel()
			w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				got, _ := io.ReadAll(r.Body)
				assert.Empty(t, got, "nothing that could be posted")
				assert.Equal(t, http.MethodGet, r.Method)
				assert.Empty(t, r.URL.RawQuery)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			r := w.Test(t.Context())
			assert.Equal(t, tt.code == "", r.Success)
			assert.Equal(t, tt.code, r.Code)
			assert.Equal(t, tt.message, r.Message)
		})
	}
}

// A dry run of this connector, through the registry.
func TestDryRun(t *testing.T) {
	t.Parallel()
	r, err := dryRunRegistry(t, unused(t)).DryRun(t.Context(), connectors.DryRunRequest{
		ActionType: "discord_message", ConfigJSON: `{"discord_message":"Hello {{name}}"}`, Payload: json.RawMessage(`{"name":"Alex"}`),
	})
	require.NoError(t, err)
	assert.True(t, r.DryRun)
	assert.Equal(t, `would POST to discord.com/...: "Hello Alex"`, r.Message)

	r, err = dryRunRegistry(t, unused(t)).DryRun(t.Context(), connectors.DryRunRequest{ActionType: "discord_message", ConfigJSON: `{"discord_message":"Hello {{name}}"}`})
	require.NoError(t, err)
	assert.True(t, r.Success)
	assert.Contains(t, r.Message, "nothing was rendered")
}

func TestTheDefaultClientOpensNothingInADryRun(t *testing.T) {
	t.Parallel()
	w := webhook(t, "http://127.0.0.1:1", discord.Config{})
	r, err := dryRunRegistry(t, sender{w}).DryRun(t.Context(), connectors.DryRunRequest{ActionType: "discord_message", ConfigJSON: `{}`})
	require.NoError(t, err)
	assert.False(t, r.Success)
	assert.Equal(t, "dry_run", r.Code, "not a refused connection")
}
