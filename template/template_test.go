package template_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/template"
)

const order = `{"user":{"name":"Alex","nick":null,"first name":"A","a.b":"dot","admin":false,"age":0},
	"order":{"id":"12345","total":1.10,"items":[{"name":"Tea","qty":2},{"name":"Cup","qty":1}]},
	"big":12345678901234567890,"exp":1e3,"tags":["x","y","z"],"empty":[],"evil":"{{user.name}}","html":"<b>&",
	"esc":"a\"b\\c\u00e9\n","@type":"T","dup":1,"dup":2,"obj":{ "k" : 1 }}`

func TestRender(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		{"", ""},
		{"no tags }} here", "no tags }} here"},
		{"Hello {{user.name}}", "Hello Alex"},
		{"{{ order.items.0.name }}!", "Tea!"},
		{"{{order.items.#}} items", "2 items"},
		{"{{order.items.#.name}}", `["Tea","Cup"]`},
		{`{{order.items.#(name=="Cup").qty}}`, "1"},
		{`{{order.items.#(name=="a }} b").qty ?? 'none'}}`, "none"},
		{`{{order.items.#(name=="\"}}").qty ?? 'none'}}`, "none"},
		{"{{user.nick ?? user.name ?? 'friend'}}", "Alex"},
		{`{{nope??"d"}}`, "d"},
		{"{{nope ?? -1.5}}", "-1.5"},
		{"{{nope ?? true}}", "true"},
		{"{{user.admin ?? 'x'}}", "false"},
		{"{{user.age ?? 'x'}}", "0"},
		{"{{user.nick}}", ""},
		{"{{user.nick ?? nope}}", ""},
		{`{"n":{{user.age}}}`, `{"n":0}`},
		{`{{"{{"}} literal }}`, "{{ literal }}"},
		{"{{'{{'}}user.name}}", "{{user.name}}"},
		{`{{'it\'s \u00e9\ud83d\ude00'}}`, "it's é😀"},
		{"{{tags|0}}{{order.items.#.name|1}}{{order|id}}", "xCup12345"},
		{`{{user\.name ?? "no"}}`, "no"},
		{`{{user.first\ name}}`, "A"},
		{`{{user.a\.b}}`, "dot"},
		{"{{@type}}", "T"},
		{`{{\@type}}`, "T"},
		{"a  {{- user.name -}}  b", "aAlexb"},
		{"a {{- /* comment }} */ -}} b", "ab"},
		{"{{/* comment */}}x", "x"},
		{"{{order.total}} {{big}} {{exp}}", "1.10 12345678901234567890 1e3"},
		{"{{evil}}", "{{user.name}}"},
		{"{{html}}", "<b>&"},
		{"{{esc}}", "a\"b\\cé\n"},
		{"{{dup}}", "1"},
		{"{{obj}}", `{ "k" : 1 }`},
		{"{{user.n*}}", "Alex"},
		{`C:\{{user.name}}`, `C:\Alex`},
		{"{{empty.#}}", "0"},
		{"{{\n\tuser.name\n}}", "Alex"},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			tmpl, err := template.Compile(tt.src)
			require.NoError(t, err)
			got, err := tmpl.Render([]byte(order))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			require.NotErrorIs(t, tmpl.Validate([]byte(order)), template.ErrMissing)
			assert.Equal(t, tt.src, tmpl.Source())
		})
	}
}

func TestSyntaxErrorReads(t *testing.T) {
	t.Parallel()
	_, err := template.Compile("Dear\n  {{first name}}!", template.WithName("slack"))
	syntax, ok := errors.AsType[*template.SyntaxError](err)
	require.True(t, ok)
	assert.Equal(t, `template "slack": 2:11: unexpected 'n' after path "first"; a key with a space is written first\ name`, err.Error())
	assert.Equal(t, "  {{first name}}!\n          ^", syntax.Snippet)
}

func TestEveryMissingPathIsListed(t *testing.T) {
	t.Parallel()
	tmpl := template.MustCompile("{{user.nmae}} {{user.name}}\n{{ order.items.7.name }} {{a ?? b}} {{zip ?? ''}} {{usr.name}}", template.WithName("mail"))
	for name, err := range map[string]error{
		"Validate": tmpl.Validate([]byte(order)),
		"Append":   func() error { _, err := tmpl.Append(nil, []byte(order)); return err }(),
	} {
		v, ok := errors.AsType[*template.ValidationError](err)
		require.True(t, ok, name)
		assert.Equal(t, []template.Problem{
			{Use: template.Use{Pos: template.Pos{Offset: 0, Line: 1, Column: 1}}, Path: "user.nmae", Prefix: "user", Suggest: "user.name"},
			{Use: template.Use{Pos: template.Pos{Offset: 28, Line: 2, Column: 1}}, Path: "order.items.7.name", Prefix: "order.items"},
			{Use: template.Use{Pos: template.Pos{Offset: 53, Line: 2, Column: 26}}, Path: "a", Suggest: v.Problems[2].Suggest},
			{Use: template.Use{Pos: template.Pos{Offset: 53, Line: 2, Column: 26}}, Path: "b"},
			{Use: template.Use{Pos: template.Pos{Offset: 78, Line: 2, Column: 51}}, Path: "usr.name", Suggest: "user"},
		}, v.Problems, name)
		assert.Contains(t, err.Error(), `template "mail": missing in the data: user.nmae (1:1, did you mean user.name?), order.items.7.name (2:1)`)
	}
}

func TestMissingPolicies(t *testing.T) {
	t.Parallel()
	for policy, want := range map[template.MissingPolicy][2]string{
		template.MissingEmpty: {"[]", `{"a":"","b":"x "}`},
		template.MissingKeep:  {"[{{ nope }}]", `{"a":"{{nope}}","b":"x {{nope}}"}`},
		template.MissingNull:  {"[null]", `{"a":null,"b":"x null"}`},
	} {
		tmpl := template.MustCompile("[{{ nope }}]", template.WithMissing(policy))
		got, err := tmpl.Render([]byte(`{}`))
		require.NoError(t, err)
		assert.Equal(t, want[0], got)
		doc, err := template.CompileJSON([]byte(`{"a":"{{nope}}","b":"x {{nope}}"}`), template.WithMissing(policy))
		require.NoError(t, err)
		out, err := doc.Append(nil, []byte(`{}`))
		require.NoError(t, err)
		assert.Equal(t, want[1], string(out))
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name, data string
		offset     int // -1: valid
	}{
		{"byte order mark", "\xef\xbb\xbf{\"a\":1}", -1},
		{"whitespace around", " {\"a\":1}\n", -1},
		{"deepest", `{"a":` + deep(511) + "}", -1},
		{"too deep", `{"a":` + deep(512) + "}", 5 + 511},
		{"12 million levels", strings.Repeat("[", 12<<20), 512},
		{"brackets in a string", `{"a":"` + strings.Repeat("[", 1000) + `"}`, -1},
		{"empty", "", 0},
		{"blank", " \n", 2},
		{"cut off", `{"a":1`, 6},
		{"wrong literal", `{"a":tru}`, 8},
		{"leading zero", `{"a":01}`, 6},
		{"garbage behind", `{"a":1}}}x`, 7},
		{"open string", `{"a":"x`, 7},
		{"invalid UTF-8", "{\"a\":\"é\xff\"}", 8},
		{"two values", `{"a":1} {"a":2}`, 8},
	}
	tmpl := template.MustCompile("{{a}}")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := tmpl.Append([]byte("kept"), []byte(tt.data))
			if tt.offset < 0 {
				require.NoError(t, err)
				return
			}
			d, ok := errors.AsType[*template.DataError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, tt.offset, d.Offset, d.Error())
			assert.Equal(t, "kept", string(out))
		})
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	tmpl := template.MustCompile("{{..#}} {{..1.a}}")
	got, err := tmpl.Render([]byte("{\"a\":1}\n{\"a\":2}\n"))
	require.NoError(t, err)
	assert.Equal(t, "2 2", got)
	_, err = tmpl.Render([]byte("{\"a\":1}\n{\"a\":}\n"))
	d, ok := errors.AsType[*template.DataError](err)
	require.True(t, ok)
	assert.Equal(t, 13, d.Offset)
}

func TestOutputLimit(t *testing.T) {
	t.Parallel()
	limits := template.WithLimits(template.Limits{MaxOutput: 8})
	data := []byte(`{"a":"1234"}`)
	got, err := template.MustCompile("{{a}}{{a}}", limits).Render(data)
	require.NoError(t, err)
	assert.Equal(t, "12341234", got)
	_, err = template.MustCompile("{{a}}{{a}}!", limits).Render(data)
	require.ErrorIs(t, err, template.ErrOutputTooLarge)
	doc, err := template.CompileJSON([]byte(`["{{a}}","{{a}}"]`), limits)
	require.NoError(t, err)
	_, err = doc.Append(nil, data)
	require.ErrorIs(t, err, template.ErrOutputTooLarge)
	_, err = template.Compile("x", template.WithLimits(template.Limits{MaxOutput: -1}))
	require.Error(t, err)
	_, err = template.Compile("too long", template.WithLimits(template.Limits{MaxSource: 7}))
	require.Error(t, err)
	tags := template.WithLimits(template.Limits{MaxTags: 2})
	for _, src := range []string{"{{a}}{{a}}", "x{{a}}x{{a}}x"} {
		_, err = template.Compile(src, tags)
		require.NoError(t, err)
		_, err = template.Compile(src+"{{a}}", tags)
		require.ErrorContains(t, err, "more than 2 tags")
	}
	_, err = template.CompileJSON([]byte(`["{{a}}","x{{a}}"]`), tags)
	require.NoError(t, err)
	_, err = template.CompileJSON([]byte(`["{{a}}","x{{a}}","{{a}}"]`), tags)
	require.ErrorContains(t, err, "more than 2 tags")
}

func TestExecuteWritesNothingOnError(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	tmpl := template.MustCompile("text {{nope}}")
	require.Error(t, tmpl.Execute(&buf, []byte(`{}`)))
	assert.Zero(t, buf.Len())
	require.NoError(t, tmpl.Execute(&buf, []byte(`{"nope":"x"}`)))
	assert.Equal(t, "text x", buf.String())
}

func TestDocument(t *testing.T) {
	t.Parallel()
	doc, err := template.CompileJSON([]byte(` { "text" : "Hello {{user.name}}\n", "{{key}}":"{{order.total}}", "n":1.50, "items":"{{order.items}}",
		"admin":["{{user.admin}}","{{user.nick}}","plain \u00e9",{"big":"{{ big }}","q":"<{{esc}}>","c":"{{/* c */}}x"}] } `))
	require.NoError(t, err)
	out, err := doc.Append([]byte("dst "), []byte(order))
	require.NoError(t, err)
	assert.Equal(t, `dst  { "text" : "Hello Alex\n", "{{key}}":1.10, "n":1.50, "items":[{"name":"Tea","qty":2},{"name":"Cup","qty":1}],
		"admin":[false,null,"plain \u00e9",{"big":12345678901234567890,"q":"<a\"b\\c\u00e9\n>","c":"x"}] } `, string(out))
	assert.True(t, json.Valid(out[4:]))
	require.ErrorContains(t, doc.Validate([]byte(order)), "template: null: user.nick (/admin/1 1:1)")
	var buf bytes.Buffer
	require.NoError(t, doc.Execute(&buf, []byte(order)))
	assert.Equal(t, string(out[4:]), buf.String())

	paths := doc.Paths()
	require.Len(t, paths, 7)
	assert.Equal(t, template.PathRef{Path: "big", Uses: []template.Use{{Pos: template.Pos{Offset: 0, Line: 1, Column: 1}, Pointer: "/admin/3/big"}}}, paths[5])

	_, err = doc.Append(nil, []byte(`{"user":{"name":"x","admin":1,"nick":1},"order":{"total":1}}`))
	v, ok := errors.AsType[*template.ValidationError](err)
	require.True(t, ok)
	var at []string
	for _, p := range v.Problems {
		at = append(at, p.Pointer)
	}
	assert.Equal(t, []string{"/items", "/admin/3/big", "/admin/3/q"}, at)
}

func TestValuesCannotLeaveTheirString(t *testing.T) {
	t.Parallel()
	doc, err := template.CompileJSON([]byte(`{"text":"x {{v}}","typed":"{{v}}"}`))
	require.NoError(t, err)
	for _, v := range []string{`x","admin":true,"y":"`, `\`, `{{v}}`, "\x00\x1f\u2028", "\xff", `</script>`} {
		data, err := json.Marshal(map[string]string{"v": v})
		require.NoError(t, err)
		out, err := doc.Append(nil, data)
		require.NoError(t, err)
		var got map[string]string
		require.NoError(t, json.Unmarshal(out, &got), string(out))
		want := strings.ToValidUTF8(v, "\ufffd")
		assert.Equal(t, map[string]string{"text": "x " + want, "typed": want}, got)
	}
}

// gjson looks inside strings in some places; what it finds there is no value.
func TestDocumentStaysJSONWhateverTheStringsHold(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]string{{"a|0", `{"a":"[{x"}`}, {"n.#.0", `{"n":["[tru"]}`}, {"0", `"[nope"`}, {"a|b", `{"a":"{\"b\":{x"}`}} {
		doc, err := template.CompileJSON([]byte(`{"v":"{{`+tt[0]+`}}"}`), template.WithMissing(template.MissingNull))
		require.NoError(t, err)
		out, err := doc.Append(nil, []byte(tt[1]))
		require.NoError(t, err)
		assert.True(t, json.Valid(out), "%s over %s: %s", tt[0], tt[1], out)
	}
	for _, tt := range [][2]string{{"a|0", `{"a":"[1]"}`}, {"0", `"[1]"`}, {"a|b", `{"a":"{\"b\":1}"}`}} {
		got, err := template.MustCompile("{{" + tt[0] + " ?? 'none'}}").Render([]byte(tt[1]))
		require.NoError(t, err)
		assert.Equal(t, "none", got, "the text of a string has no items")
	}
}

func TestDocumentErrors(t *testing.T) {
	t.Parallel()
	_, err := template.CompileJSON([]byte(`{"a/b":["x","{{bad"]}`))
	syntax, ok := errors.AsType[*template.SyntaxError](err)
	require.True(t, ok)
	assert.Equal(t, "/a~1b/1", syntax.Pointer)
	_, err = template.CompileJSON([]byte(`{"a":`))
	_, ok = errors.AsType[*template.DataError](err)
	assert.True(t, ok)
	for _, scalar := range []string{`"{{a}}"`, `1`, `null`, `""`, `[]`, `{}`} {
		_, err = template.CompileJSON([]byte(scalar))
		assert.NoError(t, err, scalar)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	refs := template.MustCompile("{{a}} {{b ?? ''}} {{a ?? 'x'}} {{c ?? d}}").Paths()
	var got []string
	for _, r := range refs {
		s := r.Path
		if r.Optional {
			s += "?"
		}
		got = append(got, s)
	}
	assert.Equal(t, []string{"a", "b?", "c", "d"}, got)
	assert.Len(t, refs[0].Uses, 2)
	assert.Equal(t, template.Pos{Offset: 18, Line: 1, Column: 19}, refs[0].Uses[1].Pos)
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"a", "first name", "a.b", "a|b", `"`, `\`, "{", "}}", "@pretty", "@type", "#", "#x", "!x", "*", "?", "??", "0", "-", "- ", "é", "日本", "/*", "..", "true", "\n", "it's", "%", "a:b", "[", "("} {
		data, err := json.Marshal(map[string]any{key: "right", "x": map[string]string{key: "nested"}})
		require.NoError(t, err)
		got, err := template.MustCompile("{{" + template.Key(key) + "}} {{x." + template.Key(key) + "}}").Render(data)
		require.NoError(t, err, key)
		if key == "x" {
			continue
		}
		assert.Equal(t, "right nested", got, "%q as %q", key, template.Key(key))
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	e := template.NewEngine()
	tmpl := template.MustCompile("{{user.name}} {{order.items.#}}")
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			var dst []byte
			for i := range 100 {
				out, err := tmpl.Append(dst[:0], []byte(order))
				if !assert.NoError(t, err) { //nolint:testifylint // not the test's goroutine
					return
				}
				assert.Equal(t, "Alex 2", string(out))
				dst = out
				src := strings.Repeat("x", (g*100+i)%600) + "{{user.name}}"
				assert.Equal(t, strings.TrimSuffix(src, "{{user.name}}")+"Alex", e.Render(src, order))
			}
		})
	}
	wg.Wait()
}

func TestAppendAllocatesNothing(t *testing.T) { //nolint:paralleltest // counts allocations of the process
	data, dst := []byte(order), make([]byte, 0, 1024)
	for _, src := range []string{
		"no tags",
		"Hello {{user.name}}, order {{order.id}} of {{order.items.0.qty}}",
		"{{order.items.#}} {{order.items}} {{esc}} {{nope ?? 'x'}} {{user.nick ?? user.name}}",
		"{{user.n*}} {{us?r.name}}",
		`{{order.items.#(name=="Cup").qty}}`,
		"{{user.name | upper}} {{order.items | len}}",
	} {
		tmpl := template.MustCompile(src)
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := tmpl.Append(dst, data); err != nil {
				t.Error(err)
			}
		})
		assert.Zero(t, allocs, src)
	}
	doc, err := template.CompileJSON([]byte(`{"a":"{{user.name}}","b":["{{order.items}}","x {{user.age}} {{esc}}"],"c":"{{order.total}}"}`))
	require.NoError(t, err)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := doc.Append(dst, data); err != nil {
			t.Error(err)
		}
	})
	assert.Zero(t, allocs, "a document")
}
