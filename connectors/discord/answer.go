package discord

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// Codes of Discord's that mean more than their status.
const (
	unknownChannel      = "10003"
	unknownWebhook      = "10015"
	invalidWebhookToken = "50027"
	invalidFormBody     = "50035"
)

// blockedFor is the wait after a 429 that names none. They come from in front of
// Discord, last minutes to an hour, and are not prolonged by one call a minute.
const blockedFor = time.Minute

// isDead reports whether an answer says that no later message can pass.
func isDead(e *connectors.Error) bool {
	return e.Status == http.StatusNotFound && e.Code == unknownWebhook ||
		e.Status == http.StatusUnauthorized && e.Code == invalidWebhookToken
}

// judgeMessage returns the message that an answer says is saved, or what is wrong.
func (w *Webhook) judgeMessage(r *response) (*Sent, *connectors.Error) {
	switch r.status {
	case http.StatusOK:
		var saved struct {
			ID        string `json:"id"`
			ChannelID string `json:"channel_id"`
			Timestamp string `json:"timestamp"`
		}
		_ = json.Unmarshal(r.body, &saved) // a member of another type is one that is not there
		if !isSnowflake(saved.ID) {
			return nil, w.judge(r)
		}
		sent := &Sent{ID: saved.ID}
		if isSnowflake(saved.ChannelID) {
			sent.ChannelID = saved.ChannelID
		}
		if at, err := time.Parse(time.RFC3339, saved.Timestamp); err == nil {
			sent.Timestamp = at.UTC()
		}
		return sent, nil
	case http.StatusNoContent:
		return nil, &connectors.Error{
			Status: r.status, Kind: connectors.KindServer, Code: "unconfirmed",
			Message: "the receiver took the message without confirming that it is saved",
		}
	default:
		return nil, w.judge(r)
	}
}

// judge returns what is wrong with an answer that is no success.
func (w *Webhook) judge(r *response) *connectors.Error {
	var said struct {
		Code       json.Number     `json:"code"`
		RetryAfter json.Number     `json:"retry_after"`
		Global     bool            `json:"global"`
		Errors     json.RawMessage `json:"errors"`
	}
	_ = json.Unmarshal(r.body, &said) // a page of something in between says nothing
	e := &connectors.Error{Status: r.status, Kind: connectors.KindOfStatus(r.status), Code: code(said.Code)}
	numbered := e.Code != ""
	if !numbered {
		e.Code = "http_" + strconv.Itoa(r.status)
	}
	switch {
	case r.status >= 200 && r.status < 300:
		e.Kind, e.Code, e.Message = connectors.KindServer, "unexpected_answer", "the receiver does not answer as Discord does"
	case r.status >= 300 && r.status < 400:
		e.Code, e.Message = "redirect", "the webhook redirects, which is not followed"
	case e.Kind == connectors.KindRateLimited:
		e.Message = "Discord limits the rate"
		e.Global = said.Global || r.header.Get("X-RateLimit-Scope") == "global" || r.header.Get("X-RateLimit-Global") == "true"
		if e.RetryAfter = seconds(string(said.RetryAfter)); e.RetryAfter == 0 {
			e.RetryAfter = provider.RetryAfter(r.header)
		}
		if said.RetryAfter == "" && e.RetryAfter == 0 {
			e.RetryAfter = blockedFor
		}
		if said.RetryAfter == "" && !numbered {
			e.Code, e.Global, e.Message = "ip_blocked", true, "calls from this address are blocked in front of Discord"
		}
	case e.Status == http.StatusBadRequest && e.Code == invalidFormBody:
		e.Message = "Discord refused the message" + refusals(said.Errors, w.url.Reveal())
	default:
		e.Message = explain(e)
	}
	if r.status == http.StatusServiceUnavailable {
		e.RetryAfter = provider.RetryAfter(r.header)
	}
	return e
}

func explain(e *connectors.Error) string {
	switch {
	case e.Code == unknownWebhook:
		return "the webhook does not exist any more"
	case e.Code == unknownChannel:
		return "Discord does not know the channel or thread"
	case e.Code == invalidWebhookToken:
		return "the token of the webhook is not valid"
	case e.Kind == connectors.KindAuth, e.Kind == connectors.KindNotFound, e.Kind == connectors.KindGone:
		return "Discord does not accept messages at this webhook"
	case e.Kind == connectors.KindServer:
		return "Discord failed"
	default:
		return "Discord refused the message"
	}
}

// code returns a number of Discord's as text, or "". Zero is what it sends when it
// has none. Ids have more digits.
func code(n json.Number) string {
	i, err := strconv.Atoi(string(n))
	if err != nil || i <= 0 || i > 9_999_999 {
		return ""
	}
	return strconv.Itoa(i)
}

// seconds reads a wait with decimals, at most [provider.MaxRetryAfter]; or 0.
func seconds(s string) time.Duration {
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case math.IsNaN(n) || n <= 0: // also what is no number
		return 0
	case n >= provider.MaxRetryAfter.Seconds(): // also what is out of range
		return provider.MaxRetryAfter
	case err != nil:
		return 0
	}
	return time.Duration(math.Round(n * float64(time.Second)))
}

// exhausted is what a success says of the next message: nil, or how long to wait.
func exhausted(h http.Header) *connectors.Error {
	wait := seconds(h.Get("X-RateLimit-Reset-After"))
	if h.Get("X-RateLimit-Remaining") != "0" || wait == 0 {
		return nil
	}
	return &connectors.Error{Kind: connectors.KindRateLimited, Status: http.StatusOK, RetryAfter: wait}
}

// judgeWebhook returns the channel of the webhook that an answer describes, or what
// is wrong. Token and URL, which it describes too, are not read.
func (w *Webhook) judgeWebhook(r *response) (channel string, e *connectors.Error) {
	var webhook struct {
		ID        string `json:"id"`
		ChannelID string `json:"channel_id"`
	}
	if r.status == http.StatusOK {
		_ = json.Unmarshal(r.body, &webhook)
	}
	if !isSnowflake(webhook.ID) {
		return "", w.judge(r)
	}
	if isSnowflake(webhook.ChannelID) && !strings.Contains(w.url.Reveal(), webhook.ChannelID) {
		channel = webhook.ChannelID
	}
	return channel, nil
}
