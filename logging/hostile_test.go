package logging_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

func TestHostileValues(t *testing.T) {
	t.Parallel()
	type node struct {
		Next *node
		Self any
	}
	ring := &node{}
	ring.Next, ring.Self = ring, ring
	own := map[string]any{"n": 1}
	own["own"] = own
	list := make([]any, 2)
	list[1] = list
	leaf := &node{}
	var nilPanicker *panicker
	tests := []struct {
		name string
		v    any
		want string // empty: cut at the depth limit
	}{
		{"LogValue panics", valuerFunc(func() slog.Value { panic("s3cr3t") }), `"!PANIC: logging_test.valuerFunc"`},
		{"LogValue of a nil pointer", (*panickingValue)(nil), `null`},
		{"LogValue without end", endless{}, `"!ERROR: LogValue of logging_test.endless does not end"`},
		{"LogValue ever deeper", deeper{}, ``},
		{"LogValue in a slice ever deeper", []any{deepList{}}, ``},
		{"String panics", panicker{}, `"!PANIC: logging_test.panicker"`},
		{"String of a nil pointer", nilPanicker, `null`},
		{"Error panics", panickingError{}, `"!PANIC: logging_test.panickingError","v_type":"logging_test.panickingError"`},
		{"Error of a nil pointer", (*panickingError)(nil), `null`},
		{"MarshalJSON panics", panickingJSON{}, `"!PANIC: logging_test.panickingJSON"`},
		{"MarshalJSON fails", failingJSON{errors.New("token=s3cr3t")}, `"!ERROR: token=***"`},
		{"MarshalJSON returns something else", textJSON("{\n"), `"!ERROR: MarshalJSON of logging_test.textJSON is no JSON"`},
		{"MarshalJSON returns two lines", textJSON("{\n}\n"), `{}`},
		{"MarshalText fails", failingText{}, `"!ERROR: broken"`},
		{
			"only the element that panics is lost",
			[]any{1, panicker{}, map[string]any{"a": panickingJSON{}, "b": 2}},
			`[1,"!PANIC: logging_test.panicker",{"a":"!PANIC: logging_test.panickingJSON","b":2}]`,
		},
		{
			"inside of a group value",
			[]any{slog.GroupValue(slog.Any("a", panicker{}), slog.Int("b", 1))},
			`[{"a":"!PANIC: logging_test.panicker","b":1}]`,
		},
		{"keys that panic", map[panicker]int{{}: 1}, `"!PANIC: map[logging_test.panicker]int"`},
		{"a ring", ring, `{"Next":"(cycle)","Self":"(cycle)"}`},
		{"a map in itself", own, `{"n":1,"own":"(cycle)"}`},
		{"a slice in itself", list, `[null,"(cycle)"]`},
		{"twice is no cycle", []any{leaf, leaf}, `[{"Next":null,"Self":null},{"Next":null,"Self":null}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := members(t, record(t.Context(), t, nil, slog.Any("v", tt.v), slog.Int("after", 1)))
			assert.NotContains(t, got, "s3cr3t")
			v, ok := strings.CutSuffix(got, `,"after":1`)
			require.True(t, ok, "%s", got)
			if tt.want == "" {
				assert.Contains(t, v, `(too deep)`)
				assert.Less(t, len(v), 2000)
				return
			}
			assert.Equal(t, `"v":`+tt.want, v)
			h := func(h slog.Handler) slog.Handler { return h.WithAttrs([]slog.Attr{slog.Any("v", tt.v)}) }
			assert.Equal(t, `"v":`+tt.want, members(t, record(t.Context(), t, h)), "in WithAttrs")
		})
	}
}

type panickingValue struct{ v slog.Value }

func (p *panickingValue) LogValue() slog.Value { return p.v }

type endless struct{}

func (endless) LogValue() slog.Value { return slog.AnyValue(endless{}) }

type deeper struct{}

func (deeper) LogValue() slog.Value { return slog.GroupValue(slog.Any("d", deeper{})) }

// wider returns twice what it is, at each level.
type wider struct{}

func (wider) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("a", wider{}), slog.Any("b", wider{}))
}

type deepList struct{}

func (deepList) LogValue() slog.Value { return slog.AnyValue([]any{deepList{}}) }

type panicker struct{}

func (panicker) String() string { panic("s3cr3t") }

type panickingError struct{}

func (panickingError) Error() string { panic("s3cr3t") }

type panickingJSON struct{}

func (panickingJSON) MarshalJSON() ([]byte, error) { panic(errors.New("s3cr3t")) }

type failingJSON struct{ err error }

func (f failingJSON) MarshalJSON() ([]byte, error) { return nil, f.err }

type textJSON string

func (s textJSON) MarshalJSON() ([]byte, error) { return []byte(s), nil }

type failingText struct{}

func (failingText) MarshalText() ([]byte, error) { return nil, errors.New("broken") }

func TestBounds(t *testing.T) {
	t.Parallel()
	deep := any("s3cr3t")
	for range 100 {
		deep = []any{deep}
	}
	wide := make([]string, 100_000)
	many := map[string]string{}
	for i := range wide {
		wide[i] = strings.Repeat("x", 100)
		many["key_"+strconv.Itoa(i)] = wide[i]
	}
	shared := any(map[string]any{})
	for range 30 { // 2^30 leaves
		shared = map[string]any{"a": shared, "b": shared}
	}
	document, err := json.Marshal(wide)
	require.NoError(t, err)
	object, err := json.Marshal(many)
	require.NoError(t, err)
	tests := []struct {
		name, want string
		v          any
	}{
		{"deep slices", "(too deep)", deep},
		{"deep JSON", "(too deep)", json.RawMessage(strings.Repeat("[", 5000) + "1" + strings.Repeat("]", 5000))},
		{"deep JSON in a string", "(too deep)", strings.Repeat("[", 5000) + `"token=s3cr3t"` + strings.Repeat("]", 5000)},
		{"a long slice", "(truncated)", wide},
		{"a large map", `"(truncated)":true}`, many},
		{"a large document", `"(truncated)"]`, json.RawMessage(document)},
		{"a large object", `"(truncated)":true}`, object},
		{"shared parts", "(truncated)", shared},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := members(t, record(t.Context(), t, nil, slog.Any("v", tt.v), slog.Int("after", 1)))
			assert.Contains(t, got, tt.want)
			assert.NotContains(t, got, "s3cr3t")
			assert.Less(t, len(got), 2<<20)
			assert.True(t, strings.HasSuffix(got, `,"after":1`))
		})
	}
}

func TestDeepGroups(t *testing.T) {
	t.Parallel()
	attr, inline := slog.Int("x", 1), slog.Int("x", 1)
	for range 100 {
		attr, inline = slog.Group("g", attr), slog.Group("", inline)
	}
	assert.Contains(t, record(t.Context(), t, nil, attr), `"g":"(too deep)"`)
	assert.Contains(t, record(t.Context(), t, nil, inline), `"(too deep)"`)
	h := func(h slog.Handler) slog.Handler {
		for range 100 {
			h = h.WithGroup("g")
		}
		return h
	}
	assert.Contains(t, record(t.Context(), t, h, slog.Any("v", []int{1})), `"v":"(too deep)"`)
}

// Text that is nothing but the beginnings of secrets costs time in proportion to
// its length.
func TestTextsThatAreHardToScan(t *testing.T) {
	t.Parallel()
	size := 1 << 20
	if raceEnabled {
		size /= 8
	}
	for _, part := range []string{
		"://", "://a:b", "/webhooks/1/", "hooks.slack.com/", "hooks.slack.com/services/ ", "token:", "token: ", "token=\"\"", "token={", "\\\"token\\\":",
		"a", "-", "=", ":", "{", "[", `{"a":`, `["{\"a\":`, "token\": ", "token:                ", "\xff", "é", "A", "aA",
		"sk-", "eyJ-", "eyJ.", "SG.-", "ghp_", "Bearer ", "Basic YQ", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "a.bcdefg.", "1234567890:a", "password : ", "a;b=", "token=a;", "%", "%41:",
	} {
		text := strings.Repeat(part, size/len(part))
		start := time.Now()
		record(t.Context(), t, nil, slog.String("v", text), slog.String(text, ""), slog.Any("b", []byte(text)))
		assert.Less(t, time.Since(start), 5*time.Second, "%q", part)
	}
}

func TestLogValueThatGrowsIsCut(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	slog.New(logging.NewHandler(&out, logging.Config{})).Info("m", slog.Any("v", wider{}), slog.String("after", "x"))
	assert.True(t, json.Valid([]byte(out.String())))
	assert.Less(t, out.Len(), 2<<20)
	assert.Contains(t, out.String(), `"(truncated)":true`)
	assert.Contains(t, out.String(), `,"after":"x"}`)
}

// The time is not asserted, but without the bound this takes minutes.
func TestManyKeysAreNoBurden(t *testing.T) {
	t.Parallel()
	var object strings.Builder
	object.WriteByte('{')
	for i := range 200_000 {
		object.WriteString(`"` + strconv.Itoa(i) + `":1,`)
	}
	object.WriteString(`"password":"s3cr3t"}`)
	var out strings.Builder
	slog.New(logging.NewHandler(&out, logging.Config{})).Info("m", slog.String("body", object.String()))
	assert.True(t, json.Valid([]byte(out.String())))
	assert.NotContains(t, out.String(), "s3cr3t")
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
}
