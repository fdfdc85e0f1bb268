package slack_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/netguard"
	"github.com/bracework/bracework/connectors/slack"
)

func TestNewWebhook(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"https://hooks.slack.com/services/T/B/X", "https://hooks.slack-gov.com/services/T/B/X", "HTTPS://hooks.slack.com/x", "https://Hooks.Slack.com:443/x?y=z", "https://127.0.0.1:1/x",
		"http://localhost:1/x", "http://LOCALHOST/x", "http://[::1]:1/x", "http://127.0.0.2:1/x", "http://[::ffff:127.0.0.1]/x", "http://127.0.0.1:1",
	} {
		w, err := slack.NewWebhook(connectors.NewSecret(raw), slack.Config{})
		require.NoError(t, err, raw)
		assert.Equal(t, "slack", w.Name())
	}
	for _, raw := range []string{
		"", token, "://" + token, "https:///" + token, "https:" + token, "https://:80/" + token, " https://h/" + token, "https://h/" + token + "\n",
		"http://hooks.slack.com/" + token, "ftp://127.0.0.1/" + token, "https://u:" + token + "@h/x", "https://" + token + "@h/x", "https://h/#" + token,
		"http://127.0.0.1.example.com/" + token, "http://localhost.example.com/" + token, "http://10.0.0.1/" + token, "http://0.0.0.0/" + token, "http://[::]/" + token,
		"http://2130706433/" + token, "http://0177.0.0.1/" + token, "https://h:" + token + "/x", "https://h/%zz" + token,
		"https://proxy:8443/" + token, "https://169.254.169.254/" + token, "https://10.0.0.1/" + token, "https://slack.com.example.com/" + token,
		"https://hooks.slack.com.:1/" + token, "https://evil-slack.com/" + token, "https://a.hooks.slack.com/" + token,
	} {
		w, err := slack.NewWebhook(connectors.NewSecret(raw), slack.Config{})
		require.ErrorContains(t, err, "slack: the webhook URL ", raw)
		assert.NotContains(t, err.Error(), token)
		assert.Nil(t, w)
	}
}

func TestAWebhookOfAnotherHost(t *testing.T) {
	t.Parallel()
	w, err := slack.NewWebhook(connectors.NewSecret("https://proxy:8443/x?y=z"), slack.Config{AnyHost: true})
	require.NoError(t, err)
	assert.Equal(t, "slack", w.Name())
	_, err = slack.NewWebhook(connectors.NewSecret("http://proxy:8443/x"), slack.Config{AnyHost: true})
	require.ErrorContains(t, err, "must be https")
}

// A client that is guarded keeps the URLs of customers off what listens here.
func TestAGuardRefusesLoopback(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the webhook was called") }))
	t.Cleanup(srv.Close)
	guard, err := netguard.New(netguard.Config{AnyPort: true})
	require.NoError(t, err)
	c, err := connectors.NewClient(connectors.ClientConfig{Guard: guard})
	require.NoError(t, err)
	w := webhook(t, srv.URL, slack.Config{Client: c})
	assert.Equal(t, connectors.KindBlocked, typed(t, w.Send(t.Context(), slack.Message{Text: "t"})).Kind)
	assert.False(t, w.Test(t.Context()).Success)
}

func TestSend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		m    slack.Message
		want string
	}{
		{"plain", slack.Message{Text: "Hello Alex"}, `{"text":"Hello Alex"}`},
		{"escaped once", slack.Message{Text: `a & b <!channel> <@U1> "q"`}, `{"text":"a &amp; b &lt;!channel&gt; &lt;@U1&gt; \"q\""}`},
		{"entities are data too", slack.Message{Text: "&amp; &lt;"}, `{"text":"&amp;amp; &amp;lt;"}`},
		{"only three characters are escaped", slack.Message{Text: "'\"/`*_~ é 😀"}, "{\"text\":\"'\\\"/`*_~ é 😀\"}"},
		{"raw", slack.Message{Text: "<!here> &amp;", Raw: true}, `{"text":"<!here> &amp;"}`},
		{"with blocks", slack.Message{Text: "t", Blocks: json.RawMessage(`[{"type":"divider"}]`)}, `{"text":"t","blocks":[{"type":"divider"}]}`},
		{"no blocks", slack.Message{Text: "t", Blocks: json.RawMessage(" [ ] ")}, `{"text":"t"}`},
		{"blocks are sent as they are", slack.Message{Blocks: json.RawMessage(`[{"type":"x","text":"<!here>"}]`)}, `{"blocks":[{"type":"x","text":"<!here>"}]}`},
		{"40,000 characters", slack.Message{Text: strings.Repeat("é", 40_000)}, `{"text":"` + strings.Repeat("é", 40_000) + `"}`},
		{"50 blocks", slack.Message{Blocks: blocks(50, `{"type":"divider"}`)}, `{"blocks":` + string(blocks(50, `{"type":"divider"}`)) + `}`},
		{"a full header", slack.Message{Blocks: header(150)}, `{"blocks":` + string(header(150)) + `}`},
		{"a full section", slack.Message{Blocks: section(3_000)}, `{"blocks":` + string(section(3_000)) + `}`},
		{"full fields", slack.Message{Blocks: fields(10, 2_000)}, `{"blocks":` + string(fields(10, 2_000)) + `}`},
		{"what Slack judges", slack.Message{Blocks: json.RawMessage(`[{"type":"section","text":1,"fields":2},{"type":"markdown","text":"t"}]`)}, `{"blocks":[{"type":"section","text":1,"fields":2},{"type":"markdown","text":"t"}]}`},
		{"in a thread", slack.Message{Text: "t", ThreadTS: "1503435956.000247"}, `{"text":"t","thread_ts":"1503435956.000247"}`},
		{"without previews", slack.Message{Text: "t", NoUnfurl: true}, `{"text":"t","unfurl_links":false,"unfurl_media":false}`},
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
				assert.Equal(t, "/services/T000/B000/"+token, r.URL.Path)
				assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
				_, _ = io.WriteString(w, "ok")
			})
			require.NoError(t, w.Send(t.Context(), tt.m))
			assert.Equal(t, 1, calls)
		})
	}
}

func blocks(n int, block string) json.RawMessage {
	return json.RawMessage("[" + strings.TrimSuffix(strings.Repeat(block+",", n), ",") + "]")
}

func textObject(n int) string { return `{"type":"mrkdwn","text":"` + strings.Repeat("é", n) + `"}` }

func header(n int) json.RawMessage { return blocks(1, `{"type":"header","text":`+textObject(n)+`}`) }

func section(n int) json.RawMessage { return blocks(1, `{"type":"section","text":`+textObject(n)+`}`) }

func fields(n, length int) json.RawMessage {
	return blocks(1, `{"type":"section","fields":`+string(blocks(n, textObject(length)))+`}`)
}

func TestMessagesThatAreNotSent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code string
		m          slack.Message
	}{
		{"empty", "no_text", slack.Message{}},
		{"only space", "no_text", slack.Message{Text: " \n\t"}},
		{"invalid UTF-8", "invalid_text", slack.Message{Text: "a\xff"}},
		{"40,001 characters", "msg_too_long", slack.Message{Text: strings.Repeat("é", 40_001)}},
		{"40,001 characters after escaping", "msg_too_long", slack.Message{Text: strings.Repeat("&", 8_001)}},
		{"blocks are an object", "invalid_blocks", slack.Message{Text: "t", Blocks: json.RawMessage(`{}`)}},
		{"blocks are a string", "invalid_blocks", slack.Message{Text: "t", Blocks: json.RawMessage(`"[]"`)}},
		{"blocks are no JSON", "invalid_blocks", slack.Message{Text: "t", Blocks: json.RawMessage(`[`)}},
		{"blocks are space", "invalid_blocks", slack.Message{Text: "t", Blocks: json.RawMessage(` `)}},
		{"no block", "invalid_blocks", slack.Message{Blocks: json.RawMessage(`[]`)}},
		{"51 blocks", "invalid_blocks", slack.Message{Blocks: blocks(51, `{"type":"divider"}`)}},
		{"a block is a number", "invalid_blocks", slack.Message{Blocks: blocks(1, `1`)}},
		{"a block is a string", "invalid_blocks", slack.Message{Blocks: blocks(1, `"{{block}}"`)}},
		{"a block has no type", "invalid_blocks", slack.Message{Blocks: blocks(1, `{"text":"t"}`)}},
		{"151 characters in a header", "invalid_blocks", slack.Message{Blocks: header(151)}},
		{"3,001 characters in a section", "invalid_blocks", slack.Message{Blocks: section(3_001)}},
		{"2,001 characters in a field", "invalid_blocks", slack.Message{Blocks: fields(1, 2_001)}},
		{"11 fields", "invalid_blocks", slack.Message{Blocks: fields(11, 1)}},
		{"a thread that is none", "invalid_thread_ts", slack.Message{Text: "t", ThreadTS: "yesterday"}},
		{"half a thread", "invalid_thread_ts", slack.Message{Text: "t", ThreadTS: "1503435956."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := typed(t, unused(t).Send(t.Context(), tt.m))
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, connectors.KindInvalid, e.Kind)
			assert.True(t, e.Permanent())
			assert.True(t, e.Unsent)
			assert.Equal(t, "send", e.Op)
		})
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "a": "a", "&": "&amp;", "<": "&lt;", ">": "&gt;", "&lt;": "&amp;lt;", `"'`: `"'`, "<&>": "&lt;&amp;&gt;", "\xff<": "\xff&lt;",
	} {
		assert.Equal(t, want, slack.Escape(in))
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("<!channel> &amp;")
	f.Fuzz(func(t *testing.T, s string) {
		escaped := slack.Escape(s)
		assert.NotContains(t, escaped, "<")
		assert.NotContains(t, escaped, ">")
		assert.Equal(t, s, strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">").Replace(escaped), "nothing is lost")
	})
}

func TestNilContextIsAnError(t *testing.T) {
	t.Parallel()
	var none context.Context
	e := typed(t, unused(t).Send(none, slack.Message{Text: "t"}))
	assert.Equal(t, connectors.KindInvalid, e.Kind)
	assert.False(t, unused(t).Test(none).Success)

	b := unusedBot(t)
	_, err := b.Post(none, "C1", slack.Message{Text: "t"})
	assert.Equal(t, connectors.KindInvalid, typed(t, err).Kind)
	assert.False(t, b.Test(none).Success)
}
