package discord_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/connectorstest"
	"github.com/bracework/bracework/connectors/discord"
)

func repeat[T any](v T, n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = v
	}
	return list
}

func embeds(e ...discord.Embed) discord.Message { return discord.Message{Embeds: e} }

func fields(n int, name, value string) discord.Embed {
	return discord.Embed{Fields: repeat(discord.Field{Name: name, Value: value}, n)}
}

func ids(n int) []string { return repeat("80351110224678912", n) }

// Each limit, one step within and one beyond, and the stand-in agrees with every
// one of them.
func TestLimits(t *testing.T) {
	t.Parallel()
	const (
		emoji  = "😀" // one code point, two units of UTF-16, four bytes
		family = "👨‍👩‍👧"
	)
	x := strings.Repeat
	text := func(n int) string { return "\n " + x(emoji, n) + "\u00a0\t" }
	for name, m := range map[string]func(more int) discord.Message{
		"content": func(n int) discord.Message { return discord.Message{Content: text(2000 + n)} },
		"content, five code points each": func(n int) discord.Message {
			return discord.Message{Content: x(family, 400) + x("a", n)}
		},
		"username":    func(n int) discord.Message { return discord.Message{Content: "c", Username: text(80 + n)} },
		"thread":      func(n int) discord.Message { return discord.Message{Content: "c", ThreadName: text(100 + n)} },
		"embeds":      func(n int) discord.Message { return embeds(repeat(discord.Embed{Title: "t"}, 10+n)...) },
		"title":       func(n int) discord.Message { return embeds(discord.Embed{Title: text(256 + n)}) },
		"description": func(n int) discord.Message { return embeds(discord.Embed{Description: text(4096 + n)}) },
		"footer": func(n int) discord.Message {
			return embeds(discord.Embed{Footer: discord.Footer{Text: text(2048 + n)}})
		},
		"author":      func(n int) discord.Message { return embeds(discord.Embed{Author: discord.Author{Name: text(256 + n)}}) },
		"fields":      func(n int) discord.Message { return embeds(fields(25+n, "n", "v")) },
		"field name":  func(n int) discord.Message { return embeds(fields(1, text(256+n), "v")) },
		"field value": func(n int) discord.Message { return embeds(fields(1, "n", text(1024+n))) },
		"sum over all embeds": func(n int) discord.Message {
			return embeds(
				discord.Embed{Title: text(256), Description: text(3000), Footer: discord.Footer{Text: text(1000)}},
				discord.Embed{Author: discord.Author{Name: text(244)}, Fields: []discord.Field{{Name: text(200), Value: text(1000)}, {Name: text(100), Value: text(200 + n)}}},
			)
		},
		"mentions": func(n int) discord.Message {
			return discord.Message{Content: "c", AllowedMentions: discord.Mentions{Users: ids(100 + n), Roles: ids(100)}}
		},
		"color": func(n int) discord.Message { return embeds(discord.Embed{Title: "t", Color: 0xffffff + n}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := connectorstest.NewDiscord(t)
			w, err := discord.New(d.WebhookURL(), discord.Config{})
			require.NoError(t, err)
			_, err = w.Send(t.Context(), m(0))
			require.NoError(t, err)
			_, err = w.Send(t.Context(), m(1))
			e := typed(t, err)
			assert.True(t, e.Unsent)
			assert.Equal(t, connectors.KindInvalid, e.Kind)
			assert.Len(t, d.Requests(), 1)
		})
	}
}

func TestMessagesThatAreNotSent(t *testing.T) {
	t.Parallel()
	content := discord.Message{Content: "c"}
	with := func(set func(*discord.Message)) discord.Message {
		m := content
		set(&m)
		return m
	}
	tests := []struct {
		name, code string
		m          discord.Message
	}{
		{"empty", "empty_message", discord.Message{}},
		{"only space", "empty_message", discord.Message{Content: " \n\u2003"}},
		{"no embed", "empty_message", embeds()},
		{"too long", "too_long", discord.Message{Content: strings.Repeat("x", 2001)}},
		{"invalid UTF-8", "invalid_text", discord.Message{Content: "a\xff"}},
		{"invalid UTF-8 in a field", "invalid_text", embeds(fields(1, "n", "\xff"))},
		{"invalid UTF-8 in a name", "invalid_text", with(func(m *discord.Message) { m.Username = "\xff" })},
		{"an empty embed", "invalid_embed", embeds(discord.Embed{})},
		{"an embed of space", "invalid_embed", embeds(discord.Embed{Title: " "})},
		{"an embed with a color only", "invalid_embed", embeds(discord.Embed{Color: 1})},
		{"a negative color", "invalid_embed", embeds(discord.Embed{Title: "t", Color: -1})},
		{"a field without a name", "invalid_embed", embeds(fields(1, " ", "v"))},
		{"a field without a value", "invalid_embed", embeds(fields(1, "n", ""))},
		{"an author without a name", "invalid_embed", embeds(discord.Embed{Title: "t", Author: discord.Author{URL: "https://a"}})},
		{"a footer without a text", "invalid_embed", embeds(discord.Embed{Title: "t", Footer: discord.Footer{IconURL: "https://a"}})},
		{"a URL that acts", "invalid_url", embeds(discord.Embed{Title: "t", URL: "javascript:alert(1)"})},
		{"an image without a host", "invalid_url", embeds(discord.Embed{Title: "t", Image: discord.Image{URL: "https:///a"}})},
		{"a thumbnail that is no URL", "invalid_url", embeds(discord.Embed{Title: "t", Thumbnail: discord.Image{URL: "a b"}})},
		{"an avatar that is no URL", "invalid_url", with(func(m *discord.Message) { m.AvatarURL = "%zz" })},
		{"two threads", "invalid_thread", with(func(m *discord.Message) { m.ThreadID, m.ThreadName = "1", "n" })},
		{"a thread that is no id", "invalid_thread", with(func(m *discord.Message) { m.ThreadID = "1&wait=false" })},
		{"a thread beyond 64 bits", "invalid_thread", with(func(m *discord.Message) { m.ThreadID = "18446744073709551616" })},
		{"a thread with a blank name", "invalid_thread", with(func(m *discord.Message) { m.ThreadName = " \u00a0" })},
		{"a blank username", "invalid_username", with(func(m *discord.Message) { m.Username = " \n" })},
		{"a user beyond 64 bits", "invalid_mentions", with(func(m *discord.Message) {
			m.AllowedMentions = discord.Mentions{Users: []string{"99999999999999999999"}}
		})},
		{"all and some users", "invalid_mentions", with(func(m *discord.Message) { m.AllowedMentions = discord.Mentions{AllUsers: true, Users: ids(1)} })},
		{"all and some roles", "invalid_mentions", with(func(m *discord.Message) { m.AllowedMentions = discord.Mentions{AllRoles: true, Roles: ids(1)} })},
		{"a user that is no id", "invalid_mentions", with(func(m *discord.Message) { m.AllowedMentions = discord.Mentions{Users: []string{"Alex"}} })},
		{"a role that is no id", "invalid_mentions", with(func(m *discord.Message) { m.AllowedMentions = discord.Mentions{Roles: []string{""}} })},
		{"101 roles", "invalid_mentions", with(func(m *discord.Message) { m.AllowedMentions = discord.Mentions{Roles: ids(101)} })},
		{"11 embeds", "too_many", embeds(repeat(discord.Embed{Title: "t"}, 11)...)},
		{"26 fields", "too_many", embeds(fields(26, "n", "v"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sent, err := unused(t).Send(t.Context(), tt.m)
			e := typed(t, err)
			assert.Nil(t, sent)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, connectors.KindInvalid, e.Kind)
			assert.True(t, e.Permanent())
			assert.True(t, e.Unsent)
			assert.Equal(t, "send", e.Op)
		})
	}
}

// The error says which part of a large message it is about.
func TestErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	e := fields(3, "n", "v")
	e.Fields[2].Value = strings.Repeat("x", 1025)
	_, err := unused(t).Send(t.Context(), embeds(discord.Embed{Title: "t"}, e))
	assert.Equal(t, "the value of field 3 of embed 2 has more than 1024 characters", typed(t, err).Message)
}

// The numbers that the documentation of the package points to are Discord's.
func TestLimitsAreDiscords(t *testing.T) {
	t.Parallel()
	got := []int{
		discord.MaxContent, discord.MaxUsername, discord.MaxThreadName, discord.MaxEmbeds, discord.MaxTitle, discord.MaxDescription, discord.MaxFields,
		discord.MaxFieldName, discord.MaxFieldValue, discord.MaxFooter, discord.MaxAuthor, discord.MaxEmbedSum, discord.MaxMentions,
	}
	assert.Equal(t, []int{2000, 80, 100, 10, 256, 4096, 25, 256, 1024, 2048, 256, 6000, 100}, got)
}

// Whatever the limits let pass is a message that the stand-in takes.
func FuzzMessage(f *testing.F) {
	f.Add("c", "t", "d", "n", "v", "u", "1", 3, 1)
	f.Add(" ", "", "\u00a0", "é", strings.Repeat("😀", 1025), "", "", 11, -1)
	w, err := discord.New(connectorstest.NewDiscord(f).WebhookURL(), discord.Config{Limiter: rate.NewLimiter(rate.Inf, 0)})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, content, title, description, fieldName, value, username, user string, n, color int) {
		n = ((n % 30) + 30) % 30
		m := discord.Message{Content: content, Username: username, AllowedMentions: discord.Mentions{AllRoles: n%2 == 0}}
		if user != "" {
			m.AllowedMentions.Users = []string{user}
		}
		if title+description != "" {
			m.Embeds = repeat(discord.Embed{Title: title, Description: description, Color: color, Fields: fields(n, fieldName, value).Fields}, n%12)
		}
		_, err := w.Send(t.Context(), m)
		if err == nil {
			return
		}
		e := typed(t, err)
		if lower := strings.ToLower(username); strings.Contains(lower, "discord") || strings.Contains(lower, "clyde") {
			return // names are Discord's to refuse
		}
		assert.True(t, e.Unsent, "%s %s", e.Code, e.Message)
	})
}
