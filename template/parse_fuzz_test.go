package template

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

func FuzzParse(f *testing.F) {
	for _, src := range []string{
		"a {{b}} c", "{{a.b ?? 'c' | upper}}", "{{#(a==\"1\").b}}", "{{- a -}}", "{{/* */}}", "{{a|@reverse|0}}", `{{'\u00e9'}}`, "{{..#.a}}",
		"{{ {a,\"k\":b.[c,!1]} }}", "{{a | truncate(1, \"x\") | join('')}}", "{{a|@join:{\"preserve\":true}}}", "{{a(b [c]).x\\ y}}", "{{{a}}}", "{{a.#.#.0}}", "{{@type.#(@this%\"a*\")#|#}}",
	} {
		f.Add(src, false)
		f.Add(src, true)
	}
	f.Fuzz(func(t *testing.T, src string, lenient bool) {
		c := testConfig()
		c.lenient = lenient
		nodes, err := parse(src, c)
		if err != nil {
			require.True(t, err.Offset >= 0 && err.Offset <= len(src))
			assert.NotEmpty(t, err.Msg)
			assert.True(t, utf8.ValidString(err.Snippet))
			line, caret, _ := strings.Cut(err.Snippet, "\n")
			assert.LessOrEqual(t, utf8.RuneCountInString(caret), utf8.RuneCountInString(line)+1)
			assert.NotContains(t, err.Error(), "\n")
			return
		}
		end := 0
		var whole strings.Builder
		for i, n := range nodes {
			if n.tag == nil {
				assert.NotEmpty(t, n.text)
				assert.True(t, i == 0 || nodes[i-1].tag != nil, "two texts in a row")
				whole.WriteString(n.text)
				continue
			}
			require.GreaterOrEqual(t, n.tag.at, end)
			end = n.tag.at + len(n.tag.src)
			require.Equal(t, n.tag.src, src[n.tag.at:end])
			whole.WriteString(n.tag.src)
			alone, err := parse(n.tag.src, testConfig())
			require.Nil(t, err)
			require.Equal(t, show([]node{n}), show(alone), "a tag means the same wherever it stands")
			for _, op := range n.tag.operands {
				if op.path != nil {
					checkPath(t, op.path)
				}
			}
		}
		if !strings.ContainsAny(src, "-*'\"") { // no trimming, comments and strings
			assert.Equal(t, src, whole.String())
		}
	})
}

// checkPath checks what holds for every path.
func checkPath(t *testing.T, p *path) {
	t.Helper()
	require.NotEmpty(t, p.parts)
	require.True(t, slices.IsSorted(p.parts))
	require.Equal(t, len(p.text), p.parts[len(p.parts)-1])
	require.LessOrEqual(t, len(p.prefix), len(p.parts))
	for _, s := range p.stages {
		require.NotEmpty(t, s)
	}
	joined := strings.ReplaceAll(strings.Join(p.stages, "."), "|", ".")
	require.Equal(t, strings.ReplaceAll(p.rest, "|", "."), joined)
	require.False(t, p.length && p.rest != "")
	for _, data := range []string{pathSample, `[["[1]"],5]`, `"[1,{"`, "null"} {
		if got, ok := lookup(p, data); ok {
			require.True(t, gjson.Valid(got), "%s over %s: %s", p.text, data, got)
			require.Equal(t, strings.Trim(got, spaces), got)
		}
	}
}

// sensible reports whether gjson gives the right answer for a path over data,
// in so far as it depends on the data.
func sensible(data gjson.Result) bool {
	ok := true
	seen := map[string]bool{}
	data.ForEach(func(k, v gjson.Result) bool {
		if k.Exists() {
			ok = ok && !seen[k.Str] && k.Str != "#"
			seen[k.Str] = true
		}
		ok = ok && (v.Type != gjson.String || !strings.ContainsAny(v.Str, "[{")) && (v.Type != gjson.JSON || sensible(v))
		return ok
	})
	return ok
}

func FuzzPathAgreesWithGJSON(f *testing.F) {
	for _, text := range []string{
		"a.b", "a|0", "a.0.b", `a\.b`, "a.#", "#.a", "#.0", "a.#.#", `#(a=="x").b`, "#(a>1)#.b", "#(a.#(b==1))", "a*.b", "*.#.a", "?.*", "a.#(a%\"x*\")#|0", "@this.a", "a|@reverse|0",
		"a.@values.0", "a.#.@keys", "{a,\"k\":b}", "[a,b.#]", "a.{b}.b", "a.#.a|@flatten|#", "@join.a", "a|@tostr", "\\@a", "@a", "0", "00", "\\0.a", "a.@ugly", "a#.b", "#a", "a(b c)", "#[a=1]",
	} {
		for _, data := range []string{
			`{"a":{"b":1,"0":2},"a.b":[1,{"a":"x","b":1.10}],"@a":null," ":{}}`, `[{"a":"x","b":[1,2]},{"a":2},[{"a":1}],5,"y",null]`,
			`{ "a" : [ {"a":[{"b":1}]} , {"a":"x"} ], "b":true , "0":{"a":[0]} } `, `"x"`, `{"\u0061":{"b\"":1},"a(b c)":2}`, `[[[1,2],[3]],[]]`,
		} {
			f.Add(text, data)
		}
	}
	f.Fuzz(agree)
}

// agree compares a path over data with what gjson finds.
func agree(t *testing.T, text, data string) {
	t.Helper()
	data = strings.Trim(data, spaces) // a subtree has no space around it
	if !utf8.ValidString(data) || !sound(data, 100) {
		return
	}
	nodes, err := parse("{{ "+text+" }}", testConfig())
	if err != nil || len(nodes) != 1 || nodes[0].tag == nil || len(nodes[0].tag.operands) != 1 || len(nodes[0].tag.filters) > 0 || nodes[0].tag.operands[0].path == nil {
		return
	}
	p := nodes[0].tag.operands[0].path
	if p.lines {
		return // not one JSON value
	}
	got, ok := lookup(p, data)
	if ok {
		require.True(t, gjson.Valid(got), got)
	}
	root := gjson.Parse(data)
	want := gjson.Get(data, p.text)
	switch {
	case root.Type == gjson.String || !sensible(root): // gjson reads strings, second names and the key # of objects
	case strings.Contains(p.text, "str"): // @fromstr makes what is no JSON, @tostr strings with brackets
	case strings.Contains(p.text, "|") && strings.ContainsAny(p.text, "#"): // gjson forgets some pipes
	case strings.Contains(p.text, "#.{") || strings.Contains(p.text, "#.["), !ok && strings.ContainsAny(p.text, "{["): // multipaths of scalars
	case !ok && strings.Contains(p.text, "@"): // @keys of a missing value
	default:
		require.Equal(t, want.Exists(), ok, "%s: %s", p.text, want.Raw)
		require.Equal(t, strings.Trim(want.Raw, spaces), got, p.text)
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"a", "a.b", "@pretty", "{{", "\\", "\x00", "é", "- ", "true", "01", "\xff", "#", "!x", "first name\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > 200 {
			return
		}
		nodes, err := parse("{{"+Key(name)+"}}{{x."+Key(name)+"."+Key(name)+" | upper}}", testConfig())
		require.Nil(t, err)
		require.Len(t, nodes, 2)
		p := nodes[0].tag.operands[0].path
		require.Len(t, p.prefix, 1)
		assert.Equal(t, name, p.prefix[0].key)
		assert.Empty(t, p.rest)
		assert.False(t, p.length)
		second := nodes[1].tag.operands[0].path.prefix
		require.Len(t, second, 3)
		assert.Equal(t, []step{{"x", -1}, p.prefix[0], p.prefix[0]}, second)
		if !utf8.ValidString(name) {
			return // JSON has no such name
		}
		data, jsonErr := json.Marshal(map[string]string{name: "right"})
		require.NoError(t, jsonErr)
		assert.Equal(t, `"right"`, gjson.Get(string(data), p.text).Raw)
		got, _ := lookup(p, string(data))
		assert.Equal(t, `"right"`, got)
	})
}
