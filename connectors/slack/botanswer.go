package slack

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// maxBotAnswer is how many bytes of an answer of the Web API are read. It repeats
// the message.
const maxBotAnswer = 1 << 20

// judge returns the ts of a message from an answer of the Web API, or what is
// wrong with it.
func (b *Bot) judge(method string, a answer) (ts string, e *connectors.Error) {
	var said struct {
		OK    *bool  `json:"ok"`
		Error string `json:"error"`
		TS    string `json:"ts"`
	}
	if json.Unmarshal(a.body, &said) != nil {
		said.OK, said.Error = nil, ""
	}
	word := code(said.Error, b.token)
	switch {
	case a.status != http.StatusOK:
		return "", refusal(a, word)
	case said.OK != nil && *said.OK && (method != "chat.postMessage" || isTS(said.TS)):
		return said.TS, nil
	case said.OK == nil || *said.OK || word == "":
		return "", refusal(a, "")
	}
	e = &connectors.Error{Status: a.status, Kind: kindOf(word), Code: word}
	e.Message = messageOf(e.Kind)
	if deadToken(word) {
		e.Message = "Slack does not accept the token"
	}
	if e.Kind == connectors.KindRateLimited {
		e.RetryAfter = provider.RetryAfter(a.header)
	}
	return "", e
}

// deadToken reports whether an error of the Web API tells that every further call
// with the token will fail.
func deadToken(code string) bool {
	switch code {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired":
		return true
	default:
		return false
	}
}

// kindOf classifies an error of the Web API.
func kindOf(code string) connectors.Kind {
	switch code {
	case "missing_scope", "no_permission", "access_denied", "accesslimited", "ekm_access_denied", "not_in_channel",
		"not_allowed_token_type", "team_access_not_granted", "enterprise_is_restricted", "two_factor_setup_required":
		return connectors.KindAuth
	case "channel_not_found", "user_not_found", "team_not_found":
		return connectors.KindNotFound
	case "is_archived":
		return connectors.KindGone
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout",
		"team_added_to_org", "org_login_required": // the workspace is being moved
		return connectors.KindServer
	}
	switch {
	case deadToken(code), strings.HasPrefix(code, "restricted_action"):
		return connectors.KindAuth
	case limits(code):
		return connectors.KindRateLimited
	default:
		return connectors.KindInvalid
	}
}
