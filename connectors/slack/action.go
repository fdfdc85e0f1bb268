package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// Execute posts the message of an action, whose configuration is
// {"slack_message":"..."}, with "blocks" besides it or in its place, and optionally
// "thread_ts" and "no_unfurl". The text is plain, as [Message.Text] is.
//
// What the blocks of an action hold is sent as it is: placeholders in them need the
// escaper of package template for Slack (template.Slack), or a payload can notify a
// channel and show a link under another name.
func (w *Webhook) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	start := time.Now()
	config, err := read(a)
	if err == nil {
		err = w.Send(ctx, config.message)
	} else {
		err = w.named("execute", err)
	}
	return connectors.NewResult(start, "posted to Slack", err), err
}

// Plan validates an action and returns the request that Execute would make,
// without the path of the URL. In an action that is not rendered, lengths are not
// checked.
func (w *Webhook) Plan(_ context.Context, a connectors.Action) (connectors.Plan, error) {
	config, err := read(a)
	if err != nil {
		return connectors.Plan{}, w.named("plan", err)
	}
	plan, err := config.plan(a.Unrendered, "")
	if err != nil {
		return connectors.Plan{}, w.named("plan", err)
	}
	plan.URL, plan.Header = w.shown, http.Header{"Content-Type": {contentType}}
	plan.Summary = "would POST to " + w.host + "/...: " + config.quoted()
	if config.Channel != "" {
		plan.Warnings = append(plan.Warnings, "channel is ignored: a webhook posts to its own")
	}
	return plan, nil
}

// Test posts an object without text. A webhook that works refuses it as no_text,
// and nothing appears in the channel; one that is dead answers 403, 404 or 410.
// This is what Slack has been observed to do. Its documentation promises neither,
// and offers no other way to test a webhook without posting. A test waits for no
// turn and takes none, and it calls a webhook that was found dead before.
func (w *Webhook) Test(ctx context.Context) connectors.Result {
	start := time.Now()
	err := checkContext(ctx)
	if err == nil {
		if e, _ := w.post(connectors.ProbeContext(ctx), []byte("{}")); e != nil && !readsMessages(e) {
			err = e
		}
	}
	return connectors.NewResult(start, "the webhook is alive", err)
}

// readsMessages reports whether Slack refused the message, and not the webhook.
func readsMessages(e *connectors.Error) bool {
	if e.Status != http.StatusBadRequest {
		return false
	}
	switch e.Code {
	case "no_text", "missing_text_or_fallback_or_attachments", "invalid_payload":
		return true
	default:
		return false
	}
}

// config is the configuration of an action.
type config struct {
	Channel  string          `json:"channel"`
	Text     string          `json:"slack_message"`
	Blocks   json.RawMessage `json:"blocks"`
	ThreadTS string          `json:"thread_ts"`
	NoUnfurl json.RawMessage `json:"no_unfurl"`

	message Message
}

func read(a connectors.Action) (config, error) {
	var c config
	if json.Unmarshal(a.Config, &c) != nil {
		return config{}, provider.Invalid("invalid_config", "the configuration is not a JSON object whose slack_message, channel and thread_ts are strings")
	}
	c.message = Message{Text: c.Text, ThreadTS: c.ThreadTS}
	if !bytes.Equal(c.Blocks, []byte("null")) {
		c.message.Blocks = c.Blocks
	}
	if a.Unrendered && isString(c.NoUnfurl) {
		return c, nil // the value is not known yet
	}
	if c.NoUnfurl != nil && json.Unmarshal(c.NoUnfurl, &c.message.NoUnfurl) != nil {
		return config{}, provider.Invalid("invalid_config", "no_unfurl is neither true nor false")
	}
	return c, nil
}

// plan returns what Webhook and Bot have in common. Its error is a
// *connectors.Error.
func (c config) plan(unrendered bool, channel string) (connectors.Plan, error) {
	if err := c.message.check(unrendered); err != nil {
		return connectors.Plan{}, err
	}
	body, err := c.message.encode(channel)
	if err != nil {
		return connectors.Plan{}, err
	}
	return connectors.Plan{Method: http.MethodPost, Body: string(body), Warnings: c.message.warnings()}, nil
}

// quoted describes the message for a summary.
func (c config) quoted() string {
	if c.Text == "" {
		return "blocks"
	}
	return quote(c.Text)
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
