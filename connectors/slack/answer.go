package slack

import (
	"net/http"
	"strconv"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/internal/httpx"
)

// judge turns Slack's answer into an error, or nil for "ok". Slack answers in
// plain text: "ok", or a word that names the error.
func (w *Webhook) judge(op string, status int, answer string, header http.Header) *connectors.Error {
	if status == http.StatusOK && answer == "ok" {
		return nil
	}
	e := &connectors.Error{
		Connector: "slack", Op: op, Host: w.host, Status: status, Kind: connectors.KindOfStatus(status),
		Code: "http_" + strconv.Itoa(status), Message: "Slack refused the message",
	}
	if isCode(answer) {
		e.Code = answer
	}
	switch {
	case status == http.StatusOK:
		e.Kind, e.Code, e.Message = connectors.KindServer, "unexpected_answer", "the receiver did not answer as Slack does"
	case status >= 500:
		e.Message = "Slack failed"
	case status == http.StatusTooManyRequests:
		e.Message, e.RetryAfter = "Slack limits the rate", retryAfter(header.Get("Retry-After"), time.Now())
	case status >= 300 && status < 400:
		e.Code, e.Message = "redirect", "the webhook URL redirects"
	case e.Kind == connectors.KindAuth, e.Kind == connectors.KindNotFound, e.Kind == connectors.KindGone:
		e.Message = "Slack does not accept the webhook"
	}
	return e
}

// isCode reports whether an answer is one of Slack's words, and not a page.
func isCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// maxRetryAfter bounds what a receiver can make us wait.
const maxRetryAfter = 5 * time.Minute

func retryAfter(value string, now time.Time) time.Duration {
	wait, ok := httpx.ParseRetryAfter(value, now)
	if !ok {
		return 0
	}
	return min(wait, maxRetryAfter)
}
