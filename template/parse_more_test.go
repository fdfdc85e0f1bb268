package template

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSyntaxErrorReads(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ src, text, snippet string }{
		{
			"{{first name}}", `template "slack": 1:9: unexpected 'n' after path "first"; a key with a space is written first\ name`,
			"{{first name}}\n        ^",
		},
		{
			"Dear\n  {{user.first name}}!\nYours", `template "slack": 2:16: unexpected 'n' after path "user.first"; a key with a space is written user.first\ name`,
			"  {{user.first name}}!\n               ^",
		},
		{"é日\t{{a b}}\r\nx", `template "slack": 1:8: unexpected 'b' after path "a"; a key with a space is written a\ b`, "é日\t{{a b}}\n  \t    ^"},
		{"\x1b[31m\x00{{", `template "slack": 1:7: unclosed tag`, "\ufffd[31m\ufffd{{\n      ^"},
		{"\xff{{", `template "slack": 1:2: unclosed tag`, "\ufffd{{\n ^"},
		{
			strings.Repeat("é", 100) + "{{.a}}" + strings.Repeat("x", 100),
			`template "slack": 1:103: empty path component; a path begins without a dot`,
			strings.Repeat("é", 28) + "{{.a}}" + strings.Repeat("x", 38) + "\n" + strings.Repeat(" ", 30) + "^",
		},
		{
			"{{" + strings.Repeat("a", 60) + " b}}", `template "slack": 1:64: unexpected 'b' after path "` + strings.Repeat("a", 48) + `…"; a key with a space is written ` + strings.Repeat("a", 48) + `…\ b`,
			strings.Repeat("a", 29) + " b}}\n" + strings.Repeat(" ", 30) + "^",
		},
		{"{{\n\n", `template "slack": 1:1: unclosed tag`, "{{\n^"},
	} {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			_, err := parse(tt.src, testConfig())
			require.NotNil(t, err)
			assert.Equal(t, tt.text, err.Error())
			assert.Equal(t, tt.snippet, err.Snippet)
		})
	}
	assert.Equal(t, "template: /a~1b/0: 2:3: x", (&SyntaxError{Pos: Pos{Line: 2, Column: 3}, Pointer: "/a~1b/0", Msg: "x"}).Error())
}

func TestLocatorGoesOnFromWhereItWas(t *testing.T) {
	t.Parallel()
	src := "é\nab\n\n日c"
	l := locator{src: src}
	for offset := range src {
		assert.Equal(t, position(src, offset), l.at(offset))
	}
	assert.Equal(t, Pos{Offset: 10, Line: 4, Column: 2}, position(src, 10))
}

func TestLenient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ src, want string }{
		{"{{first name}} {{a}}", `"{{first name}} " <a>`},
		{"Hi {{user.name", `"Hi {{user.name"`},
		{"{{'a}} {{b}}", `"{{'a}} " <b>`},
		{"{{{name}}}", `"{{{name}}}"`},
		{"{{a | nope}}{{a|upper}}", `"{{a | nope}}{{a|upper}}"`},
		{"x {{- first name -}} y", `"x {{- first name -}} y"`},
		{"{{" + strings.Repeat("a", 513) + "}}{{a}}", `"{{` + strings.Repeat("a", 513) + `}}" <a>`},
	} {
		c := testConfig()
		c.lenient = true
		nodes, err := parse(tt.src, c)
		require.Nil(t, err)
		assert.Equal(t, tt.want, show(nodes))
	}
}

func TestSourceLimits(t *testing.T) {
	t.Parallel()
	for _, lenient := range []bool{false, true} {
		c := testConfig()
		c.lenient = lenient
		c.limits.MaxSource, c.limits.MaxTags = 40, 2
		_, err := parse(strings.Repeat("x", 40), c)
		require.Nil(t, err)
		_, err = parse(strings.Repeat("x", 41), c)
		require.NotNil(t, err)
		assert.Equal(t, `template "slack": 1:1: source longer than 40 bytes`, err.Error())
		_, err = parse("{{a}} {{/* c */}} x", c)
		require.Nil(t, err)
		_, err = parse("{{a}} {{b}} {{c}}", c)
		require.NotNil(t, err)
		assert.Equal(t, `template "slack": 1:13: more than 2 tags`, err.Error())
	}
}

func TestDelims(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ opening, closing, src, want string }{
		{"<%", "%>", "{{a}} <%b%><%- c ?? 'x' -%> d", `"{{a}} " <b> <c> ?? "x" "d"`},
		{"[[", "]]", "[[[a,b.#(x==1)]]][[ c | upper ]]", `<[a,b.#(x==1)]> <c> | upper`},
		{"${", "}", "${a}${ {a,b} }$", `<a> <{a,b}> "$"`},
		{"<<", ">>", "<<a.#(b>>1)>>", `<a.#(b>>1)>`},
		{"{{{", "}}}", "{{{a}}}{{b}}", `<a> "{{b}}"`},
		{"%", "%", "%a% b %c%", `<a> " b " <c>`},
		{"<!--", "-->", "<!-- a --> <!--- b --->", `<a> <b>`},
	} {
		c := testConfig()
		c.opening, c.closing = tt.opening, tt.closing
		require.NoError(t, checkDelims(tt.opening, tt.closing))
		nodes, err := parse(tt.src, c)
		if assert.Nil(t, err, "%s: %v", tt.src, err) {
			assert.Equal(t, tt.want, show(nodes))
		}
	}
	for _, bad := range [][2]string{{"", "}}"}, {"{{", ""}, {"{ ", "}}"}, {"a", "b"}, {"«", "»"}, {"{{", "|}"}, {`\(`, ")"}, {"{{{{{{{{{", "}"}, {"'", "'"}, {"\n", "}"}} {
		require.Error(t, checkDelims(bad[0], bad[1]), "%q", bad)
	}
	c := testConfig()
	c.opening, c.closing = "<%", "%>"
	_, err := parse("é <%a b%>", c)
	require.NotNil(t, err)
	assert.Equal(t, 7, err.Column)
}

func TestModifiersByName(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.modifiers = []string{"pretty", "flatten", "mine"}
	for _, src := range []string{"{{@pretty}}", `{{a|@flatten:{"deep":true}}}`, "{{a.@mine:x.y|b}}", `{{a.@mine:"x y"}}`, "{{a.#(@mine:x==1)}}"} {
		_, err := parse(src, c)
		assert.Nil(t, err, "%s: %v", src, err)
	}
	_, err := parse("{{@dig:x}}", c)
	assert.NotNil(t, err)
}

func TestAppendPaths(t *testing.T) {
	t.Parallel()
	src := "{{a}} {{b ?? ''}}\n{{a ?? 'x'}} {{c ?? d}} {{e | default('x')}} {{'x' | upper}} {{f | upper}}{{b ?? null}}"
	nodes, err := parse(src, testConfig())
	require.Nil(t, err)
	refs := appendPaths([]PathRef{{Path: "a", Optional: true}}, src, nodes, "/p")
	var got []string
	for _, r := range refs {
		s := r.Path
		if r.Optional {
			s += "?"
		}
		got = append(got, s)
	}
	assert.Equal(t, []string{"a", "b?", "c", "d", "e?", "f"}, got)
	assert.Equal(t, []Use{{Pos: Pos{Line: 1, Column: 1}, Pointer: "/p"}, {Pos: Pos{Offset: 18, Line: 2, Column: 1}, Pointer: "/p"}}, refs[0].Uses)
	assert.Len(t, refs[1].Uses, 2)
}
