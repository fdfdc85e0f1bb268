package slack

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/internal/httpx"
)

const (
	// maxAnswer is how much of an answer is read. Slack's are words; what is
	// longer is a page of something in between.
	maxAnswer = 1 << 10
	// maxRetryAfter bounds what a receiver can make callers wait.
	maxRetryAfter = time.Hour
)

// judge returns what is wrong with an answer, or nil.
func (w *Webhook) judge(status int, header http.Header, body string) *connectors.Error {
	word := strings.TrimSpace(body)
	if status == http.StatusOK && word == "ok" {
		return nil
	}
	e := &connectors.Error{Status: status, Kind: connectors.KindOfStatus(status), Code: "http_" + strconv.Itoa(status)}
	// A word that is part of the URL would show a part of the credential.
	if isCode(word) && !strings.Contains(w.url.Reveal(), word) {
		e.Code = word
	}
	switch {
	case status >= 200 && status < 300:
		e.Kind, e.Code, e.Message = connectors.KindServer, "unexpected_answer", "the receiver does not answer as Slack does"
	case status >= 300 && status < 400:
		e.Code, e.Message = "redirect", "the webhook redirects, which is not followed"
	case e.Kind == connectors.KindAuth, e.Kind == connectors.KindNotFound, e.Kind == connectors.KindGone:
		e.Message = "Slack does not accept messages at this webhook"
	case e.Kind == connectors.KindRateLimited:
		e.Message = "Slack limits the rate"
	case e.Kind == connectors.KindServer:
		e.Message = "Slack failed"
	default:
		e.Message = "Slack refused the message"
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		if wait, ok := httpx.ParseRetryAfter(header.Get("Retry-After"), time.Now()); ok {
			e.RetryAfter = min(wait, maxRetryAfter)
		}
	}
	return e
}

// isCode reports whether an answer is one of Slack's words.
func isCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
