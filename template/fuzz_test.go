package template_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/bracework/bracework/template"
)

func FuzzTemplate(f *testing.F) {
	for _, src := range []string{"{{a}}", "{{a.b ?? 'c'}}", "{{#(a==1).b}}", "{{- a -}}", "{{/* */}}", "{{a|0}}", `{{'\u00e9'}}`, "{{..#.a}}", "{{a | json | upper}}", "{{a.b | first | default(1)}}", "{{a|@keys|0}}", "{{ {a,\"k\":a.b} }}"} {
		f.Add(src, `{"a":{"b":[1,2]}}`)
	}
	f.Fuzz(func(t *testing.T, src, data string) {
		tmpl, err := template.Compile(src)
		if err != nil {
			if syntax, ok := errors.AsType[*template.SyntaxError](err); ok {
				assert.True(t, syntax.Offset >= 0 && syntax.Offset <= len(src))
				_ = err.Error()
			}
			return
		}
		out, err := tmpl.Append(nil, []byte(data))
		if d, ok := errors.AsType[*template.DataError](err); ok {
			assert.True(t, d.Offset >= 0 && d.Offset <= len(data))
			return
		}
		if errors.Is(err, template.ErrOutputTooLarge) {
			return
		}
		problems := tmpl.Validate([]byte(data))
		assert.Equal(t, errors.Is(err, template.ErrMissing), errors.Is(problems, template.ErrMissing))
		if problems == nil {
			require.NoError(t, err)
		}
		again, err2 := tmpl.Append(nil, []byte(data))
		assert.Equal(t, err == nil, err2 == nil)
		assert.Equal(t, string(out), string(again))
	})
}

func FuzzLiteralPath(f *testing.F) {
	f.Add("a", "b", `{"a":{"b":1.10}}`)
	f.Add("0", "a", `[{"a":"\u00e9"}]`)
	f.Fuzz(func(t *testing.T, first, second, data string) {
		if first == "" || second == "" || !json.Valid([]byte(data)) || len(first)+len(second) > 200 {
			return
		}
		path := template.Key(first) + "." + template.Key(second)
		tmpl, err := template.Compile("{{"+path+"}}", template.WithMissing(template.MissingKeep))
		require.NoError(t, err)
		got, err := tmpl.Render([]byte(data))
		if err != nil || !strings.ContainsAny(strings.TrimSpace(data)[:1], "{[") {
			return // too deep, or nothing that has members
		}
		want := gjson.Get(data, path)
		switch {
		case !want.Exists():
			assert.Equal(t, "{{"+path+"}}", got)
		case want.Type == gjson.Number && want.Raw != "":
			assert.Equal(t, strings.TrimSpace(want.Raw), got)
		case want.Type == gjson.Null:
			assert.Empty(t, got)
		default:
			assert.Equal(t, want.String(), got)
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add(`{"a":"x {{v}}","b":"{{v}}"}`, `{"v":"\""}`)
	f.Add(`{"v":"{{a|0}}"}`, `{"a":"[{x"}`)
	f.Add(`{"v":"{{n.#.0}}"}`, `{"n":["[tru"]}`)
	f.Add(`["{{v.0}}",{"{{k}}":"{{v|0}}"}]`, `{"v":[1,2]}`)
	f.Fuzz(func(t *testing.T, doc, data string) {
		d, err := template.CompileJSON([]byte(doc), template.WithMissing(template.MissingEmpty))
		if err != nil {
			return
		}
		out, err := d.Append(nil, []byte(data))
		if err == nil {
			assert.True(t, gjson.ValidBytes(out), string(out))
		}
	})
}
