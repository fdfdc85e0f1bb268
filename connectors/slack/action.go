package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bracework/bracework/connectors"
)

// Execute posts the message of an action, whose configuration is
// {"slack_message":"..."}, with "blocks" besides it or in its place. The text is
// plain, as [Message.Text] is.
func (w *Webhook) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	start := time.Now()
	m, _, err := message(a)
	if err == nil {
		err = w.Send(ctx, m)
	} else {
		err = w.named("execute", err)
	}
	return connectors.NewResult(start, "posted to Slack", err), err
}

// Plan validates an action and returns the request that Execute would make,
// without the path of the URL. In an action that is not rendered, the limits
// apply to the text as it stands.
func (w *Webhook) Plan(_ context.Context, a connectors.Action) (connectors.Plan, error) {
	m, open, err := message(a)
	if err == nil {
		err = m.check(open)
	}
	if err != nil {
		return connectors.Plan{}, w.named("plan", err)
	}
	body, err := m.encode()
	if err != nil {
		return connectors.Plan{}, w.named("plan", err)
	}
	what := "blocks"
	if m.Text != "" {
		what = quote(m.Text)
	}
	return connectors.Plan{
		Method: http.MethodPost, URL: w.shown, Header: http.Header{"Content-Type": {contentType}},
		Body: string(body), Warnings: m.warnings(),
		Summary: "would POST to " + w.host + "/...: " + what,
	}, nil
}

// Test posts an object without text. A webhook that works refuses it as no_text,
// and nothing appears in the channel; one that is dead answers 403, 404 or 410.
// This is what Slack has been observed to do. Its documentation promises neither,
// and offers no other way to test a webhook without posting.
func (w *Webhook) Test(ctx context.Context) connectors.Result {
	start := time.Now()
	err := w.post(ctx, "test", []byte("{}"))
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Status == http.StatusBadRequest && readsMessages(e.Code) {
		err = nil
	}
	return connectors.NewResult(start, "the webhook is alive", err)
}

// readsMessages reports whether Slack refused the message, and not the webhook.
func readsMessages(code string) bool {
	switch code {
	case "no_text", "missing_text_or_fallback_or_attachments", "invalid_payload":
		return true
	default:
		return false
	}
}

// message reads the configuration of an action. The blocks are open when a
// placeholder stands in their place.
func message(a connectors.Action) (m Message, open bool, err error) {
	var config struct {
		Text   *string         `json:"slack_message"`
		Blocks json.RawMessage `json:"blocks"`
	}
	if json.Unmarshal(a.Config, &config) != nil {
		return Message{}, false, invalid("invalid_config", "the configuration is not a JSON object whose slack_message is a string")
	}
	if config.Text != nil {
		m.Text = *config.Text
	}
	if string(config.Blocks) != "null" {
		m.Blocks = config.Blocks
	}
	return m, a.Unrendered && bytes.HasPrefix(m.Blocks, []byte(`"`)), nil
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
