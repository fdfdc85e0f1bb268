// Package slack posts messages to Slack: a [Webhook] through an incoming webhook,
// into the one channel that belongs to it, and a [Bot] through the Web API, into
// any channel that it may write to. It starts no goroutine.
//
// The URL of a webhook and the token of a bot are the credentials, held as a
// [connectors.Secret]. They appear in no error, log line, plan or answer, and no
// redirect is followed with them. The host of a webhook is Slack's, or a loopback
// address, unless [Config.AnyHost] is set. URLs that customers bring also need
// [connectors.ClientConfig.Guard], which keeps them off loopback.
//
// # Delivery
//
// Slack knows no idempotency key, so that to repeat a message after an unclear
// failure could post it twice. The [connectors.Client] repeats what certainly was
// not sent. After 429 that names a time, by which Slack refuses a message and does
// not post it, this package repeats it: at most three calls, and not more than
// [connectors.ClientConfig.Attempts], each in a turn of its own.
// [connectors.Error.Unsent] says when a message was not even sent. Everything, the wait for a turn included, ends within
// [connectors.ClientConfig.Timeout].
//
// # Pace
//
// Slack accepts one message a second for a channel, and short bursts of more
// (docs.slack.dev, "Rate limits"). So a webhook, and each channel of a bot, may
// post [Burst] messages at once and then one a second, unless [Config.Limiter] says
// otherwise. A call waits for its turn. If that leaves less than a tenth of its time
// for the call itself, it fails at once with the code "paced", unsent, and says in
// RetryAfter when to come again. The pace is that of one process: others with the
// same credential add theirs.
//
// After 429, or 503 with Retry-After, no call passes before the time that Slack
// names, at most one hour. When 429 names no time, as with message_limit_exceeded,
// none passes for a second, then for two and so on up to a minute.
//
// An answer that says that the credential is dead is kept. Later calls get it again
// at once, unsent and without a status, until Reset or the end of the process. For
// a webhook these are any 410, and no_service, no_service_id, no_team,
// team_disabled, no_active_hooks, channel_not_found and invalid_token with 403 or
// 404; the message names no channel, so that channel_not_found means the webhook's
// own. For a bot they are invalid_auth, not_authed, account_inactive, token_revoked
// and token_expired. Trouble with a single channel of a bot is not kept, since
// people mend it in Slack.
//
// # Answers of a webhook
//
// Success is status 200 with the body "ok", white space around it aside. Anything
// else is a [*connectors.Error] whose Code is the word with which Slack answered
// (docs.slack.dev, "Sending messages using incoming webhooks", and its changelog of
// 17 May 2016):
//
//	400  invalid_payload, no_text, invalid_blocks, user_not_found             KindInvalid
//	403  invalid_token, action_prohibited, posting_to_general_channel_denied  KindAuth
//	404  no_service, no_team, no_active_hooks, channel_not_found              KindNotFound
//	410  channel_is_archived                                                  KindGone
//	429  rate_limited, message_limit_exceeded                                 KindRateLimited
//	5xx  rollup_error, or a page                                              KindServer
//
// # Answers of the Web API
//
// Success is {"ok":true} with the ts of the message. A failure has the status 200
// as well, and says {"ok":false,"error":"..."}, which becomes the Code
// (docs.slack.dev, chat.postMessage):
//
//	invalid_auth, token_revoked, missing_scope, not_in_channel, ...        KindAuth
//	channel_not_found, user_not_found, team_not_found                      KindNotFound
//	is_archived                                                            KindGone
//	ratelimited (also as 429), rate_limited, message_limit_exceeded        KindRateLimited
//	internal_error, fatal_error, service_unavailable, request_timeout, ... KindServer
//	msg_too_long, invalid_blocks, and every word that is not known         KindInvalid
//
// Of internal_error and fatal_error Slack says that a part of the call may have
// succeeded: the message can be there.
//
// In both, an answer without such a word gives the code "http_" and the status, a
// redirect "redirect", and a 2xx that is not as documented "unexpected_answer".
//
// # Text
//
// Text is plain: &, < and > are escaped exactly once, as Slack documents, so that
// data can neither notify a channel nor disguise a link. The formatting characters
// *, _, ~ and ` cannot be escaped and stay active.
//
// # Limits
//
// A message that Slack can only refuse or cut is an error before anything is sent:
// a text of more than 40,000 characters, entities counted as they are sent; more
// than 50 blocks, or one that is not an object with a type; a header block of more
// than 150 characters; a section of more than 3,000, or with more than 10 fields or
// 2,000 characters in one. Other rules of Block Kit are left to Slack. Plan warns
// of a text of more than 4,000 characters, which Slack splits into several
// messages, and of blocks of more than 13,200 in all, around which Slack has been
// observed to answer msg_blocks_too_long. Nothing is cut or split here: where to do
// so without breaking a code block or a link is for the caller to know, and of a
// message in parts only some may arrive.
package slack

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// name is the Name of a Webhook and of a Bot, and the Connector of their errors.
const name = "slack"

// Burst is how many messages pass at once by default, before one a second.
const Burst = 5

// Config configures a [Webhook] or a [Bot].
type Config struct {
	// Client makes the calls. Default: one of the connector's own, with default
	// settings.
	Client *connectors.Client
	// Limiter paces the messages of a Webhook, and those of a Bot over all its
	// channels together. rate.NewLimiter(rate.Inf, 0) does not pace. Default: one
	// message a second and a burst of [Burst], for each channel.
	Limiter *rate.Limiter
	// BaseURL is the address of the Web API, for a Bot; a Webhook ignores it. It
	// must be https, or http to a loopback address: a test, a sidecar.
	// Default: https://slack.com/api.
	// It gets the token, and is not one for customers to choose.
	BaseURL string
	// AnyHost permits the URL of a Webhook to be that of another host than
	// Slack's, such as a proxy. Whoever chooses the URL then chooses which hosts
	// are called from here: set it for URLs of your own, or with
	// [connectors.ClientConfig.Guard]. A Bot ignores it.
	AnyHost bool
}

func (c Config) client() (*connectors.Client, error) {
	if c.Client != nil {
		return c.Client, nil
	}
	return connectors.NewClient(connectors.ClientConfig{})
}

// gate returns a gate for one channel.
func (c Config) gate() *provider.Gate {
	if c.Limiter != nil {
		return provider.NewGate(c.Limiter)
	}
	return provider.NewGate(rate.NewLimiter(1, Burst))
}

// answer is what is kept of one.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post makes one call and reads at most limit bytes of its answer.
func post(client *connectors.Client, r *http.Request, limit int64) (answer, error) {
	resp, err := client.Call(r, connectors.CallOptions{Refusals: true})
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil && provider.Refuses(resp.StatusCode) {
		body, err = nil, nil // status and header say enough
	}
	return answer{resp.StatusCode, resp.Header, body}, err
}

// request returns the request that posts a body.
func request(ctx context.Context, address, contentType string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, provider.Invalid("", "the request cannot be made")
	}
	r.Header.Set("Content-Type", contentType)
	return r, nil
}

// checkContext refuses what the standard library would panic at.
func checkContext(ctx context.Context) error {
	if ctx == nil {
		return provider.Invalid("", "the context is nil")
	}
	return nil
}
