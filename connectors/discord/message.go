package discord

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/bracework/bracework/connectors/internal/provider"
)

// Message is what is posted: a content, embeds, or both.
type Message struct {
	// Content is Markdown of at most [MaxContent] characters.
	Content string
	// Embeds are at most [MaxEmbeds].
	Embeds []Embed
	// ThreadID is the id of a thread of the webhook's channel to post in.
	ThreadID string
	// ThreadName opens a thread with this name, of at most [MaxThreadName]
	// characters, in a forum or media channel. Such a channel needs a ThreadID
	// or a ThreadName; a message cannot have both.
	ThreadName string
	// Username replaces the name of the webhook, with at most [MaxUsername]
	// characters. Discord refuses some names, such as its own.
	Username string
	// AvatarURL replaces the picture of the webhook. It is http or https.
	AvatarURL string
	// TTS has the message read aloud.
	TTS bool
	// Silent shows the message without a notification on the screen or by sound.
	Silent bool
	// SuppressEmbeds shows no previews of the links in Content.
	SuppressEmbeds bool
	// AllowedMentions says whom the message may notify. Default: nobody.
	AllowedMentions Mentions
}

// Embed is a framed part of a message. Its members have the names of Discord's
// JSON, in which a configuration contains it. The texts of all embeds of a message
// have at most [MaxEmbedSum] characters together.
type Embed struct {
	Title       string `json:"title,omitempty"`       // at most [MaxTitle] characters
	Description string `json:"description,omitempty"` // Markdown of at most [MaxDescription] characters
	// URL is what the title links to. Of several embeds with one URL Discord
	// shows the first only.
	URL string `json:"url,omitempty"`
	// Color is that of the edge, 0xRRGGBB. Zero is Discord's own.
	Color     int       `json:"color,omitempty"`
	Timestamp time.Time `json:"timestamp,omitzero"`
	Author    Author    `json:"author,omitzero"`
	Footer    Footer    `json:"footer,omitzero"`
	Image     Image     `json:"image,omitzero"`
	Thumbnail Image     `json:"thumbnail,omitzero"`
	Fields    []Field   `json:"fields,omitempty"` // at most [MaxFields]
}

// Author is above the title of an [Embed]. URLs need a Name beside them.
type Author struct {
	Name    string `json:"name"` // at most [MaxAuthor] characters
	URL     string `json:"url,omitempty"`
	IconURL string `json:"icon_url,omitempty"`
}

// Footer is below an [Embed]. An icon needs a Text beside it.
type Footer struct {
	Text    string `json:"text"` // at most [MaxFooter] characters
	IconURL string `json:"icon_url,omitempty"`
}

// Image is a picture in an [Embed].
type Image struct {
	URL string `json:"url"`
}

// Field is a name and a value in an [Embed]. Both are required.
type Field struct {
	Name   string `json:"name"`             // at most [MaxFieldName] characters
	Value  string `json:"value"`            // Markdown of at most [MaxFieldValue] characters
	Inline bool   `json:"inline,omitempty"` // beside others, not below
}

// The bits of flags that a webhook may set.
const (
	flagSuppressEmbeds        = 1 << 2
	flagSuppressNotifications = 1 << 12
)

func (m Message) flags() int {
	var flags int
	if m.SuppressEmbeds {
		flags |= flagSuppressEmbeds
	}
	if m.Silent {
		flags |= flagSuppressNotifications
	}
	return flags
}

// encoded checks a message and returns the JSON that is posted. The error is a
// *connectors.Error.
func (m Message) encoded() ([]byte, error) {
	if _, err := m.check(opened{}); err != nil {
		return nil, err
	}
	return m.encode(opened{})
}

// encode returns the JSON that is posted, with what is open as it stands. The error
// is a *connectors.Error.
func (m Message) encode(open opened) ([]byte, error) {
	form := struct {
		Content    string `json:"content,omitempty"`
		Username   string `json:"username,omitempty"`
		AvatarURL  string `json:"avatar_url,omitempty"`
		TTS        bool   `json:"tts,omitempty"`
		Embeds     any    `json:"embeds,omitempty"`
		Mentions   any    `json:"allowed_mentions"`
		Flags      int    `json:"flags,omitempty"`
		ThreadName string `json:"thread_name,omitempty"`
	}{m.Content, m.Username, m.AvatarURL, m.TTS, nil, m.AllowedMentions.form(), m.flags(), m.ThreadName}
	if len(m.Embeds) > 0 {
		form.Embeds = m.Embeds
	}
	if open.embeds != nil {
		form.Embeds = open.embeds
	}
	if open.mentions != nil {
		form.Mentions = open.mentions
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(form); err != nil {
		return nil, provider.Invalid("invalid_message", "the message cannot be encoded")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
