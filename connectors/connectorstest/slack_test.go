package connectorstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/slack"
)

func code(t *testing.T, err error) string {
	t.Helper()
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	return e.Code
}

func TestSlackTakesMessages(t *testing.T) {
	t.Parallel()
	s := connectorstest.NewSlack(t)
	hook, err := slack.NewWebhook(s.WebhookURL(), slack.Config{})
	require.NoError(t, err)
	bot, err := slack.NewBot(s.Token(), slack.Config{BaseURL: s.BaseURL()})
	require.NoError(t, err)

	require.NoError(t, hook.Send(t.Context(), slack.Message{Text: "Hello"}))
	first, err := bot.Post(t.Context(), "C1", slack.Message{Text: "Hello"})
	require.NoError(t, err)
	second, err := bot.Post(t.Context(), "C1", slack.Message{Text: "again", ThreadTS: first})
	require.NoError(t, err)
	assert.NotEqual(t, first, second)
	assert.True(t, hook.Test(t.Context()).Success)
	assert.True(t, bot.Test(t.Context()).Success)

	got := s.Requests()
	require.Len(t, got, 5)
	assert.Equal(t, "POST", got[0].Method)
	assert.JSONEq(t, `{"text":"Hello"}`, string(got[0].Body))
	assert.Equal(t, "/api/chat.postMessage", got[1].Path)
	assert.Equal(t, "Bearer "+s.Token().Reveal(), got[1].Header.Get("Authorization"))
	assert.JSONEq(t, `{"channel":"C1","text":"again","thread_ts":"`+first+`"}`, string(got[2].Body))
	assert.JSONEq(t, `{}`, string(got[3].Body))
	assert.Equal(t, "/api/auth.test", got[4].Path)

	got[0].Body[0], got[0].Header = 'x', nil
	assert.Equal(t, byte('{'), s.Requests()[0].Body[0], "what is kept cannot be changed")
}

func TestSlackFails(t *testing.T) {
	t.Parallel()
	s := connectorstest.NewSlack(t)
	hook, err := slack.NewWebhook(s.WebhookURL(), slack.Config{})
	require.NoError(t, err)
	bot, err := slack.NewBot(s.Token(), slack.Config{BaseURL: s.BaseURL()})
	require.NoError(t, err)
	m := slack.Message{Text: "t"}

	s.Fail(400, "user_not_found")
	s.Fail(200, `{"ok":false,"error":"is_archived"}`)
	s.Fail(429, "rate_limited", "Retry-After", "3600", "X-Other", "1")
	assert.Equal(t, "user_not_found", code(t, hook.Send(t.Context(), m)))
	_, err = bot.Post(t.Context(), "C1", m)
	assert.Equal(t, "is_archived", code(t, err))
	err = hook.Send(t.Context(), m)
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok)
	assert.Equal(t, "rate_limited", e.Code)
	assert.Equal(t, time.Hour, e.RetryAfter)

	_, err = bot.Post(t.Context(), "C1", m)
	require.NoError(t, err, "the script has ended")
}

// post sends what the connectors would not.
func post(t *testing.T, address, token, contentType, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	resp, err := (&http.Client{}).Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

func TestSlackRefusesWhatSlackWouldRefuse(t *testing.T) {
	t.Parallel()
	s := connectorstest.NewSlack(t)
	hook, token := s.WebhookURL().Reveal(), "Bearer "+s.Token().Reveal()
	const kind = "application/json"
	blocks := `[` + strings.TrimSuffix(strings.Repeat(`{"type":"divider"},`, 51), ",") + `]`

	for _, tt := range []struct {
		name, address, contentType, body string
		status                           int
		want                             string
	}{
		{"a message", hook, kind, `{"text":"t"}`, 200, "ok"},
		{"attachments", hook, kind, `{"attachments":[{}]}`, 200, "ok"},
		{"no text", hook, kind, `{}`, 400, "no_text"},
		{"another case", hook, kind, `{"TEXT":"t"}`, 400, "no_text"},
		{"no JSON", hook, kind, `{`, 400, "invalid_payload"},
		{"a form", hook, "application/x-www-form-urlencoded", `{"text":"t"}`, 400, "invalid_payload"},
		{"51 blocks", hook, kind, `{"blocks":` + blocks + `}`, 400, "invalid_blocks"},
		{"a block without a type", hook, kind, `{"blocks":[{}]}`, 400, "invalid_blocks"},
		{"a wrong secret", hook + "x", kind, `{"text":"t"}`, 403, "invalid_token"},
		{"a wrong webhook", strings.Replace(hook, "B000", "B001", 1), kind, `{"text":"t"}`, 404, "no_service"},
	} {
		status, got := post(t, tt.address, "", tt.contentType, tt.body)
		assert.Equal(t, tt.status, status, tt.name)
		assert.Equal(t, tt.want, got, tt.name)
	}
	for _, tt := range []struct{ name, method, token, body, want string }{
		{"no token", "chat.postMessage", "", `{"channel":"C1","text":"t"}`, "not_authed"},
		{"a wrong token", "chat.postMessage", "Bearer x", `{"channel":"C1","text":"t"}`, "invalid_auth"},
		{"a test with a wrong token", "auth.test", "Bearer x", `{}`, "invalid_auth"},
		{"no channel", "chat.postMessage", token, `{"text":"t"}`, "channel_not_found"},
		{"no text", "chat.postMessage", token, `{"channel":"C1"}`, "no_text"},
		{"no JSON", "chat.postMessage", token, `{`, "invalid_json"},
		{"51 blocks", "chat.postMessage", token, `{"channel":"C1","blocks":` + blocks + `}`, "invalid_blocks"},
		{"another method", "chat.delete", token, `{}`, "unknown_method"},
	} {
		status, got := post(t, s.BaseURL()+"/"+tt.method, tt.token, kind, tt.body)
		assert.Equal(t, 200, status, tt.name)
		assert.JSONEq(t, `{"ok":false,"error":"`+tt.want+`"}`, got, tt.name)
	}
	status, got := post(t, s.BaseURL()+"/chat.postMessage", token, kind, `{"channel":"\"C1","text":"t"}`)
	assert.Equal(t, 200, status)
	assert.True(t, json.Valid([]byte(got)), got)
}

// fakeT is a testing.TB whose cleanup can be run.
type fakeT struct {
	testing.TB
	cleanup func()
}

func (f *fakeT) Cleanup(c func()) { f.cleanup = c }

func TestAStandInEndsWithItsTest(t *testing.T) {
	t.Parallel()
	f := &fakeT{TB: t}
	s := connectorstest.NewSlack(f)
	hook, err := slack.NewWebhook(s.WebhookURL(), slack.Config{})
	require.NoError(t, err)
	require.NoError(t, hook.Send(context.Background(), slack.Message{Text: "t"}))
	f.cleanup()
	require.Error(t, hook.Send(context.Background(), slack.Message{Text: "t"}))
}
