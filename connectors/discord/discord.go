// Package discord posts messages through Discord's webhooks. It starts no
// goroutine.
//
// A [Webhook] holds the URL, which is the credential, as a [connectors.Secret].
// It appears in no error, log line, plan or answer, and no redirect is followed
// with it. Its host is Discord's, or a loopback address, unless [Config.AnyHost] is
// set. URLs that customers bring also need [connectors.ClientConfig.Guard], which
// keeps them off loopback.
//
// # Delivery
//
// A message is posted with wait=true: without it, Discord answers before it has
// saved the message, and tells nobody when it could not. Discord knows no
// idempotency key, so that to repeat a message after an unclear failure could post
// it twice. The [connectors.Client] repeats what certainly was not sent. After 429
// that names a time, by which Discord refuses a message, this package repeats it,
// within the time of the call: at most three calls, and not more than
// [connectors.ClientConfig.Attempts], each in a turn of its own.
// [connectors.Error.Unsent] says when a message was not even sent.
//
// Success is status 200 with the message that was saved. Anything else is a
// [*connectors.Error] whose Code is the number of Discord's answer as text:
//
//	400  50035, 50006, ...         KindInvalid
//	401  50027, ...                KindAuth
//	403  50013, ...                KindAuth
//	404  10015, 10003, ...         KindNotFound
//	413  40005                     KindTooLarge
//	429  "http_429", 20029, ...    KindRateLimited, with RetryAfter
//	5xx                            KindServer
//
// For 50035, a form that is not valid, the message lists which members were
// refused, by Discord's own codes. An answer without a number gives the code
// "http_" and the status, and a redirect "redirect". A 204 is "unconfirmed":
// something on the way has dropped wait=true, and whether the message is saved is
// not known. Any other 2xx is "unexpected_answer".
//
// After 404 with 10015 (the webhook was deleted), and after 401 with 50027 (its
// token was replaced), the Webhook refuses every message by itself until
// [Webhook.Reset]: Discord restricts the address of whoever goes on.
//
// # Pace
//
// By default five messages may go at once, and two a second follow. What Discord
// says comes first: after an answer that leaves no message in the window
// (X-RateLimit-Remaining: 0), and after 429, nothing is sent until the time that it
// names, which is at most one hour. A message whose turn does not come within the
// time of the call is an error, with RetryAfter. [connectors.Error.Global] marks a
// limit that is not of this webhook alone: webhooks have no other identity than
// the address that they are called from. A 429 that comes from in front of Discord
// and is no JSON, or names no time, has the code "ip_blocked"; without a time, the
// wait is one minute.
//
// The pace is that of one Webhook. Several for one URL, in one process or in many,
// learn of each other only by 429.
//
// # Text
//
// Content, and the texts of an [Embed], are Discord's Markdown and are sent as they
// are. Data in them must have gone through [Escape]; Send does not do it, since
// the escape is for Markdown only and changes what is counted and, in links, what
// is shown.
//
// A message notifies nobody unless its AllowedMentions say so, whatever its text.
// Without that, Discord would notify every user that the text mentions.
//
// The limits are checked before anything is sent, and counted as Discord does: in
// code points, inclusively, without white space at the ends. They are the constants
// of this package.
//
// Sources: Discord's pages on the [webhook resource], the [message resource] and
// [rate limits], of API version 10.
//
// [webhook resource]: https://docs.discord.com/developers/resources/webhook
// [message resource]: https://docs.discord.com/developers/resources/message
// [rate limits]: https://docs.discord.com/developers/topics/rate-limits
package discord

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

const (
	// name is the Name of a Webhook and the Connector of its errors.
	name = "discord"

	contentType = "application/json"

	// userAgent has the form that Discord asks for; what has another may be
	// blocked in front of it.
	userAgent = "DiscordBot (https://github.com/bracework/bracework, 1)"

	// maxAnswer is how much of an answer is read. The largest message comes
	// back with 8,000 characters, of up to 12 bytes each, and what is around
	// them.
	maxAnswer = 256 << 10
)

// Config configures a [Webhook].
type Config struct {
	// Client makes the calls. Default: one of the Webhook's own, with default
	// settings.
	Client *connectors.Client
	// Limiter paces the messages. Default: five at once, then two a second.
	// rate.NewLimiter(rate.Inf, 0) does not pace.
	Limiter *rate.Limiter
	// AnyHost permits a URL of another host than Discord's, such as a proxy.
	// Whoever chooses the URL then chooses which hosts are called from here: set
	// it for URLs of your own, or with [connectors.ClientConfig.Guard].
	AnyHost bool
}

// Webhook is a webhook of Discord. Create it with [New]. Its methods may be called
// concurrently.
type Webhook struct {
	url    connectors.Secret
	shown  string // the URL without its secret
	host   string
	client *connectors.Client
	gate   *provider.Gate
}

var _ connectors.Connector = (*Webhook)(nil)

// New returns the webhook with the given URL, as Discord shows it:
//
//	https://discord.com/api/webhooks/{id}/{token}
//
// The hosts discordapp.com, ptb.discord.com and canary.discord.com are Discord's
// too. At these the version in the path is replaced by v10, since without one an
// old version answers, and discordapp.com, which Discord has given up for this, by
// discord.com. A URL with a loopback address (a test, a sidecar), and with
// [Config.AnyHost] that of another host, is used as it is; it must be https, or http
// to loopback. A query is kept: a thread_id in it is the thread of every message
// that names none.
//
// A URL that a customer brings needs a Client with [connectors.ClientConfig.Guard],
// which refuses loopback too: without it, he reaches what listens beside you.
//
// The error says what is wrong with the URL and does not contain it.
func New(webhookURL connectors.Secret, cfg Config) (*Webhook, error) {
	u, err := endpoint(webhookURL.Reveal(), cfg.AnyHost)
	if err != nil {
		return nil, err
	}
	client := cfg.Client
	if client == nil {
		if client, err = connectors.NewClient(connectors.ClientConfig{}); err != nil {
			return nil, err
		}
	}
	limiter := cfg.Limiter
	if limiter == nil {
		limiter = rate.NewLimiter(2, 5)
	}
	return &Webhook{
		url: connectors.NewSecret(u.String()), shown: u.Scheme + "://" + u.Host + "/...", host: u.Host,
		client: client, gate: provider.NewGate(limiter),
	}, nil
}

// Name returns "discord".
func (w *Webhook) Name() string { return name }

// Sent is a message that Discord has saved.
type Sent struct {
	ID        string    // a snowflake: decimal digits
	ChannelID string    // of the channel or thread; may be empty
	Timestamp time.Time // by Discord's clock; may be zero
}

// Send posts a message and waits until it is saved. The error is a
// [*connectors.Error].
func (w *Webhook) Send(ctx context.Context, m Message) (*Sent, error) {
	body, err := m.encoded()
	if err != nil {
		return nil, provider.Named(name, "send", w.host, err)
	}
	sent, err := w.post(ctx, m, body)
	if err != nil {
		return nil, provider.Named(name, "send", w.host, err)
	}
	return sent, nil
}

// Reset lets messages pass again, after Discord's answers had closed the way. It
// is for a webhook that was mended at Discord.
func (w *Webhook) Reset() { w.gate.Reset() }

// post calls when its turn has come.
func (w *Webhook) post(ctx context.Context, m Message, body []byte) (*Sent, error) {
	if ctx == nil {
		return nil, provider.Invalid("", "the context is nil")
	}
	ctx, cancel := context.WithTimeout(ctx, w.client.Timeout())
	defer cancel()
	var sent *Sent
	e := provider.Repeat(ctx, w.client.Attempts(), func() (e *connectors.Error, again bool) {
		if err := w.gate.Enter(ctx); err != nil {
			return provider.Named(name, "", w.host, err), false
		}
		sent, e, again = w.once(ctx, m, body)
		return e, again
	})
	if e != nil {
		return nil, e
	}
	return sent, nil
}

// once makes one call and keeps what its answer says of the next one. again says
// that Discord asked to come again.
func (w *Webhook) once(ctx context.Context, m Message, body []byte) (sent *Sent, e *connectors.Error, again bool) {
	resp, err := w.call(ctx, http.MethodPost, execute(w.url.Reveal(), m), body)
	if err != nil {
		return nil, provider.Named(name, "", w.host, err), false
	}
	if sent, e = w.judgeMessage(resp); e != nil {
		w.gate.Learn(e, isDead(e))
		return nil, e, provider.Asked(e, resp.header)
	}
	w.gate.Learn(exhausted(resp.header), false)
	return sent, nil, false
}

// response is an answer that was read.
type response struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request and reads the answer.
func (w *Webhook) call(ctx context.Context, method, url string, body []byte) (*response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, provider.Invalid("", "the request cannot be made")
	}
	r.Header.Set("User-Agent", userAgent)
	if len(body) > 0 {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := w.client.Call(r, connectors.CallOptions{Refusals: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil && provider.Refuses(resp.StatusCode):
		read = nil // status and header say enough
	case err != nil:
		e := provider.Named(name, "", w.host, err)
		e.Status = resp.StatusCode // a 200 says that the message is saved all the same
		return nil, e
	}
	return &response{resp.StatusCode, resp.Header, read}, nil
}
