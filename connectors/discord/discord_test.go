package discord_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

// The URLs of webhooks, and where their messages go.
func TestNew(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://discord.com/api/webhooks/1/tok":                   "https://discord.com/api/v10/webhooks/1/tok?wait=true",
		"https://discord.com/api/webhooks/1/tok/":                  "https://discord.com/api/v10/webhooks/1/tok?wait=true",
		"https://Discord.com:443/api/v6/webhooks/1/a-B_9.c":        "https://discord.com:443/api/v10/webhooks/1/a-B_9.c?wait=true",
		"https://discordapp.com/api/webhooks/1/tok":                "https://discord.com/api/v10/webhooks/1/tok?wait=true",
		"https://ptb.discord.com/api/v10/webhooks/1/tok":           "https://ptb.discord.com/api/v10/webhooks/1/tok?wait=true",
		"https://canary.discordapp.com/api/webhooks/1/tok":         "https://canary.discord.com/api/v10/webhooks/1/tok?wait=true",
		"https://discord.com/api/webhooks/1/tok?thread_id=7&wait=": "https://discord.com/api/v10/webhooks/1/tok?thread_id=7&wait=true",
		"https://discord.com/api/webhooks/1/tok?wait=false&a=b":    "https://discord.com/api/v10/webhooks/1/tok?a=b&wait=true",
		"https://proxy.example:8443/d/webhooks/x?key=a%26b":        "https://proxy.example:8443/d/webhooks/x?key=a%26b&wait=true",
		"http://127.0.0.1:1/api/webhooks/1/tok":                    "http://127.0.0.1:1/api/webhooks/1/tok?wait=true",
		"http://[::1]:1/x":                                         "http://[::1]:1/x?wait=true",
		"http://localhost/x":                                       "http://localhost/x?wait=true",
	} {
		var got string
		w, err := discord.New(connectors.NewSecret(raw), discord.Config{AnyHost: strings.Contains(raw, "proxy"), Client: client(t, func(r *http.Request) (*http.Response, error) {
			got = r.URL.String()
			return answer(200, saved), nil
		})})
		require.NoError(t, err, raw)
		assert.Equal(t, "discord", w.Name())
		_, err = w.Send(t.Context(), discord.Message{Content: "t"})
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, raw := range []string{
		"", token, "://" + token, "https:///" + token, "https:" + token, " https://h/" + token, "https://h/" + token + "\n",
		"http://discord.com/api/webhooks/1/" + token, "ftp://127.0.0.1/" + token, "https://u:" + token + "@h/x", "https://h/#" + token,
		"http://10.0.0.1/" + token, "https://h/x?a=%zz" + token, "https://h/x?a;b" + token,
		"https://discord.com/" + token, "https://discord.com/webhooks/1/" + token, "https://discord.com/api/webhooks/1/", "https://discord.com/api/webhooks/" + token,
		"https://discord.com/api/webhooks/x/" + token, "https://discord.com/api/webhooks//" + token, "https://discord.com/api/webhooks/111111111111111111111/" + token,
		"https://discord.com/api/webhooks/1/" + token + "/slack", "https://discord.com/api/webhooks/1/" + token + "/github", "https://discord.com/api/webhooks/1/" + token + "/messages/2",
		"https://discord.com/api/x/webhooks/1/" + token, "https://discord.com/api/v/webhooks/1/" + token, "https://discord.com/api/webhooks/1/%20" + token,
		"https://discord.com/api/webhooks/18446744073709551616/" + token, "https://proxy.example/api/webhooks/1/" + token, "https://10.0.0.1/api/webhooks/1/" + token,
		"https://169.254.169.254/" + token, "https://discord.com.example/api/webhooks/1/" + token, "https://a.discord.com/api/webhooks/1/" + token, "https://discord.com./api/webhooks/1/" + token,
	} {
		w, err := discord.New(connectors.NewSecret(raw), discord.Config{})
		require.ErrorContains(t, err, "discord: the webhook URL ", raw)
		assert.NotContains(t, err.Error(), token)
		assert.Nil(t, w)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	const none = `,"allowed_mentions":{"parse":[]}}`
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	tests := []struct {
		name  string
		m     discord.Message
		want  string
		query string
	}{
		{"a content is sent as it is", discord.Message{Content: "**Hi** <@1> & \"q\" \n😀"}, `{"content":"**Hi** <@1> & \"q\" \n😀"` + none, ""},
		{"an embed", discord.Message{Embeds: []discord.Embed{{Title: "T"}}}, `{"embeds":[{"title":"T"}]` + none, ""},
		{"all of an embed", discord.Message{Content: "c", Embeds: []discord.Embed{{
			Title: "T", Description: "D", URL: "https://a/b", Color: 0xff, Timestamp: at,
			Author: discord.Author{Name: "A", URL: "https://a", IconURL: "https://i"}, Footer: discord.Footer{Text: "F", IconURL: "https://f"},
			Image: discord.Image{URL: "https://p"}, Thumbnail: discord.Image{URL: "http://t"},
			Fields: []discord.Field{{Name: "N", Value: "V", Inline: true}, {Name: "n", Value: "v"}},
		}}}, `{"content":"c","embeds":[{"title":"T","description":"D","url":"https://a/b","color":255,"timestamp":"2026-01-02T03:04:05+01:00","author":{"name":"A","url":"https://a","icon_url":"https://i"},` +
			`"footer":{"text":"F","icon_url":"https://f"},"image":{"url":"https://p"},"thumbnail":{"url":"http://t"},"fields":[{"name":"N","value":"V","inline":true},{"name":"n","value":"v"}]}]` + none, ""},
		{
			"who posts and how",
			discord.Message{Content: "c", Username: "U", AvatarURL: "https://a/b.png", TTS: true, Silent: true, SuppressEmbeds: true},
			`{"content":"c","username":"U","avatar_url":"https://a/b.png","tts":true,"allowed_mentions":{"parse":[]},"flags":4100}`, "",
		},
		{"a thread", discord.Message{Content: "c", ThreadID: "18446744073709551615"}, `{"content":"c"` + none, "thread_id=18446744073709551615&"},
		{"a new thread", discord.Message{Content: "c", ThreadName: "N"}, `{"content":"c","allowed_mentions":{"parse":[]},"thread_name":"N"}`, ""},
		{"everybody", discord.Message{Content: "c", AllowedMentions: discord.Mentions{Everyone: true, AllUsers: true, AllRoles: true}}, `{"content":"c","allowed_mentions":{"parse":["everyone","users","roles"]}}`, ""},
		{"somebody", discord.Message{Content: "c", AllowedMentions: discord.Mentions{Users: []string{"1"}, Roles: []string{"2", "3"}}}, `{"content":"c","allowed_mentions":{"parse":[],"users":["1"],"roles":["2","3"]}}`, ""},
		{"some users and all roles", discord.Message{Content: "c", AllowedMentions: discord.Mentions{Users: []string{"1"}, AllRoles: true}}, `{"content":"c","allowed_mentions":{"parse":["roles"],"users":["1"]}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				body, _ := io.ReadAll(r.Body)
				assert.Equal(t, tt.want, string(body))
				assert.Equal(t, http.MethodPost, r.Method)
				assert.Equal(t, "/api/webhooks/"+id+"/"+token+"?"+tt.query+"wait=true", r.URL.String())
				assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
				assert.Regexp(t, `\ADiscordBot \(https://[^ ,]+, [0-9.]+\)`, r.Header.Get("User-Agent"))
				_, _ = io.WriteString(w, saved)
			})
			sent, err := w.Send(t.Context(), tt.m)
			require.NoError(t, err)
			assert.Equal(t, &discord.Sent{ID: "1100000000000000001", ChannelID: "199737254929760256", Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)}, sent)
			assert.Equal(t, 1, calls)
		})
	}
}

// The thread of the URL is that of messages which name none.
func TestThreadOfTheURL(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]discord.Message{
		"thread_id=7&wait=true": {Content: "c"},
		"thread_id=8&wait=true": {Content: "c", ThreadID: "8"},
		"wait=true":             {Content: "c", ThreadName: "n"},
	} {
		w, err := discord.New(connectors.NewSecret("https://discord.com/api/webhooks/1/tok?thread_id=7"), discord.Config{
			Client: client(t, func(r *http.Request) (*http.Response, error) {
				assert.Equal(t, want, r.URL.RawQuery)
				return answer(200, saved), nil
			}),
		})
		require.NoError(t, err)
		_, err = w.Send(t.Context(), m)
		require.NoError(t, err)
	}
}

// What a message lacks in an answer is no reason to call it lost.
func TestSentWithoutAllMembers(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]discord.Sent{
		`{"id":"1"}`: {ID: "1"},
		`{"id":"1","channel_id":null,"timestamp":5}`:                         {ID: "1"},
		`{"id":"1","channel_id":"<b>","timestamp":"soon"}`:                   {ID: "1"},
		`{"timestamp":"2026-01-02T04:04:05+01:00","channel_id":2,"id":"1"} `: {ID: "1", Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
	} {
		w := stub(t, func(*http.Request) (*http.Response, error) { return answer(200, body), nil })
		sent, err := w.Send(t.Context(), discord.Message{Content: "c"})
		require.NoError(t, err, body)
		assert.Equal(t, want, *sent)
	}
}

// The largest message that Discord takes, given back with every character as an
// escape.
func TestTheLargestAnswerIsRead(t *testing.T) {
	t.Parallel()
	body := `{"content":"` + strings.Repeat(`\ud83d\ude00`, 8000) + `","id":"1"}`
	w := stub(t, func(*http.Request) (*http.Response, error) { return answer(200, body), nil })
	sent, err := w.Send(t.Context(), discord.Message{Content: "c"})
	require.NoError(t, err)
	assert.Equal(t, "1", sent.ID)
}

func TestNilContextIsAnError(t *testing.T) {
	t.Parallel()
	var none context.Context
	_, err := unused(t).Send(none, discord.Message{Content: "t"})
	assert.Equal(t, connectors.KindInvalid, typed(t, err).Kind)
	assert.Equal(t, "invalid", unused(t).Test(none).Code)
}

func TestALimiterThatLetsNothingPass(t *testing.T) {
	t.Parallel()
	w := webhook(t, "http://127.0.0.1:1", discord.Config{Limiter: rate.NewLimiter(1, 0)})
	_, err := w.Send(t.Context(), discord.Message{Content: "t"})
	assert.Equal(t, connectors.KindRateLimited, typed(t, err).Kind)
}
