// Package slack posts messages through Slack's incoming webhooks. It starts no
// goroutine.
//
// A [Webhook] holds the URL, which is the credential, as a
// [connectors.Secret]: it appears in no error, log line or plan, and no
// redirect is followed with it. A message is sent once; Slack knows no
// idempotency key, so nothing is repeated after an unclear failure.
//
// Text is plain: &, < and > are escaped exactly once, as Slack documents, so
// that data can neither mention a channel nor disguise a link. The formatting
// characters *, _ and ~ cannot be escaped and stay active.
package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bracework/bracework/connectors"
)

// Config configures a [Webhook]. The zero value of each field is the default
// that its comment names.
type Config struct {
	// Client makes the calls. Default: one of its own with default settings.
	Client *connectors.Client
}

// Webhook is an incoming webhook. Its methods may be called concurrently.
type Webhook struct {
	url    connectors.Secret
	host   string
	client *connectors.Client
}

var _ connectors.Connector = (*Webhook)(nil)

// NewWebhook returns the webhook of a URL: https, or http to a loopback
// address. The error does not contain the URL.
func NewWebhook(webhookURL connectors.Secret, cfg Config) (*Webhook, error) {
	u, err := url.Parse(webhookURL.Reveal())
	switch {
	case webhookURL.IsZero():
		return nil, errors.New("slack: the webhook URL is empty")
	case err != nil:
		return nil, errors.New("slack: the webhook URL is malformed")
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("slack: the webhook URL must have a host, and no user or fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("slack: the webhook URL must be https, or http to a loopback address")
	}
	w := &Webhook{url: webhookURL, host: u.Host, client: cfg.Client}
	if w.client == nil {
		if w.client, err = connectors.NewClient(connectors.ClientConfig{}); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Message is what is posted. Slack wants Text also with Blocks, for
// notifications.
type Message struct {
	// Text is plain text, of at most 40,000 characters: beyond that Slack cuts
	// it. Slack splits what exceeds 4,000 into several messages.
	Text string
	// Raw sends Text as it is: mrkdwn whose &, < and > have a meaning. Data in
	// it must have gone through [Escape].
	Raw bool
	// Blocks is a JSON array of Block Kit blocks, sent as it is.
	Blocks json.RawMessage
}

const maxText = 40_000

// Escape replaces &, < and > by the entities that Slack documents, and nothing
// else.
func Escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// Send posts a message. The error is a [*connectors.Error]; its Code is
// Slack's where it gave one.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	body, err := w.body("send", m)
	if err != nil {
		return err
	}
	status, answer, header, err := w.post(ctx, "send", body)
	if err != nil {
		return err
	}
	if e := w.judge("send", status, answer, header); e != nil {
		return e
	}
	return nil
}

// body encodes a message, or says what is wrong with it.
func (w *Webhook) body(op string, m Message) ([]byte, error) {
	invalid := func(code, message string) error {
		return &connectors.Error{Connector: "slack", Op: op, Host: w.host, Kind: connectors.KindInvalid, Code: code, Message: message, Unsent: true}
	}
	text := m.Text
	if !m.Raw {
		text = Escape(text)
	}
	switch {
	case strings.TrimSpace(m.Text) == "" && len(m.Blocks) == 0:
		return nil, invalid("no_text", "the message has no text")
	case !utf8.ValidString(m.Text):
		return nil, invalid("invalid_text", "the text is not valid UTF-8")
	case utf8.RuneCountInString(text) > maxText:
		return nil, invalid("msg_too_long", "the text is longer than 40,000 characters")
	case len(m.Blocks) > 0 && (!json.Valid(m.Blocks) || bytes.TrimSpace(m.Blocks)[0] != '['):
		return nil, invalid("invalid_blocks", "the blocks are no JSON array")
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Text   string          `json:"text,omitempty"`
		Blocks json.RawMessage `json:"blocks,omitempty"`
	}{text, m.Blocks})
	if err != nil {
		return nil, invalid("invalid_payload", "the message cannot be encoded")
	}
	return bytes.TrimSpace(buf.Bytes()), nil
}

// post makes one call and reads its answer.
func (w *Webhook) post(ctx context.Context, op string, body []byte) (status int, answer string, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, &connectors.Error{Connector: "slack", Op: op, Host: w.host, Kind: connectors.KindInvalid, Message: "the request cannot be made", Unsent: true}
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(r)
	if err != nil {
		return 0, "", nil, w.named(op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// The answers are words; what is longer is a page of something in between.
	head, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return 0, "", nil, w.named(op, err)
	}
	return resp.StatusCode, strings.TrimSpace(string(head)), resp.Header, nil
}

// named adds what the client does not know to its error.
func (w *Webhook) named(op string, err error) error {
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok {
		return &connectors.Error{Connector: "slack", Op: op, Host: w.host, Kind: connectors.KindNetwork, Message: "the call failed"}
	}
	named := *e
	named.Connector, named.Op, named.Host = "slack", op, w.host
	return &named
}

// Execute posts the message of an action: {"slack_message":"text"}, and
// optionally "blocks".
func (w *Webhook) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	start := time.Now()
	m, err := w.message("execute", a)
	if err == nil {
		err = w.Send(ctx, m)
	}
	return connectors.NewResult(start, "sent to Slack", err), err
}

// Plan says what Execute would post.
func (w *Webhook) Plan(_ context.Context, a connectors.Action) (connectors.Plan, error) {
	m, err := w.message("plan", a)
	if err != nil {
		return connectors.Plan{}, err
	}
	body, err := w.body("plan", m)
	if err != nil {
		return connectors.Plan{}, err
	}
	return connectors.Plan{
		Method: http.MethodPost, Host: w.host, Header: http.Header{"Content-Type": {"application/json"}}, Body: body,
		Summary: "would post to Slack at " + w.host + ": " + string(body),
	}, nil
}

// Name returns "slack".
func (w *Webhook) Name() string { return "slack" }

// message reads an action's configuration.
func (w *Webhook) message(op string, a connectors.Action) (Message, error) {
	var config struct {
		Text   *string         `json:"slack_message"`
		Blocks json.RawMessage `json:"blocks"`
	}
	if err := json.Unmarshal(a.Config, &config); err != nil {
		return Message{}, &connectors.Error{
			Connector: "slack", Op: op, Host: w.host, Kind: connectors.KindInvalid, Code: "invalid_config",
			Message: "the configuration must be an object whose slack_message is a string", Unsent: true,
		}
	}
	m := Message{Blocks: config.Blocks}
	if config.Text != nil {
		m.Text = *config.Text
	}
	return m, nil
}

// Test posts an object without text, which Slack refuses as no_text when the
// webhook works: nothing appears anywhere. That Slack answers so has been
// observed; Slack's documentation does not promise it.
func (w *Webhook) Test(ctx context.Context) connectors.Result {
	start := time.Now()
	status, answer, header, err := w.post(ctx, "test", []byte("{}"))
	if err == nil && (status != http.StatusBadRequest || answer != "no_text" && answer != "invalid_payload" && answer != "missing_text_or_fallback_or_attachments") {
		if e := w.judge("test", status, answer, header); e != nil {
			err = e
		}
	}
	return connectors.NewResult(start, "the webhook answers", err)
}
