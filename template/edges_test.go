package template_test

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/template"
)

func own(name string, f template.FilterFunc) template.Option {
	return template.WithFilter(name, template.Filter{Func: f})
}

// A value that a filter takes away is missing, also where no path is to blame.
func TestFilterThatDrops(t *testing.T) {
	t.Parallel()
	drop := own("drop", func(dst []byte, _ template.Value, _ []template.Value) ([]byte, template.Kind, error) {
		return dst, template.KindMissing, nil
	})
	calls := 0
	fickle := own("fickle", func(dst []byte, _ template.Value, _ []template.Value) ([]byte, template.Kind, error) {
		calls++
		return append(dst, 'x'), []template.Kind{template.KindMissing, template.KindString}[(calls+1)%2], nil
	})
	for _, src := range []string{"A{{'x' | drop}}B", "A{{a | drop}}B", "A{{a | fickle}}B"} {
		tmpl, err := template.Compile(src, drop, fickle)
		require.NoError(t, err)
		out, err := tmpl.Append([]byte("dst"), []byte(`{"a":1}`))
		require.ErrorIs(t, err, template.ErrMissing, src)
		assert.Equal(t, "dst", string(out))
		doc, err := template.CompileJSON([]byte(`{"a":"`+src[1:len(src)-1]+`","b":1}`), drop, fickle)
		require.NoError(t, err)
		out, err = doc.Append([]byte("dst"), []byte(`{"a":1}`))
		require.ErrorIs(t, err, template.ErrMissing, src)
		assert.Equal(t, "dst", string(out))
	}
}

// Missing paths are told before what else is wrong, by rendering as by Validate.
func TestMissingComesFirst(t *testing.T) {
	t.Parallel()
	tmpl := template.MustCompile("{{a | join(',')}}{{b}}")
	_, err := tmpl.Append(nil, []byte(`{"a":1}`))
	require.ErrorIs(t, err, template.ErrMissing)
	require.ErrorIs(t, tmpl.Validate([]byte(`{"a":1}`)), template.ErrMissing)
	_, err = tmpl.Append(nil, []byte(`{"a":1,"b":2}`))
	require.NotErrorIs(t, err, template.ErrMissing)
	require.ErrorContains(t, err, "template: 1:1: filter join")
	literal := template.MustCompile("{{'x' | number}}")
	_, err = literal.Append(nil, []byte(`{}`))
	require.Error(t, err)
	require.ErrorContains(t, literal.Validate([]byte(`{}`)), "type mismatch: {{'x' | number}} (1:1, filter number: the string is not a number)")
}

// Escapers say where they failed.
func TestEscaperFails(t *testing.T) {
	t.Parallel()
	tmpl := template.MustCompile("A: {{a}}\nB: {{b}}", template.WithEscape(template.Header))
	data := []byte(`{"a":"x","b":"y\r\nC: z"}`)
	_, err := tmpl.Append(nil, data)
	require.ErrorIs(t, err, template.ErrUnsafe)
	failed, ok := errors.AsType[*template.FilterError](err)
	require.True(t, ok)
	assert.Equal(t, 2, failed.Line)
	assert.Contains(t, err.Error(), "template: 2:4: escaper: ")
	require.ErrorContains(t, tmpl.Validate(data), "type mismatch: b (2:4, escaper)")
}

// What Validate says of a null, a fallback that is not used, and short names.
func TestValidateIsFair(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"{{a ?? null}}":        "",
		"{{a ?? b}}":           "null: b",
		"{{c ?? items.#.x}}":   "",
		"{{x}}":                "missing in the data: x (1:1)",
		"{{user.nmae}}":        "did you mean user.name?",
		"{{user.first\\ nam}}": "did you mean user.first\\ name?",
	} {
		err := template.MustCompile(src).Validate([]byte("\ufeff" + `{"b":null,"c":1,"items":[{"y":1}],"user":{"name":1,"first name":2}}`))
		if want == "" {
			require.NoError(t, err, src)
			continue
		}
		require.ErrorContains(t, err, want, src)
	}
}

// Errors keep nothing of the data's memory, and no line breaks of its names.
func TestSuggestionsAreCopies(t *testing.T) {
	t.Parallel()
	data := []byte(`{"username":1}`)
	err := template.MustCompile("{{usernam}}").Validate(data)
	for i := range data {
		data[i] = 'S'
	}
	require.ErrorContains(t, err, "did you mean username?")
	err = template.MustCompile("{{user}}").Validate([]byte(`{"use\n\u001br":1}`))
	assert.NotContains(t, err.Error(), "did you mean")
}

// A filter may return memory of its own; nobody writes into it.
func TestFilterOwnsItsResult(t *testing.T) {
	t.Parallel()
	yes := make([]byte, 7, 64)
	copy(yes, "yes-yes")
	opt := own("yes", func([]byte, template.Value, []template.Value) ([]byte, template.Kind, error) {
		return yes, template.KindString, nil
	})
	assert.Equal(t, "yes-yes HACK yes-yes", render(t, "{{a | yes}} {{a | upper}} {{a | yes}}", `{"a":"hack"}`, opt))
	assert.Equal(t, "yes-yes", string(yes[:7]))
}

// What is too large is refused before it is made.
func TestLimitsHoldBeforeMemoryIsUsed(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	mega := []byte(`{"a":"` + strings.Repeat("<", 1<<20) + `"}`)
	many := `{"x":"` + strings.Repeat("{{a}}", 1000) + `"}`
	grown := func(f func() error) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.ErrorIs(t, f(), template.ErrOutputTooLarge)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	doc, err := template.CompileJSON([]byte(many))
	require.NoError(t, err)
	assert.Less(t, grown(func() error { _, err := doc.Append(nil, mega); return err }), uint64(16<<20))
	small := template.WithLimits(template.Limits{MaxOutput: 1 << 10})
	for _, tmpl := range []*template.Template{
		template.MustCompile("{{a | html}}", small), template.MustCompile("{{a}}", small),
		template.MustCompile("{{a}}", small, template.WithEscape(template.HTML)),
	} {
		assert.Less(t, grown(func() error { _, err := tmpl.Append(nil, mega); return err }), uint64(1<<20))
	}
}

// Many missing paths, and many queries, cost a multiple of the data that does
// not grow with the template.
func TestCostIsBounded(t *testing.T) {
	t.Parallel()
	var wide, tags strings.Builder
	for i := range 20_000 {
		wide.WriteString(`"member` + strconv.Itoa(i) + `":{"a":1},`)
	}
	for i := range 900 {
		tags.WriteString("{{nope" + strconv.Itoa(i) + "}}")
	}
	err := template.MustCompile(tags.String()).Validate([]byte("{" + wide.String() + `"x":[{"y":1}]}`))
	v, ok := errors.AsType[*template.ValidationError](err)
	require.True(t, ok)
	assert.Len(t, v.Problems, 900)
	render(t, strings.Repeat("{{x.#.y|#}}", 900), "{"+wide.String()+`"x":[{"y":1}]}`)
	var different strings.Builder
	for i := range 200 {
		different.WriteString("{{x.#.y" + strconv.Itoa(i) + "|#}}")
	}
	_, err = template.Compile(different.String())
	require.ErrorContains(t, err, "cost too much together")
	_, err = template.Compile("{{a.1}}{{a.01}}{{a.001}}{{a.0001}}{{a.00001}}{{a.000001}}")
	require.ErrorContains(t, err, "cost too much together")
}

func TestLimitsAddUp(t *testing.T) {
	t.Parallel()
	_, err := template.MustCompile("{{a}}", template.WithLimits(template.Limits{MaxOutput: 2}), template.WithLimits(template.Limits{MaxTags: 5})).
		Render([]byte(`{"a":"abc"}`))
	require.ErrorIs(t, err, template.ErrOutputTooLarge)
}
