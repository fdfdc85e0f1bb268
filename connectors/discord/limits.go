package discord

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bracework/bracework/connectors/internal/provider"
)

// The limits of a message. Those of texts are in characters: code points, without
// white space at the ends.
const (
	MaxContent     = 2000
	MaxUsername    = 80
	MaxThreadName  = 100
	MaxEmbeds      = 10
	MaxTitle       = 256
	MaxDescription = 4096
	MaxFields      = 25 // of one embed
	MaxFieldName   = 256
	MaxFieldValue  = 1024
	MaxFooter      = 2048
	MaxAuthor      = 256
	MaxEmbedSum    = 6000 // titles, descriptions, fields, footers and authors of all embeds
	MaxMentions    = 100  // of users, and of roles
)

// check says why a message cannot be posted, with a *connectors.Error. Of an open
// one placeholders may still shorten the texts, or fill them: what is too long then
// is a warning.
func (m Message) check(open opened) (warnings []string, err error) {
	c := checker{open: open.any}
	content := c.text("the content", m.Content, MaxContent)
	if c.text("the username", m.Username, MaxUsername) == 0 && m.Username != "" {
		c.fail("invalid_username", "the username is only white space")
	}
	if c.text("the name of the thread", m.ThreadName, MaxThreadName) == 0 && m.ThreadName != "" {
		c.fail("invalid_thread", "the name of the thread is only white space")
	}
	c.url("the address of the avatar", m.AvatarURL)
	switch {
	case content == 0 && len(m.Embeds) == 0 && open.embeds == nil:
		c.fail("empty_message", "the message has neither content nor embeds")
	case m.ThreadID != "" && m.ThreadName != "":
		c.fail("invalid_thread", "the message has both the id and the name of a thread")
	case m.ThreadID != "" && !open.any && !isSnowflake(m.ThreadID):
		c.fail("invalid_thread", "the id of the thread is not a number")
	}
	c.embeds(m.Embeds)
	if c.err == nil && !open.any {
		c.err = m.AllowedMentions.check()
	}
	return c.warnings, c.err
}

// checker keeps the first thing that is wrong.
type checker struct {
	open     bool
	err      error
	warnings []string
}

func (c *checker) fail(code, message string) {
	if c.err == nil {
		c.err = provider.Invalid(code, message)
	}
}

// tooLong is what depends on the placeholders.
func (c *checker) tooLong(what string, limit int) {
	message := what + " more than " + strconv.Itoa(limit) + " characters"
	if c.open {
		c.warnings = append(c.warnings, message+", placeholders included")
		return
	}
	c.fail("too_long", message)
}

// text returns how many characters of a text count.
func (c *checker) text(what, text string, limit int) int {
	if !utf8.ValidString(text) {
		c.fail("invalid_text", what+" is not valid UTF-8")
	}
	n := utf8.RuneCountInString(strings.TrimSpace(text))
	if n > limit {
		c.tooLong(what+" has", limit)
	}
	return n
}

func (c *checker) url(what, raw string) {
	if raw == "" || c.open {
		return
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		c.fail("invalid_url", what+" is not an http or https URL")
	}
}

func (c *checker) embeds(embeds []Embed) {
	if len(embeds) > MaxEmbeds {
		c.fail("too_many", "there are more than 10 embeds")
	}
	sum := 0
	for i, e := range embeds {
		sum += c.embed("of embed "+strconv.Itoa(i+1), e)
	}
	if sum > MaxEmbedSum {
		c.tooLong("the texts of all embeds have", MaxEmbedSum)
	}
}

// embed returns how many characters of an embed count.
func (c *checker) embed(of string, e Embed) int {
	author := c.text("the author "+of, e.Author.Name, MaxAuthor)
	footer := c.text("the footer "+of, e.Footer.Text, MaxFooter)
	sum := c.text("the title "+of, e.Title, MaxTitle) + c.text("the description "+of, e.Description, MaxDescription) + author + footer
	if len(e.Fields) > MaxFields {
		c.fail("too_many", "there are more than 25 fields "+of)
	}
	for i, f := range e.Fields {
		field := "of field " + strconv.Itoa(i+1) + " " + of
		n, v := c.text("the name "+field, f.Name, MaxFieldName), c.text("the value "+field, f.Value, MaxFieldValue)
		if n == 0 || v == 0 {
			c.fail("invalid_embed", "the name or the value "+field+" is empty")
		}
		sum += n + v
	}
	for _, link := range [][2]string{
		{"the URL ", e.URL},
		{"the URL of the author ", e.Author.URL},
		{"the icon of the author ", e.Author.IconURL},
		{"the icon of the footer ", e.Footer.IconURL},
		{"the image ", e.Image.URL},
		{"the thumbnail ", e.Thumbnail.URL},
	} {
		c.url(link[0]+of, link[1])
	}
	switch {
	case e.Color < 0 || e.Color > 0xffffff:
		c.fail("invalid_embed", "the color "+of+" is not within 0 and 0xffffff")
	case author == 0 && e.Author != Author{}:
		c.fail("invalid_embed", "the author "+of+" has no name")
	case footer == 0 && e.Footer != Footer{}:
		c.fail("invalid_embed", "the footer "+of+" has no text")
	case e.Timestamp.IsZero() && sum == 0 && e.Image.URL == "" && e.Thumbnail.URL == "":
		c.fail("invalid_embed", "nothing is to be seen "+of)
	}
	return sum
}
