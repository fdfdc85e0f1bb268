package discord

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// Execute posts the message of an action, whose configuration is
//
//	{"discord_message":"...","embeds":[{...}]}
//
// with one of the two, or both. It may also have thread_id, thread_name, username,
// avatar_url and allowed_mentions, which like embeds have the form of Discord's
// JSON. The texts are Markdown, as in [Message]. A configuration without
// allowed_mentions notifies nobody.
func (w *Webhook) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	start := time.Now()
	m, _, err := message(a)
	if err != nil {
		err = provider.Named(name, "execute", w.host, err)
	} else {
		_, err = w.Send(ctx, m)
	}
	return connectors.NewResult(start, "posted to Discord", err), err
}

// Plan validates an action and returns the request that Execute would make,
// with only what the message adds to the query of the URL. In an action that is not
// rendered,
// what is too long as it stands is a warning, and embeds with a placeholder in the
// place of a number or a list are not looked into.
func (w *Webhook) Plan(_ context.Context, a connectors.Action) (connectors.Plan, error) {
	m, open, err := message(a)
	if err != nil {
		return connectors.Plan{}, provider.Named(name, "plan", w.host, err)
	}
	warnings, err := m.check(open)
	if err != nil {
		return connectors.Plan{}, provider.Named(name, "plan", w.host, err)
	}
	body, err := m.encode(open)
	if err != nil {
		return connectors.Plan{}, provider.Named(name, "plan", w.host, err)
	}
	warnings = append(warnings, ignored(a.Config)...)
	if open.mentions == nil && m.AllowedMentions.nobody() && mentions(m.Content) {
		warnings = append(warnings, "the text mentions somebody, but without allowed_mentions nobody is notified")
	}
	return connectors.Plan{
		Method: http.MethodPost, URL: w.shown + "?" + m.query().Encode(),
		Header: http.Header{"Content-Type": {contentType}, "User-Agent": {userAgent}},
		Body:   string(body), Warnings: warnings,
		Summary: "would POST to " + w.host + "/...: " + summary(m, open),
	}, nil
}

// Test asks Discord for the webhook, which posts nothing and needs no other
// credential. The message of the result names the channel by its id.
func (w *Webhook) Test(ctx context.Context) connectors.Result {
	start := time.Now()
	channel, err := w.probe(ctx)
	if err != nil {
		err = provider.Named(name, "test", w.host, err)
	}
	text := "the webhook is alive"
	if channel != "" {
		text += " and posts to channel " + channel
	}
	return connectors.NewResult(start, text, err)
}

func (w *Webhook) probe(ctx context.Context) (channel string, err error) {
	if ctx == nil {
		return "", provider.Invalid("", "the context is nil")
	}
	ctx, cancel := context.WithTimeout(connectors.ProbeContext(ctx), w.client.Timeout())
	defer cancel()
	resp, err := w.call(ctx, http.MethodGet, w.url.Reveal(), nil)
	if err != nil {
		return "", err
	}
	channel, e := w.judgeWebhook(resp)
	if e != nil {
		return "", e
	}
	return channel, nil
}

// opened is what placeholders leave open in an action that is not rendered.
type opened struct {
	any bool
	// Members in whose place, or in which, a placeholder stands. Nil: none.
	embeds, mentions json.RawMessage
}

// message reads the configuration of an action. The error is a *connectors.Error.
func message(a connectors.Action) (Message, opened, error) {
	var config struct {
		Content    string          `json:"discord_message"`
		Embeds     json.RawMessage `json:"embeds"`
		ThreadID   string          `json:"thread_id"`
		ThreadName string          `json:"thread_name"`
		Username   string          `json:"username"`
		AvatarURL  string          `json:"avatar_url"`
		Mentions   json.RawMessage `json:"allowed_mentions"`
	}
	open := opened{any: a.Unrendered}
	if json.Unmarshal(a.Config, &config) != nil {
		return Message{}, open, provider.Invalid("invalid_config", "the configuration is not a JSON object whose discord_message, thread_id, thread_name, username and avatar_url are strings")
	}
	m := Message{
		Content: config.Content, ThreadID: config.ThreadID, ThreadName: config.ThreadName,
		Username: config.Username, AvatarURL: config.AvatarURL,
	}
	var err error
	if m.Embeds, open.embeds, err = member[[]Embed](config.Embeds, "[", a.Unrendered); err != nil {
		return Message{}, open, provider.Invalid("invalid_config", "embeds is not a list of embeds in the form of Discord")
	}
	form, raw, err := member[allowedMention](config.Mentions, "{", a.Unrendered)
	var known bool
	if m.AllowedMentions, known = form.mentions(); err != nil || !known && !a.Unrendered {
		return Message{}, open, provider.Invalid("invalid_config", "allowed_mentions is not in the form of Discord")
	}
	if open.mentions = raw; !known {
		open.mentions = config.Mentions
	}
	return m, open, nil
}

// ignored returns a warning for each member of a configuration that has no meaning.
func ignored(config json.RawMessage) []string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(config, &members) // it was read before
	var warnings []string
	for _, member := range slices.Sorted(maps.Keys(members)) {
		switch strings.ToLower(member) { // encoding/json takes them in any case
		case "discord_message", "embeds", "thread_id", "thread_name", "username", "avatar_url", "allowed_mentions":
		default:
			warnings = append(warnings, strconv.Quote(member)+" is ignored: it is no member of the configuration")
		}
	}
	return warnings
}

// member decodes a member that is a list or an object, which begins with first. In
// an action that is not rendered it may be a placeholder, or have one where no text
// belongs: then it is returned as it is.
func member[T any](raw json.RawMessage, first string, unrendered bool) (value T, open json.RawMessage, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return value, nil, nil
	}
	err = json.Unmarshal(raw, &value)
	if err != nil && unrendered && (raw[0] == '"' || raw[0] == first[0]) {
		var none T
		return none, raw, nil
	}
	return value, nil, err
}

// mentions reports whether a text has the form of a mention in it.
func mentions(text string) bool {
	return strings.Contains(text, "@everyone") || strings.Contains(text, "@here") || strings.Contains(text, "<@")
}

func summary(m Message, open opened) string {
	switch n := len(m.Embeds); {
	case strings.TrimSpace(m.Content) != "":
		return quote(m.Content)
	case open.embeds != nil:
		return "embeds"
	case n == 1:
		return "1 embed"
	default:
		return strconv.Itoa(n) + " embeds"
	}
}

// maxQuote is how many characters of a text a summary shows.
const maxQuote = 500

// quote returns text on one line, in quotes, cut to a readable length.
func quote(text string) string {
	count := 0
	for i := range text {
		if count++; count > maxQuote {
			return strconv.Quote(strings.TrimSpace(text[:i])) + "..."
		}
	}
	return strconv.Quote(text)
}
