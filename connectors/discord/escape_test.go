package discord_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors/discord"
	"github.com/bracework/bracework/template"
)

var samples = []string{
	"", "Hello, World! 1 + 1 = 2; a-b: c.", "é😀\xff", "@everyone @here <@1> <@!1> <@&2> <#3> <:a:4> <t:5:R> </c:6> <id:home>",
	"**b** __u__ ~~s~~ ||p|| `c` ```\nx``` \\*", "[bank](https://evil.example) [x](<https://y>)", "# h\n## h\r# h\n  # h\na # b",
	"> q\n>>> q", "-# small", "- a\n+ b\n * c\n 12. d\n.5 1.10", "https://a.b/my_repo/#x-1~_y_, ok_", "http://a/(@everyone)*b*`c`|d|[e]\\>",
	"http://a\n# b http://c<@1 \"*", "ftp://a_b http:/c_d ://e_f : ::", "a@", "<", "https://",
}

func TestEscape(t *testing.T) {
	t.Parallel()
	const z = "\u200b"
	for in, want := range map[string]string{
		"@everyone <@1>":                       "@" + z + "everyone <" + z + "@" + z + "1>",
		"**b** [bank](https://evil.example/a)": `\*\*b\*\* \[bank\]\(https://evil.example/a%29`,
		"# h\n1. x - y":                        "\\# h\n1\\. x - y",
		"plain, a-b: 1 + 1 = 2.":               "plain, a-b: 1 + 1 = 2.",
		"https://a.b/my_repo":                  "https://a.b/my_repo",
	} {
		assert.Equal(t, want, discord.Escape(in))
	}
}

// The package template has the same escape, for whole templates.
func FuzzEscape(f *testing.F) {
	for _, s := range samples {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := template.Discord(nil, []byte(s))
		require.NoError(t, err)
		escaped := discord.Escape(s)
		assert.Equal(t, string(want), escaped)
		assert.NotContains(t, escaped, "@everyone")
		assert.NotContains(t, escaped, "<@")
		assert.NotContains(t, strings.ReplaceAll(escaped, `\\`, ""), "](")
	})
}
