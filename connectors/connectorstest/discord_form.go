package connectorstest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func discordError(status, code int, message string) response {
	return jsonResponse(status, fmt.Sprintf(`{"message": %q, "code": %d}`, message, code))
}

// discordForm is the body of a message.
type discordForm struct {
	Content    string          `json:"content"`
	Username   string          `json:"username"`
	AvatarURL  string          `json:"avatar_url"`
	TTS        bool            `json:"tts"`
	Flags      int             `json:"flags"`
	ThreadName string          `json:"thread_name"`
	Embeds     json.RawMessage `json:"embeds"`
	Mentions   json.RawMessage `json:"allowed_mentions"`
}

// discordEmbed is what is checked of an embed.
type discordEmbed struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	URL         string `json:"url"`
	Color       int    `json:"color"`
	Footer      struct {
		Text string `json:"text"`
	} `json:"footer"`
	Author struct {
		Name string `json:"name"`
	} `json:"author"`
	Image struct {
		URL string `json:"url"`
	} `json:"image"`
	Thumbnail struct {
		URL string `json:"url"`
	} `json:"thumbnail"`
	Timestamp string `json:"timestamp"`
	Fields    []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"fields"`
}

// visible reports whether anything of an embed is to be seen.
func (e discordEmbed) visible() bool {
	return e.Title != "" || e.Description != "" || e.Footer.Text != "" || e.Author.Name != "" ||
		e.Image.URL != "" || e.Thumbnail.URL != "" || e.Timestamp != "" || len(e.Fields) > 0
}

// discordParse returns the form of a request, or the refusal.
func discordParse(r Request) (form discordForm, refusal response, ok bool) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != "application/json" {
		return form, discordError(http.StatusBadRequest, 50035, "Invalid Form Body"), false
	}
	if !json.Valid(r.Body) {
		return form, discordError(http.StatusBadRequest, 50109, "The request body contains invalid JSON."), false
	}
	var check discordCheck
	var embeds []discordEmbed
	if json.Unmarshal(exact(r.Body, "content", "username", "avatar_url", "tts", "flags", "thread_name", "embeds", "allowed_mentions"), &form) != nil {
		check.add("_", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
	} else if len(form.Embeds) > 0 && json.Unmarshal(form.Embeds, &embeds) != nil {
		check.add("embeds", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
	}
	if len(check.errors) == 0 && strings.TrimSpace(form.Content) == "" && !slices.ContainsFunc(embeds, discordEmbed.visible) {
		return form, discordError(http.StatusBadRequest, 50006, "Cannot send an empty message"), false
	}
	check.form(form)
	check.embeds(embeds)
	check.mentions(form.Mentions)
	if thread := r.Query.Get("thread_id"); thread != "" {
		check.snowflake("thread_id", thread)
	}
	if len(check.errors) > 0 {
		return form, check.answer(), false
	}
	return form, response{}, true
}

func (f discordForm) message(thread string) DiscordMessage {
	return DiscordMessage{
		ThreadID: thread, ThreadName: f.ThreadName, Content: strings.TrimSpace(f.Content), Username: f.Username,
		AvatarURL: f.AvatarURL, TTS: f.TTS, Flags: f.Flags, Embeds: f.Embeds, AllowedMentions: f.Mentions,
	}
}

// saved is the message object that Discord answers with.
func (f discordForm) saved(m DiscordMessage, now time.Time) string {
	channel, embeds, username := discordChannel, m.Embeds, m.Username
	if m.ThreadID != "" {
		channel = m.ThreadID
	}
	if embeds == nil {
		embeds = json.RawMessage("[]")
	}
	if username == "" {
		username = "test webhook"
	}
	b, err := json.Marshal(map[string]any{
		"id": m.ID, "type": 0, "content": m.Content, "channel_id": channel, "webhook_id": discordWebhook, "embeds": embeds,
		"author":    map[string]any{"bot": true, "id": discordWebhook, "username": username, "avatar": nil, "discriminator": "0000"},
		"timestamp": now.Format("2006-01-02T15:04:05.000000-07:00"), "edited_timestamp": nil, "flags": m.Flags, "tts": m.TTS,
		"mentions": []any{}, "mention_roles": []any{}, "mention_everyone": false, "attachments": []any{}, "components": []any{}, "pinned": false,
	})
	if err != nil {
		return "{}" // nothing in it can fail
	}
	return string(b)
}

// discordCheck collects what is wrong with a form, under the path of the member.
type discordCheck struct{ errors [][3]string }

func (c *discordCheck) add(path, code, message string) {
	c.errors = append(c.errors, [3]string{path, code, message})
}

func (c *discordCheck) text(path, text string, limit int) int {
	n := utf8.RuneCountInString(strings.TrimSpace(text))
	if n > limit {
		c.add(path, "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", limit))
	}
	return n
}

func (c *discordCheck) snowflake(path, id string) {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		c.add(path, "NUMBER_TYPE_COERCE", `Value "`+id+`" is not snowflake.`)
	}
}

// filled refuses a text that is there and has only white space.
func (c *discordCheck) filled(path, text string, limit int) {
	if c.text(path, text, limit) == 0 && text != "" {
		c.add(path, "BASE_TYPE_BAD_LENGTH", fmt.Sprintf("Must be between 1 and %d in length.", limit))
	}
}

func (c *discordCheck) link(path, raw string) {
	if u, err := url.Parse(raw); raw != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https") {
		c.add(path, "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https').")
	}
}

func (c *discordCheck) form(f discordForm) {
	c.text("content", f.Content, 2000)
	c.filled("username", f.Username, 80)
	c.filled("thread_name", f.ThreadName, 100)
	c.link("avatar_url", f.AvatarURL)
	if lower := strings.ToLower(f.Username); strings.Contains(lower, "discord") || strings.Contains(lower, "clyde") {
		c.add("username", "USERNAME_INVALID_CONTAINS", `Username cannot contain "discord" or "clyde"`)
	}
}

func (c *discordCheck) embeds(embeds []discordEmbed) {
	if len(embeds) > 10 {
		c.add("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
	}
	sum := 0
	for i, e := range embeds {
		path := "embeds." + strconv.Itoa(i) + "."
		sum += c.text(path+"title", e.Title, 256) + c.text(path+"description", e.Description, 4096)
		sum += c.text(path+"footer.text", e.Footer.Text, 2048) + c.text(path+"author.name", e.Author.Name, 256)
		c.link(path+"url", e.URL)
		c.link(path+"image.url", e.Image.URL)
		if e.Color < 0 || e.Color > 0xffffff {
			c.add(path+"color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
		}
		if len(e.Fields) > 25 {
			c.add(path+"fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
		}
		for j, f := range e.Fields {
			field := path + "fields." + strconv.Itoa(j) + "."
			for _, part := range []struct {
				name, text string
				limit      int
			}{{"name", f.Name, 256}, {"value", f.Value, 1024}} {
				n := c.text(field+part.name, part.text, part.limit)
				if sum += n; n == 0 {
					c.add(field+part.name, "BASE_TYPE_REQUIRED", "This field is required")
				}
			}
		}
	}
	if sum > 6000 {
		c.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
	}
}

func (c *discordCheck) mentions(raw json.RawMessage) {
	var m struct {
		Parse, Users, Roles []string
	}
	if len(raw) == 0 {
		return
	}
	if json.Unmarshal(raw, &m) != nil {
		c.add("allowed_mentions", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
	}
	if slices.Contains(m.Parse, "users") && len(m.Users) > 0 || slices.Contains(m.Parse, "roles") && len(m.Roles) > 0 {
		c.add("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", "parse and the lists are mutually exclusive")
	}
	for i, kind := range m.Parse {
		if !slices.Contains([]string{"everyone", "users", "roles"}, kind) {
			c.add("allowed_mentions.parse."+strconv.Itoa(i), "BASE_TYPE_CHOICES", "Value must be one of ('users', 'everyone', 'roles').")
		}
	}
	for list, ids := range map[string][]string{"users": m.Users, "roles": m.Roles} {
		for i, id := range ids {
			c.snowflake("allowed_mentions."+list+"."+strconv.Itoa(i), id)
		}
	}
	if len(m.Users) > 100 || len(m.Roles) > 100 {
		c.add("allowed_mentions", "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
	}
}

// answer is the tree of errors, in which a path is a chain of objects.
func (c *discordCheck) answer() response {
	tree := map[string]any{}
	for _, e := range c.errors {
		node := tree
		for key := range strings.SplitSeq(e[0], ".") {
			if key == "_" {
				break
			}
			below, ok := node[key].(map[string]any)
			if !ok {
				below = map[string]any{}
				node[key] = below
			}
			node = below
		}
		list, _ := node["_errors"].([]any)
		node["_errors"] = append(list, map[string]string{"code": e[1], "message": e[2]})
	}
	b, err := json.Marshal(map[string]any{"code": 50035, "message": "Invalid Form Body", "errors": tree})
	if err != nil {
		return discordError(http.StatusBadRequest, 50035, "Invalid Form Body") // nothing in it can fail
	}
	return jsonResponse(http.StatusBadRequest, string(b))
}
