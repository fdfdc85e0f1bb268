package slack

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/bracework/bracework/connectors"
)

const (
	contentType = "application/json"

	maxText   = 40_000 // characters; Slack cuts what is longer
	splitText = 4_000  // characters; Slack splits what is longer
	maxBlocks = 50     // Slack refuses more
)

// Message is what is posted: a text, blocks, or both. With blocks, Text is what
// notifications show.
type Message struct {
	// Text is plain text. Send escapes it exactly once, entities included, so
	// that it appears as it is. Data must not be escaped before.
	Text string
	// Raw sends Text as it is: mrkdwn, in which &, < and > have a meaning. Data
	// in it must have gone through [Escape].
	Raw bool
	// Blocks is a JSON array of at most 50 Block Kit blocks. It is sent as it is.
	Blocks json.RawMessage
}

// Escape replaces &, < and > by the entities that Slack documents, and nothing
// else. [Webhook.Send] does it unless the message is Raw.
func Escape(s string) string {
	s = strings.ReplaceAll(s, "&", "&amp;")
	s = strings.ReplaceAll(s, "<", "&lt;")
	return strings.ReplaceAll(s, ">", "&gt;")
}

func (m Message) wire() string {
	if m.Raw {
		return m.Text
	}
	return Escape(m.Text)
}

// check says why a message cannot be posted. When the blocks are open, a
// placeholder stands in their place. The error is a *connectors.Error.
func (m Message) check(open bool) error {
	text, hasBlocks := m.wire(), len(m.Blocks) > 0
	switch {
	case strings.TrimSpace(text) == "" && !hasBlocks:
		return invalid("no_text", "the message has no text")
	case !utf8.ValidString(text):
		return invalid("invalid_text", "the text is not valid UTF-8")
	case utf8.RuneCountInString(text) > maxText:
		return invalid("msg_too_long", "the text has more than 40,000 characters")
	}
	if hasBlocks && !open {
		var blocks []json.RawMessage
		if json.Unmarshal(m.Blocks, &blocks) != nil || len(blocks) == 0 {
			return invalid("invalid_blocks", "blocks is not a JSON array of blocks")
		}
		if len(blocks) > maxBlocks {
			return invalid("invalid_blocks", "there are more than 50 blocks")
		}
	}
	return nil
}

// encode returns the JSON that is posted. Its error is a *connectors.Error.
func (m Message) encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Text   string          `json:"text,omitempty"`
		Blocks json.RawMessage `json:"blocks,omitempty"`
	}{m.wire(), m.Blocks})
	if err != nil {
		return nil, invalid("invalid_payload", "the message cannot be encoded")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// warnings says what Slack will do to a message that it accepts.
func (m Message) warnings() []string {
	var warnings []string
	if utf8.RuneCountInString(m.wire()) > splitText {
		warnings = append(warnings, "Slack splits a text of more than 4,000 characters into several messages")
	}
	if strings.TrimSpace(m.Text) == "" {
		warnings = append(warnings, "without slack_message, notifications show no text")
	}
	return warnings
}

func invalid(code, message string) error {
	return &connectors.Error{Kind: connectors.KindInvalid, Code: code, Message: message, Unsent: true}
}
