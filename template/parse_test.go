package template

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeFilter has the shape of a built-in filter, and does nothing.
func fakeFilter(name string) (*filter, bool) {
	f := &filter{name: name, accepts: 0xff}
	switch name {
	case "upper", "first", "len", "html":
		f.accepts = 0xfe
	case "join":
		f.args, f.minArgs, f.maxArgs = []kindSet{1 << KindString}, 1, 1
	case "truncate":
		f.args, f.minArgs, f.maxArgs = []kindSet{1 << KindNumber, 1 << KindString}, 1, 2
	case "date":
		f.args, f.minArgs, f.maxArgs = []kindSet{1 << KindString, 1 << KindString}, 1, 2
	case "default":
		f.args, f.minArgs, f.maxArgs = []kindSet{0xff}, 1, 1
	default:
		return nil, false
	}
	return f, true
}

func testConfig() *config {
	return &config{
		name:   "slack",
		limits: Limits{MaxSource: 64 << 10, MaxTags: 1000, MaxPath: 512, MaxDepth: 512, MaxOutput: 1 << 20},
		filter: fakeFilter,
	}
}

// show writes a tree on one line: text in quotes, paths in <>, fallbacks behind
// ??, filters behind |.
func show(nodes []node) string {
	var b strings.Builder
	for i, n := range nodes {
		if i > 0 {
			b.WriteByte(' ')
		}
		if n.tag == nil {
			b.WriteString(strconv.Quote(n.text))
			continue
		}
		for j, op := range n.tag.operands {
			if j > 0 {
				b.WriteString(" ?? ")
			}
			if op.path != nil {
				b.WriteString("<" + op.path.text + ">")
			} else {
				b.WriteString(showValue(op.literal))
			}
		}
		for _, c := range n.tag.filters {
			b.WriteString(" | " + c.f.name)
			for _, a := range c.args {
				b.WriteString(" " + showValue(a))
			}
		}
	}
	return b.String()
}

func showValue(v Value) string {
	if v.plain {
		return strconv.Quote(v.raw)
	}
	return v.kind.String() + " " + v.raw
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ src, want string }{
		// The examples of the grammar.
		{"Hello {{user.name}}", `"Hello " <user.name>`},
		{"{{ order.items.0.name }}!", `<order.items.0.name> "!"`},
		{"{{items.#}} items", `<items.#> " items"`},
		{"{{#.name}}", `<#.name>`},
		{`{{users.#(name=="a }} b").id}}`, `<users.#(name=="a }} b").id>`},
		{`{{a.#(x=="\"}}")}}`, `<a.#(x=="\"}}")>`},
		{"{{tags|@reverse|0}}", `<tags|@reverse|0>`},
		{`{{a.#.b|@flatten | join(", ")}}`, `<a.#.b|@flatten> | join ", "`},
		{"{{a |upper}}", `<a> | upper`},
		{"{{user.nick ?? user.name ?? 'friend' | upper}}", `<user.nick> ?? <user.name> ?? "friend" | upper`},
		{`{{x??"d"}}`, `<x> ?? "d"`},
		{"{{x ?? -1.5}}", `<x> ?? number -1.5`},
		{"{{ {name.first,age} }}", `<{name.first,age}>`},
		{`{"n":{{n}}}`, `"{\"n\":" <n> "}"`},
		{`{{"{{"}} literal }}`, `"{{ literal }}"`},
		{`{{a.@join:{"preserve":true}}}`, `<a.@join:{"preserve":true}>`},
		{"{{-1}}", `<-1>`},
		{"x {{- a -}} y", `"x" <a> "y"`},
		{`{{x | date("2006-01-02", "UTC")}}`, `<x> | date "2006-01-02" "UTC"`},

		{"", ""},
		{"no }} tag", `"no }} tag"`},
		{`C:\{{a}}`, `"C:\\" <a>`},
		{"{{x ?? true ?? null}}{{true}}{{1}}", `<x> ?? bool true ?? null null <true> <1>`},
		{"{{x ?? truest ?? 1a ?? 01 ?? -}}", `<x> ?? <truest> ?? <1a> ?? <01> ?? <->`},
		{"{{x??1??'a'}}", `<x> ?? number 1 ?? "a"`},
		{"{{'x' | upper}}", `"x" | upper`},
		{`{{'it\'s "\u00e9\ud83d\ude00\ud800\n'}}`, strconv.Quote("it's \"é😀\ufffd\n")},
		{`{{"it's \"'"}}`, strconv.Quote(`it's "'`)},
		{"{{'}}'}}", `"}}"`},
		{"a {{/* comment }} */}} b", `"a  b"`},
		{"a {{- /* c */ -}} b", `"ab"`},
		{"a\n{{- a}}\n{{b -}}\n {{- c}}", `"a" <a> "\n" <b> <c>`},
		{"{{' '}}{{- a}}", `" " <a>`},
		{"{{-}}{{a-}}", `<-> <a->`},
		{"{{\n\ta\n|upper\n}}", `<a> | upper`},
		{"{{a | upper|len | first()}}", `<a> | upper | len | first`},
		{`{{a | truncate( 10 , '…' )}}{{a | truncate(1e2)}}`, `<a> | truncate number 10 "…" <a> | truncate number 1e2`},
		{"{{a | default(null)}}{{a | default(-1.5)}}{{a|upper.x}}", `<a> | default null null <a> | default number -1.5 <a|upper.x>`},
		{"{{a|upperx}}{{a.upper}}{{a|0}}{{upper}}", `<a|upperx> <a.upper> <a|0> <upper>`},
		{`{{@type}}{{\@pretty}}{{\#if}}{{\/a}}{{##}}{{#1}}`, `<@type> <\@pretty> <\#if> <\/a> <##> <#1>`},
		{`{{f(a b).x}}{{it's}}{{a("x \" )")}}{{a<b>%!=}}`, `<f(a b).x> <it's> <a("x \" )")> <a<b>%!=>`},
		{`{{first\ name}}{{a\}}}`, `<first\ name> <a\}>`},
		{"{{a.{\"k\":b,c}}}{{[a,b.0,!true,!\"x\"]}}", `<a.{"k":b,c}> <[a,b.0,!true,!"x"]>`},
		{`{{ {a:b:c} }}{{a:b}}{{a.#(b:c=="x")}}`, `<{a:b:c}> <a:b> <a.#(b:c=="x")>`},
		{"{{..#.a}}{{..0}}", `<..#.a> <..0>`},
	} {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			nodes, err := parse(tt.src, testConfig())
			require.Nil(t, err)
			assert.Equal(t, tt.want, show(nodes))
			for _, n := range nodes {
				if n.tag != nil {
					assert.Equal(t, n.tag.src, tt.src[n.tag.at:n.tag.at+len(n.tag.src)])
					assert.True(t, strings.HasPrefix(n.tag.src, "{{") && strings.HasSuffix(n.tag.src, "}}"))
				}
			}
		})
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 513)
	for _, tt := range []struct {
		src    string
		offset int
		msg    string
		hint   string // a part of it
	}{
		// The examples of the grammar.
		{"{{a|b|upper}}", 5, "ambiguous '|upper'", "write ' | upper' for the filter, '.upper' for the key"},
		{"{{a| upper}}", 4, "empty path component", "a filter needs a space before its '|'"},
		{"{{{name}}}", 0, "'{{{' is reserved", "{{ {a,b} }}"},
		{"{{first name}}", 8, `unexpected 'n' after path "first"`, `a key with a space is written first\ name`},
		{"Hi {{user.name", 3, "unclosed tag", ""},
		{`{{items.#(x=="y"}}`, 16, "'}' does not match '(' at 1:10", ""},
		{"{{a..b}}", 4, "empty path component", `\.`},
		{`{{x | join(", "}}`, 15, "unexpected '}' where ',' or ')' is expected", ""},
		{"{{!c}}", 2, "'!' is reserved at the start of a tag", "{{/* ... */}}"},
		{"{{>p}}", 2, "'>' is reserved", "partials"},
		{"{{#if x}}", 2, "blocks are reserved", `\#`},
		{"{{@pretty}}", 2, "modifier @pretty is not allowed", "WithModifiers"},

		// Reserved forms.
		{"{{/if}}", 2, "'/' is reserved", `\/`},
		{"{{- /if}}", 4, "'/' is reserved", `\/`},
		{"{{&x}}", 2, "'&' is reserved", "raw"},
		{"{{^x}}", 2, "'^' is reserved", `\^`},
		{"{{=<% %>=}}", 2, "'=' is reserved", "WithDelims"},
		{"{{#_x}}", 2, "blocks are reserved", ""},

		// Tags.
		{"{{", 0, "unclosed tag", ""},
		{"{{ ", 0, "unclosed tag", ""},
		{"{{a", 0, "unclosed tag", ""},
		{"{{a.", 0, "unclosed tag", ""},
		{"{{a |", 0, "unclosed tag", ""},
		{"{{a ??", 0, "unclosed tag", ""},
		{`{{a\`, 0, "unclosed tag", ""},
		{"{{'a}}", 0, "unclosed tag", "a string is not closed"},
		{`{{'a\`, 0, "unclosed tag", "a string is not closed"},
		{"{{/* a }}", 0, "unclosed tag", "*/"},
		{"{{a.#(b", 0, "unclosed tag", "'(' is not closed"},
		{"{{a.#(b==\"x)}}", 0, "unclosed tag", "a string is not closed"},
		{"{{a.{b,", 0, "unclosed tag", "'{' is not closed"},
		{"{{a(b", 0, "unclosed tag", "'(' is not closed"},
		{"{{a | join(", 0, "unclosed tag", "')' is missing"},
		{"{{a | join('x'", 0, "unclosed tag", "')' is missing"},
		{"{{}}", 2, "unexpected '}' where a path is expected", ""},
		{"{{ }}", 3, "unexpected '}' where a path is expected", ""},
		{"{{- }}", 4, "unexpected '}' where a path is expected", ""},
		{"{{/* a */ b}}", 10, "unexpected 'b' after a comment", ""},
		{"{{'a'-}}", 5, "unexpected '-' after a string", ""},
		{"{{'a' b}}", 6, "unexpected 'b' after a string", ""},
		{"{{a ?? }}", 7, "unexpected '}' where a path is expected", ""},
		{"{{a ?? ?? b}}", 7, "unexpected '?' where a path is expected", ""},
		{"{{a ?? 'x' 1}}", 11, "unexpected '1' after a string", ""},
		{"{{a ?? 1 b}}", 9, "unexpected 'b' after a literal", ""},
		{`{{'\q'}}`, 3, "unknown escape", `\\`},
		{`{{'\u12'}}`, 3, `malformed \u escape`, "four"},
		{"ok {{a}} é\n x {{b c}}", 19, `unexpected 'c' after path "b"`, `b\ c`},
		{"{{a \xff}}", 4, "unexpected '\ufffd'", ""},
		{"{{a é}}", 4, "unexpected 'é'", `a\ é`},
		{"{{a = b}}", 4, "unexpected '='", ""},

		// Filters.
		{"{{a | nope}}", 6, `unknown filter "nope"`, ""},
		{"{{a | Upper}}", 6, `unknown filter "Upper"`, "upper"},
		{"{{a | uppercase}}", 6, `unknown filter "uppercase"`, "the name here is upper"},
		{"{{a | upper x}}", 12, "unexpected 'x' after filter upper", ""},
		{"{{a | upper ?? 'x'}}", 12, "unexpected '?' after filter upper", "filters stand behind the last ??"},
		{"{{a | default: 'x'}}", 13, "unexpected ':' after filter default", "parentheses"},
		{"{{a | upper: 1}}", 11, "unexpected ':' after filter upper", "parentheses"},
		{"{{a || b}}", 5, "unexpected '|' where the name of a filter is expected", "a ?? b"},
		{"{{a | @reverse}}", 6, "unexpected '@' where the name of a filter is expected", "a|@reverse"},
		{"{{a | }}", 6, "unexpected '}' where the name of a filter is expected", ""},
		{"{{a | join}}", 6, "filter join takes 1 argument, not 0", ""},
		{"{{a | upper(1)}}", 6, "filter upper takes no arguments, not 1", ""},
		{"{{a | truncate(1, 2)}}", 18, "argument 2 of filter truncate must be a string, not a number", ""},
		{"{{a | truncate('1')}}", 15, "argument 1 of filter truncate must be a number, not a string", ""},
		{"{{a | join(b)}}", 11, `unexpected "b" where a literal is expected`, "quotes"},
		{"{{a | join(,)}}", 11, "unexpected ',' where a literal is expected", ""},
		{"{{a | join('x',)}}", 15, "unexpected ')' where a literal is expected", ""},
		{"{{a | join(01)}}", 11, `unexpected "01" where a literal is expected`, ""},
		{"{{a" + strings.Repeat(" | upper", 9) + "}}", 70, "more than 8 filters in one tag", ""},
		{"{{a|upper|first}}", 9, "ambiguous '|first'", ""},
		{"{{a|upper | first}}", 3, "ambiguous '|upper'", ""},
		{"{{a|truncate(10, '...')}}", 3, "ambiguous '|truncate'", ""},
		{"{{a|upper??b}}", 3, "ambiguous '|upper'", ""},

		// Components.
		{"{{a.}}", 4, "empty path component", ""},
		{"{{a|}}", 4, "empty path component", "space"},
		{"{{.a}}", 2, "empty path component", "without a dot"},
		{"{{..}}", 2, "empty path component", ""},
		{"{{...a}}", 4, "empty path component", ""},
		{"{{..@reverse}}", 4, "directly behind '..'", ""},
		{"{{..{a}}}", 4, "directly behind '..'", ""},
		{`{{a"b"}}`, 3, `unexpected '"'`, `\"`},
		{"{{a)}}", 3, "unexpected ')'", `\)`},
		{"{{a}b}}", 3, "unexpected '}'", `\}`},
		{"{{a(b]}}", 5, "']' does not match '(' at 1:4", ""},
		{"{{a(b.c)}}", 5, "unexpected '.' in the brackets of a key", `\.`},
		{"{{a[0].b}}", 3, "unexpected '['", "an item is written .0"},
		{"{{a.!true}}", 4, "a literal is a whole member of a multipath", `\!`},
		{`{{a\**}}`, 2, "a wildcard and an escaped", ""},
		{"{{*a*a*}}", 6, "too many wildcards", ""},
		{"{{a?b?c?d?e?f?g?h?i?}}", 19, "too many wildcards", ""},

		// Modifiers.
		{"{{a.@dig:x}}", 4, "modifier @dig is not allowed", ""},
		{"{{a|@group}}", 4, "modifier @group is not allowed", ""},
		{"{{a.#(b.@pretty==1)}}", 8, "modifier @pretty is not allowed", ""},
		{"{{[a,@pretty]}}", 5, "modifier @pretty is not allowed", ""},
		{"{{@type:x}}", 2, "unknown modifier @type", `\@type`},
		{`{{#(k=="x.@pretty|y")}}`, 10, "'.@' in a text", `\u0040`},
		{`{{#(k=="x.[[0,0],[0,0]]")}}`, 10, "'.[' in a text", `\u005b`},
		{`{{#(k==x|@pretty)}}`, 9, "'|@' in a text", `\u0040`},
		{"{{@this|@this|@this|@this|@this}}", 26, "more than 4 modifiers", ""},
		{"{{a|@join:{x}}}", 10, "the argument of a modifier is not JSON", ""},
		{"{{a|@join:}}", 10, "empty argument of a modifier", ""},
		{"{{a|@join:[}}}", 11, "'}' does not match '['", ""},
		{`{{a|@join:{"a":1}x}}`, 17, "unexpected 'x' behind a modifier", ""},
		{`{{a|@flatten:{"deep":true}}}`, 4, "a deep @flatten is not allowed", "WithModifiers"},
		{"{{#.a.@fromstr.@valid}}", 15, "a modifier behind @fromstr", ""},
		{"{{[a.@fromstr|@keys]}}", 14, "a modifier behind @fromstr", ""},
		{"{{[@join:x]}}", 3, "a member that begins with the argument of a modifier", "@this|@join:"},

		// Queries.
		{"{{#()}}", 4, "empty query", ""},
		{"{{#(a==)}}", 7, "empty value", ""},
		{"{{#(a!1)}}", 5, "unknown operator", "=="},
		{`{{#(a=="\q")}}`, 7, "not a JSON string", ""},
		{`{{#(a=="x"y)}}`, 10, "unexpected 'y' behind a string", ""},
		{"{{#(a==f(x))}}", 8, "unexpected '(' in a value without quotes", "quotes"},
		{"{{#(a==1)b}}", 9, "unexpected 'b' behind a query", ""},
		{"{{#(a==1]}}", 8, "']' does not match '('", ""},
		{"{{#(a. b==1)}}", 6, "unexpected space", ""},
		{`{{#(%"a*").b}}`, 11, "a query without a path", ""},
		{`{{a.#.#(b=="x|y")}}`, 13, "'|' inside of brackets behind a '#'", `\u007c`},
		{"{{a.#.{b|c}}}", 8, "'|' inside of brackets behind a '#'", ""},
		{`{{#(k%"*a*a*")}}`, 11, "too many wildcards", ""},

		// Multipaths.
		{"{{ {} }}", 4, "empty path component", ""},
		{"{{[a,]}}", 5, "empty path component", ""},
		{"{{ {a, b} }}", 6, "unexpected space", ""},
		{"{{ {a.b:c} }}", 7, "unexpected ':'", ""},
		{`{{["k":a]}}`, 3, "a name in an array", ""},
		{`{{ {"k"a} }}`, 4, `unexpected '"'`, ""},
		{`{{ {"\q":a} }}`, 4, "not a JSON string", ""},
		{"{{[[[a]]]}}", 4, "multipaths nested deeper than 2", ""},
		{"{{[a,a,a,a,a,a,a,a,a]}}", 19, "more than 8 members", ""},
		{"{{[a,a,a,a]|[0,0,0,0,0]}}", 21, "more than 8 members", ""},
		{`{{[!"a}b"]}}`, 3, "not a literal that gjson can read", ""},
		{`{{[!tru]}}`, 3, "not a literal that gjson can read", ""},
		{`{{[!nan]}}`, 3, "not a literal that gjson can read", ""},
		{`{{#.[!"` + long[:128] + `"]}}`, 5, "names and literals of multipaths", ""},

		// Limits.
		{"{{#" + strings.Repeat("(", 17) + "}}", 19, "brackets nested deeper than 16", ""},
		{"{{" + strings.Repeat("#(", 17) + "}}", 2 + 2*16, "brackets nested deeper than 16", ""},
		{"{{a.*" + long[:63] + "*}}", 4, "pattern with two '*' longer than 64 bytes", ""},
		{"{{[*" + long[:62] + "*,#(a%\"*" + long[:57] + "*\")]}}", 2 + 1 + 64 + 1, "pattern with two '*' longer than 64 bytes", ""},
		{"{{*a*a*a*a*a*a*a*a*a}}", 6, "too many wildcards", ""},
		{"{{a?.b?.c?.d?.e?.f?.g?.h?.i?}}", 27, "too many wildcards", ""},
		{"{{" + long + "}}", 2, "path longer than 512 bytes", ""},
	} {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			_, err := parse(tt.src, testConfig())
			require.NotNil(t, err)
			assert.Equal(t, tt.offset, err.Offset, err.Error())
			assert.Contains(t, err.Msg, tt.msg)
			assert.Contains(t, err.Hint, tt.hint)
			assert.Contains(t, err.Snippet, "^")
			assert.True(t, strings.HasPrefix(err.Error(), `template "slack": `))
		})
	}
}
