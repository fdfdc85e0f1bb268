package template_test

import (
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	template "github.com/bracework/bracework/template"
)

func TestEscapers(t *testing.T) {
	t.Parallel()
	all := ascii()
	tests := []struct {
		name    string
		escaper template.Escaper
		in      string
		want    string
	}{
		{"none", template.None, all, all},
		{"json quote and backslash", template.JSON, `x","admin":true,"y":"\`, `x\",\"admin\":true,\"y\":\"\\`},
		{"json controls", template.JSON, "\x00\b\f\n\r\t\x1f\x7f", `\u0000\b\f\n\r\t\u001f` + "\x7f"},
		{"json leaves the rest", template.JSON, "é\u2028\u2029</script>&", "é\u2028\u2029</script>&"},
		{"json no UTF-8", template.JSON, "\"\xff\xc3é\xed\xa0\x80", "\\\"\ufffd\ufffdé\ufffd\ufffd\ufffd"},
		{"json keeps U+FFFD", template.JSON, "\ufffd\xff", "\ufffd\ufffd"},
		{"html", template.HTML, `<a href="x" title='y'>&amp;é</a>`, `&lt;a href=&#34;x&#34; title=&#39;y&#39;&gt;&amp;amp;é&lt;/a&gt;`},
		{"slack mentions", template.Slack, "<!channel> <@U1> <http://evil|bank> &lt;", "&lt;!channel&gt; &lt;@U1&gt; &lt;http://evil|bank&gt; &amp;lt;"},
		{"slack leaves the rest", template.Slack, `*a* _b_ ~c~ "d" 'e' @here`, `*a* _b_ ~c~ "d" 'e' @here`},
		{"query", template.URLQuery, "a b&role=admin#x+é/?~-_.", "a+b%26role%3Dadmin%23x%2B%C3%A9%2F%3F~-_."},
		{"path", template.URLPath, "a b/c?d#e%2F+é;=:@&~-_.", "a%20b%2Fc%3Fd%23e%252F%2B%C3%A9%3B%3D%3A%40%26~-_."},
		{"path dots inside", template.URLPath, ".a", ".a"},
		{"path three dots", template.URLPath, ".../a..b", "...%2Fa..b"},
		{"header", template.Header, "text\t\"é\"; q=1", "text\t\"é\"; q=1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(test.in)
			got, err := test.escaper([]byte("dst:"), in)
			require.NoError(t, err)
			assert.Equal(t, "dst:"+test.want, string(got))
			assert.Equal(t, test.in, string(in))
		})
	}
}

func ascii() string {
	b := make([]byte, 0x80)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

func TestDiscord(t *testing.T) {
	t.Parallel()
	const z = "\u200b"
	tests := []struct{ name, in, want string }{
		{"pings", "@everyone @here <@1> <@!1> <@&2>", "@" + z + "everyone @" + z + "here <" + z + "@" + z + "1> <" + z + "@" + z + "!1> <" + z + "@" + z + "&2>"},
		{"an @ at the end", "a@", "a@" + z},
		{"channels, emoji, times, commands", "<#1><:a:2><t:3:R></x:4>", "<" + z + "#1><" + z + ":a:2><" + z + "t:3:R><" + z + "/x:4>"},
		{"styles", "**b** __u__ ~~s~~ ||p|| `c` \\*", "\\*\\*b\\*\\* \\_\\_u\\_\\_ \\~\\~s\\~\\~ \\|\\|p\\|\\| \\`c\\` \\\\\\*"},
		{"a link with a text", "[bank](x) [x]", `\[bank\]\(x\) \[x\]`},
		{"a heading", "# a # b\n## c", "\\# a # b\n\\## c"},
		{"a list", "- a-b\n  + c+d\r\t* e", "\\- a-b\n  \\+ c+d\r\t\\* e"},
		{"a numbered list", "1. a 2. b\n 12. c\n.5 1.10\nv1.2", "1\\. a 2. b\n 12\\. c\n\\.5 1.10\nv1.2"},
		{"a quote", "> a > b\n>>> c", "\\> a > b\n\\>>> c"},
		{"small text", "-# a", `\-# a`},
		{"plain text", "Hello, World! 1 + 1 = 2; a-b: c.", "Hello, World! 1 + 1 = 2; a-b: c."},
		{"an address", "see https://a.b/my_repo/#x-1~_y_, ok_", `see https://a.b/my_repo/#x-1~_y_, ok\_`},
		{"an address that acts", "http://a/(@everyone)*b*`c`|d|[e]\\>", "http://a/%28%40everyone%29%2Ab%2A%60c%60%7Cd%7C%5Be%5D%5C%3E"},
		{"behind an address", "http://a\n# b http://c<@1 \"*", "http://a\n\\# b http://c<" + z + "@" + z + "1 \"\\*"},
		{"no address", "ftp://a_b http:/c_d ://e_f", `ftp://a\_b http:/c\_d ://e\_f`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := template.Discord([]byte("dst:"), []byte(test.in))
			require.NoError(t, err)
			assert.Equal(t, "dst:"+test.want, string(got))
		})
	}
}

func TestUnsafeValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		escaper template.Escaper
		values  []string
	}{
		{"header", template.Header, []string{"secret\r\nX: y", "secret\n", "secret\r", "\x00secret", "secret\x1b", "secret\x7f"}},
		{"path", template.URLPath, []string{".", "..", "../secret", "secret/..", "secret/../x", `secret\..\x`, "./secret", `secret\.`}},
	}
	for _, test := range tests {
		for _, value := range test.values {
			t.Run(test.name+value, func(t *testing.T) {
				t.Parallel()
				got, err := test.escaper([]byte("dst:"), []byte(value))
				require.ErrorIs(t, err, template.ErrUnsafe)
				assert.NotContains(t, err.Error(), "secret")
				assert.Equal(t, "dst:", string(got))
			})
		}
	}
}

//nolint:paralleltest // allocations are counted over the whole process
func TestEscaperAllocations(t *testing.T) {
	dst := make([]byte, 0, 1<<12)
	s := []byte("a \"b\" <c> & 'd' é\n# e http://f_g @h \xff")
	for name, escaper := range map[string]template.Escaper{
		"None": template.None, "JSON": template.JSON, "HTML": template.HTML, "URLQuery": template.URLQuery,
		"URLPath": template.URLPath, "Slack": template.Slack, "Discord": template.Discord,
	} {
		assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = escaper(dst, s) }), name)
	}
	s = []byte("text/plain; charset=utf-8")
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = template.Header(dst, s) }))
}

// FuzzEscapers states what each escaper promises, over any bytes.
func FuzzEscapers(f *testing.F) {
	for _, s := range []string{"", "a", ascii(), "é\u2028", "\xff\xc3", "..", "a/../b", "&amp;", "%2F+", "\r\n", "@everyone", "1. http://a_b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		escape := func(e template.Escaper) string {
			out, err := e(nil, []byte(s))
			require.NoError(t, err)
			return string(out)
		}
		assert.Equal(t, s, escape(template.None))

		var back string
		require.NoError(t, json.Unmarshal([]byte(`"`+escape(template.JSON)+`"`), &back))
		if utf8.ValidString(s) {
			assert.Equal(t, s, back)
		}
		assert.Equal(t, html.EscapeString(s), escape(template.HTML))
		assert.Equal(t, url.QueryEscape(s), escape(template.URLQuery))
		assert.Equal(t, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s), escape(template.Slack))

		if path, err := template.URLPath(nil, []byte(s)); err != nil {
			require.ErrorIs(t, err, template.ErrUnsafe)
			assert.True(t, dotSegment.MatchString(s), "%q", s)
		} else {
			assert.False(t, dotSegment.MatchString(s), "%q", s)
			back, err := url.PathUnescape(string(path))
			require.NoError(t, err)
			assert.Equal(t, s, back)
			assert.NotContains(t, string(path), "/")
			whole, err := url.Parse("https://host/a/" + string(path) + "/b")
			require.NoError(t, err)
			assert.Equal(t, "/a/"+s+"/b", whole.Path)
			if s != "" {
				assert.Equal(t, whole.EscapedPath(), whole.JoinPath().EscapedPath(), "JoinPath resolves dot segments")
			}
		}
		if header, err := template.Header(nil, []byte(s)); err != nil {
			assert.Empty(t, header)
		} else {
			assert.Equal(t, s, string(header))
			assert.NotRegexp(t, `[\x00-\x08\x0a-\x1f\x7f]`, s)
		}
	})
}

var dotSegment = regexp.MustCompile(`(^|[/\\])\.\.?([/\\]|$)`)

var (
	discordLink    = regexp.MustCompile(`https?://[^\x00-\x20<"\x7f]*`)
	discordEscape  = regexp.MustCompile("\\\\([\\\\*_~`|\\[\\]()#\\-+.>])")
	discordActive  = regexp.MustCompile("[*_~`|\\[\\]()]|\\\\|(?m:^[ \\t]*([#+>-]|[0-9]*\\.))")
	discordMention = regexp.MustCompile("[@<]($|[^\u200b])")
)

func FuzzDiscord(f *testing.F) {
	for _, s := range []string{"", "@everyone <#1>", "*a*\n# b\r- c", "x http://a_(b) c_d", "1. 2.", "\\", "http://", "https://http://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || strings.Contains(s, "\u200b") {
			return
		}
		out, err := template.Discord(nil, []byte(s))
		require.NoError(t, err)
		assert.False(t, discordMention.Match(out), "%q", out)

		// Outside of links: what is left without the escapes acts nowhere, and
		// the escapes stand for what was there.
		text := discordLink.ReplaceAllString(string(out), "x")
		lines := strings.ReplaceAll(strings.ReplaceAll(text, "\r", "\n"), "\u200b", "")
		assert.False(t, discordActive.MatchString(discordEscape.ReplaceAllString(lines, "x")), "%q", text)
		back := discordEscape.ReplaceAllString(strings.ReplaceAll(text, "\u200b", ""), "$1")
		assert.Equal(t, discordLink.ReplaceAllString(s, "x"), back)

		// Links lead where they led.
		want, got := discordLink.FindAllString(s, -1), discordLink.FindAllString(string(out), -1)
		require.Len(t, got, len(want))
		for i := range got {
			assert.Equal(t, strings.ToValidUTF8(unpercent(want[i]), "?"), strings.ToValidUTF8(unpercent(got[i]), "?"))
			assert.NotRegexp(t, "[\\\\*`|\\[\\]()@>]", got[i])
		}
	})
}

// unpercent decodes the %XX that are well-formed.
func unpercent(s string) string {
	return regexp.MustCompile(`%[0-9A-Fa-f]{2}`).ReplaceAllStringFunc(s, func(x string) string {
		c, _ := url.PathUnescape(x)
		return c
	})
}
