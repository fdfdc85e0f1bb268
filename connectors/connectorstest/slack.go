package connectorstest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/bracework/bracework/connectors"
)

const (
	slackToken = "xoxb-stand-in"                //nolint:gosec // opens nothing
	slackPath  = "/services/T000/B000/stand-in" // of the webhook
)

// Slack stands in for an incoming webhook of Slack and for its Web API, of which
// it knows chat.postMessage and auth.test. Create it with [NewSlack].
//
// The webhook answers in words: 200 "ok", 400 "invalid_payload", "no_text" or
// "invalid_blocks", 403 "invalid_token" when only the last part of the path is
// wrong, 404 "no_service" when more is. The Web API answers 200 and JSON, whether
// the call succeeded or not: {"ok":true,"channel":"...","ts":"..."}, or
// {"ok":false,"error":"..."} with not_authed, invalid_auth, channel_not_found,
// no_text, invalid_blocks or unknown_method. Slack refuses more, such as blocks of a
// type that it does not know. For other answers use Fail:
//
//	s.Fail(429, "rate_limited", "Retry-After", "30")
//	s.Fail(200, `{"ok":false,"error":"is_archived"}`)
type Slack struct {
	*server
}

// NewSlack returns a stand-in for Slack that ends with the test.
func NewSlack(tb testing.TB) *Slack {
	tb.Helper()
	posted := 0
	return &Slack{newServer(tb, func(r Request) response {
		if method, ok := strings.CutPrefix(r.Path, "/api/"); ok {
			return slackAPI(method, r, &posted)
		}
		return slackWebhook(r)
	})}
}

// WebhookURL returns the URL of the webhook.
func (s *Slack) WebhookURL() connectors.Secret { return connectors.NewSecret(s.base + slackPath) }

// BaseURL returns the address of the Web API.
func (s *Slack) BaseURL() string { return s.base + "/api" }

// Token returns the token of the bot.
func (s *Slack) Token() connectors.Secret { return connectors.NewSecret(slackToken) }

func slackWebhook(r Request) response {
	service := slackPath[:strings.LastIndex(slackPath, "/")+1]
	switch {
	case !strings.HasPrefix(r.Path, service):
		return response{status: http.StatusNotFound, body: "no_service"}
	case r.Path != slackPath:
		return response{status: http.StatusForbidden, body: "invalid_token"}
	}
	m, ok := readSlackMessage(r)
	switch {
	case !ok:
		return response{status: http.StatusBadRequest, body: "invalid_payload"}
	case m.empty():
		return response{status: http.StatusBadRequest, body: "no_text"}
	case !m.validBlocks():
		return response{status: http.StatusBadRequest, body: "invalid_blocks"}
	}
	return response{status: http.StatusOK, body: "ok"}
}

// slackAPI answers a call of the Web API. posted counts messages.
func slackAPI(method string, r Request, posted *int) response {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !bearer:
		return slackError("not_authed")
	case token != slackToken:
		return slackError("invalid_auth")
	case method == "auth.test":
		return slackJSON(`{"ok":true,"url":"https://example.slack.com/","team":"Example","user":"bot","team_id":"T000","user_id":"U000","bot_id":"B000"}`)
	case method != "chat.postMessage":
		return slackError("unknown_method")
	}
	m, ok := readSlackMessage(r)
	switch {
	case !ok:
		return slackError("invalid_json")
	case m.Channel == "":
		return slackError("channel_not_found")
	case m.empty():
		return slackError("no_text")
	case !m.validBlocks():
		return slackError("invalid_blocks")
	}
	*posted++
	channel, err := json.Marshal(m.Channel)
	if err != nil {
		return slackError("internal_error")
	}
	return slackJSON(fmt.Sprintf(`{"ok":true,"channel":%s,"ts":"1767225600.%06d","message":{"type":"message"}}`, channel, *posted))
}

// slackMessage is what is checked of a message.
type slackMessage struct {
	Channel     string            `json:"channel"`
	Text        string            `json:"text"`
	Blocks      []json.RawMessage `json:"blocks"`
	Attachments []json.RawMessage `json:"attachments"`
}

func readSlackMessage(r Request) (m slackMessage, ok bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	ok = err == nil && kind == "application/json" && r.Method == http.MethodPost && json.Unmarshal(exact(r.Body, "channel", "text", "blocks", "attachments"), &m) == nil
	return m, ok
}

func (m slackMessage) empty() bool {
	return strings.TrimSpace(m.Text) == "" && len(m.Blocks) == 0 && len(m.Attachments) == 0
}

// validBlocks applies the limit of 50 blocks, each an object with a type.
func (m slackMessage) validBlocks() bool {
	for _, raw := range m.Blocks {
		var b struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(raw, &b) != nil || b.Type == "" {
			return false
		}
	}
	return len(m.Blocks) <= 50
}

func slackError(code string) response { return slackJSON(`{"ok":false,"error":"` + code + `"}`) }

func slackJSON(body string) response { return jsonResponse(http.StatusOK, body) }
