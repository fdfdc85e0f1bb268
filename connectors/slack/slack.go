// Package slack posts messages through Slack's incoming webhooks. It starts no
// goroutine.
//
// A [Webhook] holds the URL, which is the credential, as a [connectors.Secret].
// It appears in no error, log line, plan or answer, and no redirect is followed
// with it.
//
// # Delivery
//
// A message is posted once. Slack knows no idempotency key, so that to repeat it
// after an unclear failure could post it twice; [connectors.Error.Unsent] says
// when it certainly was not posted. Slack accepts about one message a second for
// a channel and answers 429 with Retry-After beyond that; this package does not
// pace messages.
//
// Success is status 200 with the body "ok", white space around it aside. Anything else is a
// [*connectors.Error] whose Code is the word with which Slack answered:
//
//	400  invalid_payload, no_text, ...       KindInvalid
//	403  invalid_token, action_prohibited    KindAuth
//	404  no_service, channel_not_found       KindNotFound
//	410  channel_is_archived                 KindGone
//	429  rate_limited                        KindRateLimited, with RetryAfter
//	5xx  rollup_error, or a page             KindServer
//
// An answer that is no such word gives the code "http_" and the status, a
// redirect "redirect", and a 2xx other than 200 "ok" is "unexpected_answer".
// RetryAfter is at most one hour, whatever the header says.
//
// # Text
//
// Text is plain: &, < and > are escaped exactly once, as Slack documents, so that
// data can neither notify a channel nor disguise a link. The formatting characters
// *, _, ~ and ` cannot be escaped and stay active.
//
// A text of more than 40,000 characters, entities counted as they are sent, is an
// error before anything is sent, since Slack would cut it. Slack splits a text of
// more than 4,000 characters into several messages; it is sent, and
// [Webhook.Plan] warns of it.
package slack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/bracework/bracework/connectors"
)

// name is the Name of a Webhook and the Connector of its errors.
const name = "slack"

// Config configures a [Webhook].
type Config struct {
	// Client makes the calls. Default: one of the Webhook's own, with default
	// settings.
	Client *connectors.Client
}

// Webhook is an incoming webhook of Slack. Create it with [NewWebhook]. Its
// methods may be called concurrently.
type Webhook struct {
	url    connectors.Secret
	shown  string // the URL without its secret
	host   string
	client *connectors.Client
}

var _ connectors.Connector = (*Webhook)(nil)

// NewWebhook returns the webhook with the given URL, which must be https, or http
// to a loopback address: a test, a sidecar. The error says what is wrong with the
// URL and does not contain it.
func NewWebhook(webhookURL connectors.Secret, cfg Config) (*Webhook, error) {
	if webhookURL.IsZero() {
		return nil, errors.New("slack: the webhook URL is empty")
	}
	u, err := url.Parse(webhookURL.Reveal())
	switch {
	case err != nil:
		return nil, errors.New("slack: the webhook URL is malformed; look for spaces and line ends")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("slack: the webhook URL must begin with https://")
	case u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("slack: the webhook URL must have a host, and neither user information nor a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("slack: the webhook URL must be https, or http to a loopback address")
	}
	client := cfg.Client
	if client == nil {
		if client, err = connectors.NewClient(connectors.ClientConfig{}); err != nil {
			return nil, err
		}
	}
	return &Webhook{url: webhookURL, shown: u.Scheme + "://" + u.Host + "/...", host: u.Host, client: client}, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Name returns "slack".
func (w *Webhook) Name() string { return name }

// Send posts a message, once. The error is a [*connectors.Error].
func (w *Webhook) Send(ctx context.Context, m Message) error {
	if err := m.check(false); err != nil {
		return w.named("send", err)
	}
	body, err := m.encode()
	if err != nil {
		return w.named("send", err)
	}
	return w.post(ctx, "send", body)
}

// post makes one call. Its error is nil or a *connectors.Error.
func (w *Webhook) post(ctx context.Context, op string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return w.named(op, &connectors.Error{Kind: connectors.KindInvalid, Message: "the request cannot be made", Unsent: true})
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := w.client.Do(r)
	if err != nil {
		return w.named(op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return w.named(op, err)
	}
	if e := w.judge(resp.StatusCode, resp.Header, string(head)); e != nil {
		return w.named(op, e)
	}
	return nil
}

// named returns err with what only the webhook knows.
func (w *Webhook) named(op string, err error) error {
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok {
		e = &connectors.Error{Kind: connectors.KindNetwork, Message: "the call failed"}
	}
	named := *e
	named.Connector, named.Op, named.Host = name, op, w.host
	return &named
}
