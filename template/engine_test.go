package template_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/template"
)

func TestEngine(t *testing.T) {
	t.Parallel()
	e := template.NewEngine()
	for _, tt := range []struct{ tmpl, json, want string }{
		{"Hello {{user.name}}", order, "Hello Alex"},
		{"{{order.items.0.name}} of {{order.items.#}}", order, "Tea of 2"},
		{"[{{nope}}]", order, "[]"},
		{"{{first name}} {{user.name}}", order, "{{first name}} Alex"},
		{"{{user.name", order, "{{user.name"},
		{"a {{user.name}} b", "not json", "a  b"},
		{"a {{user.name}} b", "", "a  b"},
	} {
		for range 2 {
			assert.Equal(t, tt.want, e.Render(tt.tmpl, tt.json), tt.tmpl)
		}
	}
	small := template.NewEngine(template.WithLimits(template.Limits{MaxOutput: 4}))
	assert.Equal(t, "to ", small.Render("to {{a}}", `{"a":"12345"}`), "over the limit no path has a value")
	_, err := e.RenderE("{{nope}}", order)
	require.Error(t, err)
	_, err = e.RenderE("{{first name}}", order)
	require.Error(t, err)
	got, err := e.RenderE("{{user.name}}", order)
	require.NoError(t, err)
	assert.Equal(t, "Alex", got)
	require.NoError(t, e.Validate("{{user.name}}", order))
	require.Error(t, e.Validate("{{user.name}} {{nope}}", order))
}

// Documents are kept beside templates of the same source.
func TestEngineRenderJSON(t *testing.T) {
	t.Parallel()
	engine := template.NewEngine(template.WithMissing(template.MissingOmit))
	const src = `{"a":"{{a}}","b":"{{b}}"}`
	for range 2 {
		out, err := engine.RenderJSON(src, `{"a":"\"x"}`)
		require.NoError(t, err)
		same(t, `{"a":"\"x"}`, out)
	}
	same(t, `{"a":""x","b":""}`, engine.Render(src, `{"a":"\"x"}`), "text pastes")
	_, err := engine.RenderJSON(`{"a":{{a}}}`, `{}`)
	require.ErrorContains(t, err, "tags stand inside of strings")
}
