package connectorstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/discord"
)

func discordWebhook(t *testing.T, d *connectorstest.Discord) *discord.Webhook {
	t.Helper()
	w, err := discord.New(d.WebhookURL(), discord.Config{})
	require.NoError(t, err)
	return w
}

// discordPost sends what the connector would not.
func discordPost(t *testing.T, url, body string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func TestDiscordTakesAMessage(t *testing.T) {
	t.Parallel()
	d := connectorstest.NewDiscord(t)
	w := discordWebhook(t, d)
	sent, err := w.Send(t.Context(), discord.Message{
		Content: " Hello ", ThreadID: "42", Username: "U", AvatarURL: "https://a/b", TTS: true, Silent: true,
		Embeds: []discord.Embed{{Title: "T"}}, AllowedMentions: discord.Mentions{Users: []string{"1"}},
	})
	require.NoError(t, err)
	messages := d.Messages()
	require.Len(t, messages, 1)
	assert.Equal(t, connectorstest.DiscordMessage{
		ID: sent.ID, ThreadID: "42", Content: "Hello", Username: "U", AvatarURL: "https://a/b", TTS: true, Flags: 1 << 12,
		Embeds: json.RawMessage(`[{"title":"T"}]`), AllowedMentions: json.RawMessage(`{"parse":[],"users":["1"]}`),
	}, messages[0])
	assert.Equal(t, "42", sent.ChannelID)
	assert.WithinDuration(t, time.Now(), sent.Timestamp, time.Minute)

	second, err := w.Send(t.Context(), discord.Message{Content: "c"})
	require.NoError(t, err)
	assert.NotEqual(t, sent.ID, second.ID)
	requests := d.Requests()
	require.Len(t, requests, 2)
	assert.Equal(t, "true", requests[0].Query.Get("wait"))
	assert.JSONEq(t, `{"content":"c","allowed_mentions":{"parse":[]}}`, string(requests[1].Body))

	r := w.Test(t.Context())
	assert.True(t, r.Success)
	assert.Equal(t, "the webhook is alive and posts to channel 199737254929760256", r.Message)
	assert.Len(t, d.Messages(), 2)
}

func TestDiscordFailsOnRequest(t *testing.T) {
	t.Parallel()
	d := connectorstest.NewDiscord(t)
	w := discordWebhook(t, d)
	send := func() *connectors.Error {
		_, err := w.Send(t.Context(), discord.Message{Content: "c"})
		var e *connectors.Error
		require.ErrorAs(t, err, &e)
		w.Reset()
		return e
	}
	d.Fail(500, "<html>")
	d.Fail(403, `{"message":"Missing Permissions","code":50013}`)
	d.Fail(429, "error code: 1015", "Retry-After", "120")
	assert.Equal(t, "http_500", send().Code)
	assert.Equal(t, "50013", send().Code)
	e := send()
	assert.Equal(t, "ip_blocked", e.Code)
	assert.Equal(t, 2*time.Minute, e.RetryAfter)
	d.RateLimit(64570*time.Millisecond, false)
	e = send()
	assert.Equal(t, 64570*time.Millisecond, e.RetryAfter)
	assert.False(t, e.Global)
	d.RateLimit(time.Minute, true)
	assert.True(t, send().Global)
	_, err := w.Send(t.Context(), discord.Message{Content: "c"})
	require.NoError(t, err)
	assert.Len(t, d.Messages(), 1)
	d.Delete()
	assert.Equal(t, "10015", send().Code)
	assert.Equal(t, "10015", w.Test(t.Context()).Code)
}

// What Discord refuses, and how.
func TestDiscordRefuses(t *testing.T) {
	t.Parallel()
	d := connectorstest.NewDiscord(t)
	good := http.Header{"User-Agent": {"DiscordBot (https://example.com, 1)"}, "Content-Type": {"application/json"}}
	long, hook := strings.Repeat("x", 2001), d.WebhookURL().Reveal()
	tests := []struct {
		name, url, body string
		header          http.Header
		status          int
		want            string
	}{
		{"empty", hook, `{}`, good, 400, `50006`},
		{"blank", hook, `{"content":" \n"}`, good, 400, `50006`},
		{"no JSON", hook, `{`, good, 400, `50109`},
		{"no type", hook, `{"content":"c"}`, http.Header{"User-Agent": good["User-Agent"]}, 400, `50035`},
		{"not an object", hook, `[]`, good, 400, `{"_errors":[{"code":"DICT_TYPE_CONVERT"`},
		{"long", hook, `{"content":"` + long + `"}`, good, 400, `{"content":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH"`},
		{"long in an embed", hook, `{"embeds":[{"title":"t"},{"title":"` + long[:257] + `"}]}`, good, 400, `{"embeds":{"1":{"title":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH"`},
		{"embeds are no list", hook, `{"embeds":{}}`, good, 400, `{"embeds":{"_errors":[{"code":"LIST_TYPE_CONVERT"`},
		{"a field without a name", hook, `{"embeds":[{"fields":[{"value":"v"}]}]}`, good, 400, `"name":{"_errors":[{"code":"BASE_TYPE_REQUIRED"`},
		{"all and some", hook, `{"content":"c","allowed_mentions":{"parse":["users"],"users":["1"]}}`, good, 400, `MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE`},
		{"unknown mentions", hook, `{"content":"c","allowed_mentions":{"parse":["all"]}}`, good, 400, `BASE_TYPE_CHOICES`},
		{"a name", hook, `{"content":"c","username":"Discord"}`, good, 400, `USERNAME_INVALID_CONTAINS`},
		{"an avatar", hook, `{"content":"c","avatar_url":"ftp://a"}`, good, 400, `URL_TYPE_INVALID_SCHEME`},
		{"an empty embed", hook, `{"embeds":[{}]}`, good, 400, `50006`},
		{"another case", hook, `{"CONTENT":"c"}`, good, 400, `50006`},
		{"a blank name", hook, `{"content":"c","username":" "}`, good, 400, `{"username":{"_errors":[{"code":"BASE_TYPE_BAD_LENGTH"`},
		{"a blank thread", hook, `{"content":"c","thread_name":" "}`, good, 400, `{"thread_name":{"_errors":[{"code":"BASE_TYPE_BAD_LENGTH"`},
		{"a user", hook, `{"content":"c","allowed_mentions":{"users":["1","abc"]}}`, good, 400, `{"users":{"1":{"_errors":[{"code":"NUMBER_TYPE_COERCE"`},
		{"a role", hook, `{"content":"c","allowed_mentions":{"roles":["18446744073709551616"]}}`, good, 400, `{"roles":{"0":{"_errors":[{"code":"NUMBER_TYPE_COERCE"`},
		{"a thread", hook + "?thread_id=x", `{"content":"c"}`, good, 400, `{"thread_id":{"_errors"`},
		{"a token", hook + "x", `{"content":"c"}`, good, 401, `50027`},
		{"an id", strings.Replace(hook, "/webhooks/2", "/webhooks/3", 1), `{"content":"c"}`, good, 404, `10015`},
		{"a path", strings.Replace(hook, "/api/", "/", 1), `{"content":"c"}`, good, 404, `"code": 0`},
		{"a user agent", hook, `{"content":"c"}`, http.Header{"Content-Type": good["Content-Type"]}, 403, `1010`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, body := discordPost(t, tt.url, tt.body, tt.header)
			assert.Equal(t, tt.status, status, body)
			assert.Contains(t, body, tt.want)
			assert.Empty(t, d.Messages())
		})
	}
}

// A version in the path, and no wait.
func TestDiscordWithoutWait(t *testing.T) {
	t.Parallel()
	d := connectorstest.NewDiscord(t)
	status, body := discordPost(t, strings.Replace(d.WebhookURL().Reveal(), "/api/", "/api/v10/", 1), `{"content":"c"}`, http.Header{"User-Agent": {"DiscordBot (https://example.com, 1)"}, "Content-Type": {"application/json"}})
	assert.Equal(t, 204, status)
	assert.Empty(t, body)
	require.Len(t, d.Messages(), 1)
	assert.Nil(t, d.Messages()[0].AllowedMentions)
}
