package template_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/template"
)

func render(t *testing.T, src, data string, opts ...template.Option) string {
	t.Helper()
	tmpl, err := template.Compile(src, opts...)
	require.NoError(t, err, src)
	out, err := tmpl.Render([]byte(data))
	require.NoError(t, err, src)
	return out
}

// same compares bytes: also the space and the escapes matter.
func same(t *testing.T, want, got string, hint ...any) {
	t.Helper()
	if want != got {
		assert.Fail(t, "want "+want+"\ngot  "+got, hint...)
	}
}

func document(t *testing.T, src, data string, opts ...template.Option) string {
	t.Helper()
	doc, err := template.CompileJSON([]byte(src), opts...)
	require.NoError(t, err, src)
	out, err := doc.Append(nil, []byte(data))
	require.NoError(t, err, src)
	require.True(t, json.Valid(out), "%s: %s", src, out)
	return string(out)
}

// Filters in templates, beside each other and with what they feed on.
func TestFiltersInTemplates(t *testing.T) {
	t.Parallel()
	const data = `{"name":"alex kim","tags":["a","b","c"],"n":12345678901234567890,"price":1.10,"nul":null,"empty":"","zero":0,"no":false,"when":"2026-11-25T10:00:00Z","many":[1,2,3,4]}`
	for src, want := range map[string]string{
		"{{name | title}} {{name | upper}}":                                     "Alex Kim ALEX KIM",
		`{{tags | join(", ")}}/{{tags | join('-')}}/{{tags | len}}`:             "a, b, c/a-b-c/3",
		"{{tags | first}}{{tags | last | upper}}":                               "aC",
		"{{many.#}} {{tags.#}} {{many.#}}":                                      "4 3 4",
		"{{n}} {{n | string}} {{price}} {{price | json}}":                       "12345678901234567890 12345678901234567890 1.10 1.10",
		"{{empty | default('x')}}{{zero | default(7)}}{{no | default(true)}}":   "x0false",
		"{{nope | default('d')}}{{nope ?? nul ?? 'e'}}{{nul | default('f')}}":   "def",
		`{{when | date("2 Jan 15:04", "America/New_York")}}`:                    "25 Nov 05:00",
		`{{name | replace("alex", "{{name}}")}}`:                                "{{name}} kim",
		"{{tags | json}}":                                                       `["a","b","c"]`,
		"{{tags|@reverse|0}}{{tags.@reverse | first}}":                          "cc",
		`{{many.#(>2)}}{{many.#(>2)#}}`:                                         "3[3,4]",
		"{{nul | upper}}":                                                       "",
		"{{[name,tags.0] | join('+')}}":                                         "alex kim+a",
		"{{name | truncate(4)}}|{{name | truncate(5, '..')}}|{{name | base64}}": "ale…|ale..|YWxleCBraW0=",
	} {
		assert.Equal(t, want, render(t, src, data), src)
	}
	tmpl := template.MustCompile("a\n {{ tags | upper }}")
	_, err := tmpl.Append(nil, []byte(data))
	failed, ok := errors.AsType[*template.FilterError](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, "template: 2:2: filter upper: want bool, number or string, have array", failed.Error())
}

// What a template escapes, and what it leaves alone.
func TestEscape(t *testing.T) {
	t.Parallel()
	const data = `{"x":"<a&b> @everyone","n":1.50,"o":{"k":"<"},"crlf":"a\r\nB: c"}`
	tests := []struct {
		escape    template.Escaper
		src, want string
	}{
		{nil, "<i>{{x}}</i>", "<i><a&b> @everyone</i>"},
		{template.HTML, "<i>{{x}}</i>", "<i>&lt;a&amp;b&gt; @everyone</i>"},
		{template.HTML, "{{x | raw}}|{{x | url}}|{{o}}", `<a&b> @everyone|%3Ca%26b%3E+%40everyone|{&#34;k&#34;:&#34;&lt;&#34;}`},
		{template.Slack, "{{x | upper}} {{n}}", "&lt;A&amp;B&gt; @EVERYONE 1.50"},
		{template.URLQuery, "https://example.com/?q={{x}}", "https://example.com/?q=%3Ca%26b%3E+%40everyone"},
		{template.JSON, `{"t":"{{x}}"}`, `{"t":"<a&b> @everyone"}`},
	}
	for _, tt := range tests {
		var opts []template.Option
		if tt.escape != nil {
			opts = append(opts, template.WithEscape(tt.escape))
		}
		assert.Equal(t, tt.want, render(t, tt.src, data, opts...), tt.src)
	}
	for _, filter := range []string{"html", "slack", "discord", "base64", "title"} {
		_, err := template.MustCompile("X: {{crlf | "+filter+"}}", template.WithEscape(template.Header)).Render([]byte(data))
		assert.Equal(t, filter != "base64", errors.Is(err, template.ErrUnsafe), "%s makes no header safe", filter)
	}
	assert.Equal(t, "&lt;a&amp;b&gt; @everyone", render(t, "{{x | slack}}", data, template.WithEscape(template.Slack)), "not twice")
	_, err := template.Compile("{{x | raw}}", template.WithoutFilters("raw", "base64"))
	require.ErrorContains(t, err, "raw")
	tmpl := template.MustCompile("X: {{crlf}}", template.WithEscape(template.Header))
	out, err := tmpl.Append([]byte("kept"), []byte(data))
	require.ErrorIs(t, err, template.ErrUnsafe)
	assert.Equal(t, "kept", string(out))
	assert.NotContains(t, err.Error(), "B:")
	same(t, `{"a":"&lt;a&amp;b&gt; @everyone","b":1.50,"c":"- &lt;a&amp;b&gt; @everyone"}`,
		document(t, `{"a":"{{x}}","b":"{{n}}","c":"- {{x}}"}`, data, template.WithEscape(template.HTML)))
}

func TestNumberModes(t *testing.T) {
	t.Parallel()
	const data = `{"a":1.10,"b":1e3,"c":12345678901234567890}`
	assert.Equal(t, "1.10 1e3 12345678901234567890", render(t, "{{a}} {{b}} {{c}}", data))
	assert.Equal(t, "1.1 1000 12345678901234567890", render(t, "{{a}} {{b}} {{c}}", data, template.WithNumbers(template.NumberGJSON)))
	same(t, `[1.10,"1.1 "]`, document(t, `["{{a}}","{{a}} "]`, data, template.WithNumbers(template.NumberGJSON)))
}

// Members and items whose value is missing are left out, wherever they stand.
func TestMissingOmit(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`{"a":"{{x}}","b":"{{nope}}","c":1}`:                 `{"a":"X","c":1}`,
		`{"a":"{{nope}}","b":2}`:                             `{"b":2}`,
		`{"a":1,"b":"{{nope}}"}`:                             `{"a":1}`,
		`{"a":"{{nope}}"}`:                                   `{}`,
		`["{{nope}}","{{x}}","{{nope}}",{"n":"{{nope}}"}]`:   `["X",{}]`,
		`{"text":"Hello {{nope}}!","n":"{{nul}}"}`:           `{"n":null}`,
		`{"e":"{{nope ?? ''}}","f":"{{nope | default(3)}}"}`: `{"e":"","f":3}`,
		`"{{nope}}"`: `null`,
		` { "a" : "{{nope}}" , "b" : [ 1 , "{{x}}" ] } `: ` { "b" : [ 1 , "X" ] } `,
	} {
		same(t, want, document(t, src, `{"x":"X","nul":null}`, template.WithMissing(template.MissingOmit)), src)
	}
	_, err := template.Compile("{{a}}", template.WithMissing(template.MissingOmit))
	require.ErrorContains(t, err, "MissingOmit")
}

// A string of the data goes into a document with the escapes that it has.
func TestDocumentKeepsEscapes(t *testing.T) {
	t.Parallel()
	const data = `{"s":"é\u00e9\/\"\\","in":"{{s}}\",\"admin\":\"y"}`
	same(t, `{"a":"é\u00e9\/\"\\","b":"[é\u00e9\/\"\\]","c":"{{s}}\",\"admin\":\"y"}`,
		document(t, `{"a":"{{s}}","b":"[{{s}}]","c":"{{in}}"}`, data))
	same(t, `{"u":"ÉÉ/\"\\"}`, document(t, `{"u":"{{s | upper}}"}`, data))
}

// Everything that is wrong, of each kind.
func TestValidateKinds(t *testing.T) {
	t.Parallel()
	const data = `{"user":{"name":"A","nick":null},"items":[{"n":1,"x":2},{"n":3}],"list":["a"]}`
	doc, err := template.CompileJSON([]byte(`{"a":"{{user.nmae}}","b":["{{user.nick}}"],"c":"{{items.#.x}} {{items.#.y}} {{items.#.n}}","d":"{{user | upper}}","e":"{{nope ?? 'x'}}"}`))
	require.NoError(t, err)
	err = doc.Validate([]byte(data))
	v, ok := errors.AsType[*template.ValidationError](err)
	require.True(t, ok)
	require.ErrorIs(t, err, template.ErrMissing)
	type brief struct {
		kind                  template.ProblemKind
		path, pointer, detail string
		suggest               string
	}
	var got []brief
	for _, p := range v.Problems {
		got = append(got, brief{p.Kind, p.Path, p.Pointer, p.Detail, p.Suggest})
	}
	assert.Equal(t, []brief{
		{template.ProblemMissing, "user.nmae", "/a", "", "user.name"},
		{template.ProblemNull, "user.nick", "/b/0", "", ""},
		{template.ProblemPartialProjection, "items.#.x", "/c", "1 of 2", ""},
		{template.ProblemEmptyProjection, "items.#.y", "/c", "0 of 2", ""},
		{template.ProblemType, "user", "/d", "filter upper: want bool, number or string, have object", ""},
	}, got)
	assert.Contains(t, err.Error(), `template: missing in the data: user.nmae (/a 1:1, did you mean user.name?); null: user.nick (/b/0 1:1)`)
	_, err = doc.Append(nil, []byte(data))
	v, ok = errors.AsType[*template.ValidationError](err)
	require.True(t, ok)
	assert.Len(t, v.Problems, 1, "a rendering fails for what is missing alone")
	assert.True(t, v.Fatal())
	v, ok = errors.AsType[*template.ValidationError](template.MustCompile("{{user.nick}}").Validate([]byte(data)))
	require.True(t, ok)
	assert.False(t, v.Fatal(), "a null renders")
	require.NoError(t, template.MustCompile("{{user.name}}").Validate([]byte(data)))
}

func TestDelims(t *testing.T) {
	t.Parallel()
	opts := template.WithDelims("<%", "%>")
	assert.Equal(t, "{{a}} 1 <% ", render(t, "{{a}} <% a %> <%'<% '%>", `{"a":1}`, opts))
	same(t, `{"a":1,"b":"{{a}}"}`, document(t, `{"a":"<%a%>","b":"{{a}}"}`, `{"a":1}`, opts))
	_, err := template.Compile("x", template.WithDelims("", "}}"))
	require.ErrorContains(t, err, "delimiter")
}

func TestOwnFilters(t *testing.T) {
	t.Parallel()
	money := template.WithFilter("money", template.Filter{
		Accepts: []template.Kind{template.KindNumber},
		MinArgs: 1,
		Func: func(dst []byte, in template.Value, args []template.Value) ([]byte, template.Kind, error) {
			dst = in.AppendText(dst)
			return args[0].AppendText(append(dst, ' ')), template.KindString, nil
		},
	})
	assert.Equal(t, "1.10 EUR", render(t, `{{p | money("EUR")}}`, `{"p":1.10}`, money))
	broken := template.WithFilter("boom", template.Filter{Func: func([]byte, template.Value, []template.Value) ([]byte, template.Kind, error) {
		panic("secret")
	}})
	_, err := template.MustCompile("{{p | boom}}", broken).Render([]byte(`{"p":1}`))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
	_, err = template.Compile("{{p | money}}", money)
	require.ErrorContains(t, err, "takes 1 argument")
	_, err = template.Compile("{{p | boom}}")
	require.ErrorContains(t, err, "boom", "filters are of one template")
}

// Many goroutines, one template, results that must not mix.
func TestSharedTemplate(t *testing.T) {
	t.Parallel()
	tmpl := template.MustCompile("{{id}}:{{items.#}}:{{tags | join('')}}:{{id | upper}}:{{items.#}}")
	doc, err := template.CompileJSON([]byte(`{"a":"{{id}}","b":"{{tags | join('')}}/{{items.#}}","c":"{{tags}}"}`))
	require.NoError(t, err)
	must := func(out []byte, err error) string {
		if err != nil {
			panic(err)
		}
		return string(out)
	}
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			id := strings.Repeat(string(rune('a'+g%26)), 1+g)
			data := []byte(`{"id":"` + id + `","items":[` + strings.Repeat("1,", 150+g) + `1],"tags":["` + id + `","x"]}`)
			for range 50 {
				parts := strings.Split(must(tmpl.Append(nil, data)), ":")
				assert.Equal(t, []string{id, parts[1], id + "x", strings.ToUpper(id), parts[1]}, parts)
				same(t, `{"a":"`+id+`","b":"`+id+`x/`+parts[1]+`","c":["`+id+`","x"]}`, must(doc.Append(nil, data)))
			}
		})
	}
	wg.Wait()
}

// The filters' table of the documentation.
func TestFilterTable(t *testing.T) {
	t.Parallel()
	const data = `{"s":"  Ab c ","n":1769902200,"ms":1769902200000,"f":1.5,"b":true,"nul":null,"e":"","a":["x",2,{"k":1},null],"z":0,"no":"no"}`
	for src, want := range map[string]string{
		"{{s | trim | truncate(3)}}|{{s | trim | truncate(3, '')}}": "Ab…|Ab ",
		`{{a | join("+")}}`: `x+2+{"k":1}+`,
		`{{z | default(7)}}{{nul | default(7)}}{{e | default(7)}}{{s | default(7)}}`: "077  Ab c ",
		`{{n | date("2006-01-02T15:04Z07:00")}} {{ms | date("2006", "Asia/Tokyo")}}`: "2026-01-31T23:30Z 2026",
		"{{a | len}} {{s | len}} {{a.2 | len}}":                                      "4 7 1",
		"{{b | upper}} {{f | string}} {{a.2 | json}}":                                `TRUE 1.5 {"k":1}`,
		"{{nul | upper}}{{nul ?? 'x'}}":                                              "x",
	} {
		assert.Equal(t, want, render(t, src, data), src)
	}
	for _, src := range []string{"{{no | bool}}", "{{no | number}}", "{{a | date('2006')}}", "{{a | upper}}", "{{s | join(',')}}"} {
		_, err := template.MustCompile(src).Render([]byte(data))
		_, ok := errors.AsType[*template.FilterError](err)
		assert.True(t, ok, "%s: %v", src, err)
		assert.NotContains(t, err.Error(), "Ab c")
	}
}
