package slack

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/bracework/bracework/connectors/internal/provider"
)

const (
	contentType = "application/json"

	maxText   = 40_000 // characters; Slack cuts what is longer
	splitText = 4_000  // characters; Slack splits what is longer
)

// Message is what is posted: a text, blocks, or both. With blocks, Text is what
// notifications show.
type Message struct {
	// Text is plain text. It is escaped exactly once when it is sent, entities
	// included, so that it appears as it is. Data must not be escaped before.
	Text string
	// Raw sends Text as it is: mrkdwn, in which &, < and > have a meaning. Data
	// in it must have gone through [Escape].
	Raw bool
	// Blocks is a JSON array of at most 50 Block Kit blocks. It is sent as it is:
	// the texts in it of type mrkdwn can notify a channel and disguise links, so
	// that data in them must have gone through [Escape]. Beside a Text, an empty
	// array is none.
	Blocks json.RawMessage
	// ThreadTS is the ts of a message, such as [Bot.Post] returns it, in whose
	// thread this one appears. Default: none, a message of its own.
	ThreadTS string
	// NoUnfurl keeps Slack from showing previews of the pages and media that are
	// linked to. By default Slack decides.
	NoUnfurl bool
}

// Escape replaces &, < and > by the entities that Slack documents, and nothing
// else. Sending does it unless the message is Raw.
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

// check says why a message cannot be posted. Of one that is not rendered it judges
// what does not depend on the placeholders. The error is a *connectors.Error.
func (m Message) check(unrendered bool) error {
	text := m.wire()
	none := strings.TrimSpace(text) == ""
	switch {
	case none && len(m.Blocks) == 0:
		return provider.Invalid("no_text", "the message has no text")
	case !utf8.ValidString(text):
		return provider.Invalid("invalid_text", "the text is not valid UTF-8")
	case unrendered:
	case utf8.RuneCountInString(text) > maxText:
		return provider.Invalid("msg_too_long", "the text has more than 40,000 characters")
	case m.ThreadTS != "" && !isTS(m.ThreadTS):
		return provider.Invalid("invalid_thread_ts", "thread_ts is not the ts of a message")
	}
	if !none && m.blocks() == nil {
		return nil
	}
	return checkBlocks(m.Blocks, unrendered)
}

// blocks returns the blocks, or nil when there are none.
func (m Message) blocks() json.RawMessage {
	var list []json.RawMessage
	if len(m.Blocks) == 0 || json.Unmarshal(m.Blocks, &list) == nil && len(list) == 0 {
		return nil
	}
	return m.Blocks
}

// encode returns the JSON that is posted, for a Bot with the channel. Its error is
// a *connectors.Error.
func (m Message) encode(channel string) ([]byte, error) {
	var unfurl *bool
	if m.NoUnfurl {
		unfurl = new(bool)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Channel     string          `json:"channel,omitempty"`
		Text        string          `json:"text,omitempty"`
		Blocks      json.RawMessage `json:"blocks,omitempty"`
		ThreadTS    string          `json:"thread_ts,omitempty"`
		UnfurlLinks *bool           `json:"unfurl_links,omitempty"`
		UnfurlMedia *bool           `json:"unfurl_media,omitempty"`
	}{channel, m.wire(), m.blocks(), m.ThreadTS, unfurl, unfurl})
	if err != nil {
		return nil, provider.Invalid("invalid_payload", "the message cannot be encoded")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// warnings says what Slack will do to a message that it accepts, or may not
// accept.
func (m Message) warnings() []string {
	var warnings []string
	if utf8.RuneCountInString(m.wire()) > splitText {
		warnings = append(warnings, "Slack splits a text of more than 4,000 characters into several messages")
	}
	if utf8.RuneCount(m.Blocks) > maxBlocksLength {
		warnings = append(warnings, "Slack may refuse blocks of more than 13,200 characters as msg_blocks_too_long")
	}
	if strings.TrimSpace(m.Text) == "" {
		warnings = append(warnings, "without slack_message, notifications show no text")
	}
	return warnings
}

// isTS reports whether s is the ts of a message: digits, a point, digits.
func isTS(s string) bool {
	seconds, fraction, ok := strings.Cut(s, ".")
	return ok && isDigits(seconds) && isDigits(fraction)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 20
}
