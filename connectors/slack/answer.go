package slack

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// maxAnswer is how many bytes of a webhook's answer are read. Slack's are words;
// what is longer is a page of something in between.
const maxAnswer = 1 << 10

// judge returns what is wrong with the answer of a webhook, or nil.
func (w *Webhook) judge(a answer) *connectors.Error {
	word := strings.TrimSpace(string(a.body))
	if a.status == http.StatusOK && word == "ok" {
		return nil
	}
	e := refusal(a, code(word, w.url))
	switch e.Kind {
	case connectors.KindAuth, connectors.KindNotFound, connectors.KindGone:
		e.Message = "Slack does not accept messages at this webhook"
	}
	return e
}

// dead reports whether an answer tells that every further message will be
// refused.
func (w *Webhook) dead(e *connectors.Error) bool {
	switch e.Status {
	case http.StatusGone:
		return true
	case http.StatusForbidden, http.StatusNotFound:
	default:
		return false
	}
	switch e.Code {
	case "no_service", "no_service_id", "no_team", "team_disabled", "no_active_hooks", "channel_not_found", "invalid_token":
		return true
	default:
		return false
	}
}

// refusal is the error of an answer that is no success, and in which Slack said
// word, or no word.
func refusal(a answer, word string) *connectors.Error {
	e := &connectors.Error{Status: a.status, Kind: connectors.KindOfStatus(a.status), Code: word}
	if word == "" {
		e.Code = "http_" + strconv.Itoa(a.status)
	}
	if a.status >= http.StatusBadRequest && limits(word) {
		e.Kind = connectors.KindRateLimited
	}
	switch {
	case a.status >= 200 && a.status < 300:
		e.Kind, e.Code, e.Message = connectors.KindServer, "unexpected_answer", "the receiver does not answer as Slack does"
	case a.status >= 300 && a.status < 400:
		e.Code, e.Message = "redirect", "the receiver redirects, which is not followed"
	default:
		e.Message = messageOf(e.Kind)
	}
	if e.Kind == connectors.KindRateLimited || a.status == http.StatusServiceUnavailable {
		e.RetryAfter = provider.RetryAfter(a.header)
	}
	return e
}

// limits reports whether a word of Slack says that there were too many messages.
func limits(word string) bool {
	return word == "ratelimited" || word == "rate_limited" || word == "message_limit_exceeded"
}

func messageOf(kind connectors.Kind) string {
	switch kind {
	case connectors.KindAuth, connectors.KindNotFound, connectors.KindGone:
		return "Slack does not let this message be posted"
	case connectors.KindRateLimited:
		return "Slack limits the rate"
	case connectors.KindServer:
		return "Slack failed"
	default:
		return "Slack refused the message"
	}
}

// minPiece is how many characters in a row are a piece of a secret. Words of Slack
// have less in common with a secret by chance.
const minPiece = 8

// code returns word if it may be one of Slack's, and otherwise nothing. A word that
// is part of the secret, or has a piece of it, would show that, also in lower case.
func code(word string, secret connectors.Secret) string {
	for i := range len(word) {
		if c := word[i]; (c < 'a' || c > 'z') && c != '_' {
			return ""
		}
	}
	hidden := strings.ToLower(secret.Reveal())
	if len(word) > 64 || strings.Contains(hidden, word) {
		return ""
	}
	for i := minPiece; i <= len(word); i++ {
		if strings.Contains(hidden, word[i-minPiece:i]) {
			return ""
		}
	}
	return word
}
