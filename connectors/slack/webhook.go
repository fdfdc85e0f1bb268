package slack

import (
	"context"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// Webhook is an incoming webhook of Slack. Create it with [NewWebhook]. Its
// methods may be called concurrently.
type Webhook struct {
	url    connectors.Secret
	shown  string // the URL without its secret
	host   string
	client *connectors.Client
	gate   *provider.Gate
}

var _ connectors.Connector = (*Webhook)(nil)

// NewWebhook returns the webhook with the given URL, which must be https to a host
// of Slack's (hooks.slack.com, hooks.slack-gov.com, slack.com), or https or http to
// a loopback address: a test, a sidecar. [Config.AnyHost] permits others. The error
// says what is wrong with the URL and does not contain it.
//
// A URL that a customer brings needs a Client with [connectors.ClientConfig.Guard],
// which refuses loopback too: without it, he reaches what listens beside you.
func NewWebhook(webhookURL connectors.Secret, cfg Config) (*Webhook, error) {
	u, err := provider.ParseHook("slack: the webhook URL", webhookURL.Reveal(), cfg.AnyHost,
		"hooks.slack.com", "hooks.slack-gov.com", "slack.com")
	if err != nil {
		return nil, err
	}
	client, err := cfg.client()
	if err != nil {
		return nil, err
	}
	return &Webhook{
		url: webhookURL, shown: u.Scheme + "://" + u.Host + "/...", host: u.Host,
		client: client, gate: cfg.gate(),
	}, nil
}

// Name returns "slack".
func (w *Webhook) Name() string { return name }

// Send posts a message when its turn comes. The error is a [*connectors.Error].
func (w *Webhook) Send(ctx context.Context, m Message) error {
	if err := w.send(ctx, m); err != nil {
		return w.named("send", err)
	}
	return nil
}

func (w *Webhook) send(ctx context.Context, m Message) error {
	if err := checkContext(ctx); err != nil {
		return err
	}
	if err := m.check(false); err != nil {
		return err
	}
	body, err := m.encode("")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, w.client.Timeout())
	defer cancel()
	e := provider.Repeat(ctx, w.client.Attempts(), func() (*connectors.Error, bool) {
		if err := w.gate.Enter(ctx); err != nil {
			return w.named("", err), false
		}
		e, again := w.post(ctx, body)
		w.gate.Learn(e, e != nil && w.dead(e))
		return e, again
	})
	if e != nil {
		return e
	}
	return nil
}

// Reset lets messages pass again after Slack said that the webhook is dead, or
// asked to wait: when somebody has mended it, such as by taking its channel out of
// the archive.
func (w *Webhook) Reset() { w.gate.Reset() }

// post makes one call. It returns nil after success, and otherwise also whether
// Slack asked to come again.
func (w *Webhook) post(ctx context.Context, body []byte) (e *connectors.Error, again bool) {
	r, err := request(ctx, w.url.Reveal(), contentType, body)
	if err != nil {
		return w.named("", err), false
	}
	a, err := post(w.client, r, maxAnswer)
	if err != nil {
		return w.named("", err), false
	}
	e = w.judge(a)
	return e, provider.Asked(e, a.header)
}

// named returns err with what only the webhook knows.
func (w *Webhook) named(op string, err error) *connectors.Error {
	return provider.Named(name, op, w.host, err)
}
