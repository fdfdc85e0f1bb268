package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

type Base struct {
	Shared string `json:"shared"`
	Name   string
	Deep   int
}

type Other struct {
	Name  string
	Other bool `json:"other"`
}

type Number int

type withZero struct{ at time.Time }

func (z withZero) IsZero() bool { return z.at.Year() < 2000 }

func (z withZero) MarshalText() ([]byte, error) { return []byte("z"), nil }

// fields has what encoding/json has rules for.
type fields struct {
	Base
	*Other

	Deep     string                  // over that of Base
	Tagged   string                  `json:"shared"` // over that of Base, which is deeper
	A        int                     `json:"a,string"`
	B        *bool                   `json:"b,omitempty,string"`
	F        float32                 `json:"f,string,omitempty"`
	S        Number                  `json:"s,omitempty,string"`
	Empty    map[string]int          `json:",omitempty"`
	Struct   struct{}                `json:"struct"`
	Zero     struct{ X int }         `json:"zero,omitzero"`
	Custom   withZero                `json:"custom,omitzero"`
	Both     []int                   `json:"both,omitempty,omitzero"`
	Array    [2]Number               `json:"array"`
	Nested   map[Number][]*fields    `json:"nested"`
	Texts    map[netip.Addr]struct{} `json:"texts"`
	Skipped  string                  `json:"-"`
	Odd      string                  `json:"-,"`         //nolint:staticcheck // a member named "-"
	Quotes   string                  `json:"\"quo\\ted"` //nolint:staticcheck // a name that does not count
	Anything any
	hidden   string
	Iface    any `json:"iface,omitempty"`
}

type ambiguousLeft struct{ X, Left int }

type ambiguousRight struct{ X, Right int }

// ambiguous has an X twice at one depth, which is none.
type ambiguous struct {
	ambiguousLeft
	ambiguousRight
}

type taggedRight struct {
	X     int `json:"X"`
	Right int
}

// decided has an X twice at one depth, of which the tagged one counts.
type decided struct {
	ambiguousLeft
	taggedRight
}

type recursive struct {
	*recursive

	N int
}

type named struct {
	Base `json:"base"`
	Number
}

// What slog.JSONHandler writes, we write too, where both mean the same.
func TestEqualToJSONHandler(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 8, 15, 30, 0, 123_456_789, time.UTC)
	for name, v := range map[string]any{
		"strings":      []string{"", "a", "a\"\\/\b\f\n\r\t\x00\x7f", "é€😀\u2028\u2029", "<&>", "\xff", "a\xe2\x28b"},
		"floats":       []float64{0, math.Copysign(0, -1), 1, -1.5, 1e20, 1e21, 1e-6, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64},
		"float32s":     []float32{0.1, math.MaxFloat32, 1e21, 1e-7},
		"ints":         []any{int8(-1), uint8(255), int64(math.MinInt64), uint64(math.MaxUint64), uintptr(1), Number(7)},
		"others":       []any{nil, true, at, &at, big.NewInt(7), netip.MustParseAddr("::1"), json.Number("1.50"), json.RawMessage(` {"a" : [1, 2.0 , "x"]} `)},
		"maps":         map[string]any{"b": 1, "a": map[int]string{10: "x", 9: "y", -1: "z"}, "c": map[Number]any{1: nil}, "": []any{}, "d": map[string]any(nil), "e": []int(nil)},
		"fields":       fields{},
		"all fields":   fields{Base: Base{"b", "n", 1}, Other: &Other{"o", true}, Deep: "d", Tagged: "t", A: 5, B: new(true), F: 0.5, S: 9, Empty: map[string]int{"x": 1}, Zero: struct{ X int }{1}, Custom: withZero{at}, Both: []int{}, Array: [2]Number{1, 2}, Nested: map[Number][]*fields{3: {nil, {A: 1}}}, Texts: map[netip.Addr]struct{}{netip.MustParseAddr("192.0.2.1"): {}}, Skipped: "no", Odd: "o", Quotes: "q", Anything: &Base{}, hidden: "h", Iface: Base{}},
		"ambiguous":    ambiguous{ambiguousLeft{1, 2}, ambiguousRight{3, 4}},
		"decided":      decided{ambiguousLeft{1, 2}, taggedRight{3, 4}},
		"recursive":    recursive{&recursive{nil, 2}, 1},
		"named":        named{Base{"a", "b", 1}, 12},
		"level":        slog.LevelWarn,
		"pointers":     []any{new(1), new("x"), (*Base)(nil), new(new(2))},
		"arrays":       [3]any{1, [2]string{"a"}, [0]int{}},
		"marshaler":    slog.LevelInfo,
		"empty struct": struct{}{},
	} {
		var ours, theirs bytes.Buffer
		r := recordOf("m", slog.Any("v", v), slog.Group("g", slog.Any("v", v)))
		require.NoError(t, logging.NewHandler(&ours, logging.Config{}).Handle(t.Context(), r))
		require.NoError(t, slog.NewJSONHandler(&theirs, nil).Handle(t.Context(), r))
		var want, got struct {
			V json.RawMessage
			G struct{ V json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(theirs.Bytes(), &want))
		require.NoError(t, json.Unmarshal(ours.Bytes(), &got))
		assert.JSONEq(t, string(want.V), string(got.V), name)
		assert.JSONEq(t, string(want.G.V), string(got.G.V), name)
	}
	attrs := []slog.Attr{
		slog.Int("a", -1), slog.Uint64("b", math.MaxUint64), slog.Float64("c", 0.1), slog.Bool("d", true), slog.String("e", "x\n"), slog.Time("f", at), slog.Any("g", at),
		slog.Any("h", nil), slog.Group("i", slog.Group("j", slog.Int("k", 1)), slog.Group("l")), slog.Group("", slog.Int("n", 1)), slog.Any("o", valuer(slog.IntValue(1))), slog.Int("", 1),
	}
	var ours, theirs bytes.Buffer
	for h, b := range map[slog.Handler]*bytes.Buffer{logging.NewHandler(&ours, logging.Config{}): &ours, slog.NewJSONHandler(&theirs, nil): &theirs} {
		require.NoError(t, h.WithAttrs(attrs).WithGroup("x").WithAttrs(attrs).WithGroup("y").WithGroup("z").Handle(t.Context(), recordOf("m", attrs...)))
		b.Truncate(b.Len() - 1)
	}
	text := bytes.NewBuffer(bytes.ReplaceAll(theirs.Bytes(), []byte(`"level":"INFO","msg"`), []byte(`"level":"info","message"`)))
	assert.Equal(t, text.String(), ours.String(), "byte for byte")
}

// Where we depart from it, on purpose.
func TestUnequalToJSONHandler(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v      any
		theirs string
		ours   string
	}{
		{time.Second, `1000000000`, `1000`},
		{[]any{time.Second}, `[1000000000]`, `[1000]`},
		{[]byte("text"), `"dGV4dA=="`, `"text"`},
		{[]byte(`{"a":1}`), `"eyJhIjoxfQ=="`, `{"a":1}`},
		{[]error{errors.New("x")}, `[{}]`, `["x"]`},
		{math.NaN(), `"!ERROR:json: unsupported value: NaN"`, `"NaN"`},
		{[]any{time.March}, `[3]`, `["March"]`},
		{func() {}, `"!ERROR:json: unsupported type: func()"`, `"(func())"`},
		{json.RawMessage(`{"a":1,"a":2}`), `{"a":1,"a":2}`, `{"a":2}`},
		{map[any]int{1: 1}, `"!ERROR:json: unsupported type: map[interface {}]int"`, `{"1":1}`},
		{time.Date(2026, 1, 8, 16, 30, 0, 0, time.FixedZone("", 3600)), `"2026-01-08T16:30:00+01:00"`, `"2026-01-08T15:30:00Z"`},
	} {
		var w bytes.Buffer
		require.NoError(t, slog.NewJSONHandler(&w, nil).Handle(t.Context(), recordOf("m", slog.Any("v", tt.v))))
		assert.Equal(t, `{"level":"INFO","msg":"m","v":`+tt.theirs+"}\n", w.String())
		assert.Equal(t, `"v":`+tt.ours, members(t, record(t.Context(), t, nil, slog.Any("v", tt.v))))
	}
}

func TestKeysOfDocumentsAreUnique(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":1,"b":2,"a":3}`:                         `{"b":2,"a":3}`,
		`{"a":{"a":1,"a":2},"a":{"b":1,"c":2,"b":3}}`: `{"a":{"c":2,"b":3}}`,
		`[{"a":1,"\u0061":2}]`:                        `[{"a":2}]`,
		`{"token":1,"token":2,"x":{"y":[]},"x":[]}`:   `{"token":"***","x":[]}`,
	} {
		assert.Equal(t, `"v":`+want, members(t, record(t.Context(), t, nil, slog.Any("v", json.RawMessage(in)))))
	}
	assert.Equal(t, `"v":{"1":"b"}`, members(t, record(t.Context(), t, nil, slog.Any("v", map[any]string{1: "b", "1": "b"}))), "keys that become equal")
}
