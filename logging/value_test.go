package logging_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

type inner struct {
	A int `json:"a"`
}

type Shown struct{ B int }

type tagged struct {
	inner
	*Shown

	Name    string           `json:"name"`
	Empty   string           `json:"empty,omitempty"`
	Zero    time.Duration    `json:"zero,omitzero"`
	Skipped string           `json:"-"`
	Dash    int              `json:"-,"` //nolint:staticcheck // a member named "-"
	Nested  map[string]inner `json:"nested,omitempty"`
	Took    time.Duration    `json:"took_ms"`
	Pointer *int             `json:"pointer"`
	At      time.Time        `json:"at"`
	Any     any              `json:"any"`
	hidden  int
}

func TestValues(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("https://example.com/a?b=c")
	require.NoError(t, err)
	at := time.Date(2026, 1, 8, 16, 30, 0, 500_000_000, time.FixedZone("", 3600))
	tests := []struct {
		name string
		v    any
		want string
	}{
		{"nil", nil, `null`},
		{"string", "a\"b\\c/d", `"a\"b\\c/d"`},
		{"ints", []any{int8(-1), uint64(math.MaxUint64), int64(math.MinInt64), uintptr(7)}, `[-1,18446744073709551615,-9223372036854775808,7]`},
		{"bools", []bool{true, false}, `[true,false]`},
		{"floats", []any{0.0, 1.5, 1e6, 1e21, 1e-7, float32(0.1), -2.25}, `[0,1.5,1000000,1e+21,1e-07,0.1,-2.25]`},
		{"no numbers", []float64{math.NaN(), math.Inf(1), math.Inf(-1)}, `["NaN","+Inf","-Inf"]`},
		{"complex", 1 + 2i, `"(1+2i)"`},
		{"durations", []any{time.Second, 1500 * time.Microsecond, time.Duration(1), -250 * time.Microsecond, time.Duration(0)}, `[1000,1.5,0.000001,-0.25,0]`},
		{"the longest durations", []time.Duration{math.MaxInt64, math.MinInt64}, `[9223372036854.775807,-9223372036854.775808]`},
		{"time", at, `"2026-01-08T15:30:00.5Z"`},
		{"times and durations inside", []any{at, &at, new(time.Second)}, `["2026-01-08T15:30:00.5Z","2026-01-08T15:30:00.5Z",1000]`},
		{"error", fmt.Errorf("outer: %w", errors.New("inner")), `"outer: inner","v_type":"*errors.errorString"`},
		{"errors inside", []error{errors.New("a"), nil}, `["a",null]`},
		{"joined errors", errors.Join(errors.New("a"), errors.New("b")), `"a\nb","v_type":"*errors.errorString"`},
		{"text marshaler", netip.MustParseAddr("192.0.2.1"), `"192.0.2.1"`},
		{"json marshaler", big.NewInt(12), `12`},
		{"stringer", time.March, `"March"`},
		{"stringer of a pointer", u, `"https://example.com/a?b=c"`},
		{"level", slog.LevelWarn, `"WARN"`},
		{"map", map[string]any{"b": 1, "a": []string{"x"}, "c": nil}, `{"a":["x"],"b":1,"c":null}`},
		{"map of ints", map[int]bool{2: true, 1: false}, `{"1":false,"2":true}`},
		{"map of addresses", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, `{"::1":1}`},
		{"map of anything", map[any]int{"a": 1, 2: 2, struct{}{}: 3, nil: 4, time.Second: 5}, `{"(struct {})":3,"1s":5,"2":2,"a":1,"null":4}`},
		{"nil map", map[string]int(nil), `null`},
		{"nil slice", []int(nil), `null`},
		{"nil pointer", (*int)(nil), `null`},
		{"empty", []any{map[string]int{}, []int{}, struct{}{}, [0]int{}}, `[{},[],{},[]]`},
		{"header", http.Header{"Accept": {"a", "b"}}, `{"Accept":["a","b"]}`},
		{"text bytes", []byte("a\nb"), `"a\nb"`},
		{"binary bytes", []byte{0xff, 0}, `"/wA="`},
		{"JSON bytes", []byte(" {\"a\": [1, 2]}\n"), `{"a":[1,2]}`},
		{"a number in bytes", []byte("12"), `"12"`},
		{"broken JSON bytes", []byte(`{"a":`), `"{\"a\":"`},
		{"raw message", json.RawMessage("{\n\"a\" : [ 1 , {} , [] , \"\\u00e9\", null , -1.5e3 ]\n}"), `{"a":[1,{},[],"é",null,-1.5e3]}`},
		{"pointer to raw message", new(json.RawMessage(`[1]`)), `[1]`},
		{"nil raw message", json.RawMessage(nil), `null`},
		{"JSON number", []any{json.Number("1.50"), json.Number("1\n"), json.Number("x"), json.Number("")}, `[1.50,"1\n","x",""]`},
		{"group value", slog.GroupValue(slog.Int("a", 1), slog.Group("b")), `{"a":1}`},
		{"attributes inside", []any{slog.Int("a", 1), slog.IntValue(2), slog.GroupValue(), []slog.Attr{slog.Int("a", 1)}}, `[{"a":1},2,{},[{"a":1}]]`},
		{"channels and functions", []any{make(chan int), func() {}}, `["(chan int)","(func())"]`},
		{
			"struct",
			tagged{inner: inner{1}, Name: "n", Took: time.Second, Any: &inner{2}, hidden: 1},
			`{"a":1,"name":"n","-":0,"took_ms":1000,"pointer":null,"at":"0001-01-01T00:00:00Z","any":{"a":2}}`,
		},
		{
			"embedded pointer",
			tagged{Shown: &Shown{3}, Empty: "e", Zero: 1, Skipped: "s", Nested: map[string]inner{"x": {}}},
			`{"a":0,"B":3,"name":"","empty":"e","zero":0.000001,"-":0,"nested":{"x":{"a":0}},"took_ms":0,"pointer":null,"at":"0001-01-01T00:00:00Z","any":null}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, `"v":`+tt.want, members(t, record(t.Context(), t, nil, slog.Any("v", tt.v))))
		})
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          `""`,
		"é€😀":                       `"é€😀"`,
		"a\xffb":                    "\"a\ufffdb\"",
		"\xe2\x28\xa1":              "\"\ufffd(\ufffd\"",
		"\ufffd":                    "\"\ufffd\"",
		"a\r\nb\tc":                 `"a\r\nb\tc"`,
		"\x00\x1b[2J\x7f":           `"\u0000\u001b[2J\u007f"`,
		"\u0085\u009b\u00a0":        "\"\\u0085\\u009b\u00a0\"",
		"\u2028\u2029\u2030":        "\"\\u2028\\u2029\u2030\"",
		"<script>&amp;</script>":    `"<script>&amp;</script>"`,
		`{"timestamp":"forged"}`:    `"{\"timestamp\":\"forged\"}"`,
		"\"}\n{\"level\":\"error\"": `"\"}\n{\"level\":\"error\""`,
	} {
		assert.Equal(t, `"v":`+want, members(t, record(t.Context(), t, nil, slog.String("v", in))), "%q", in)
		line := recordWith(t.Context(), t, logging.Config{}, nil, in, slog.Int(in+"k", 1))
		assert.Equal(t, `{"level":"info","message":`+want+`,`+want[:len(want)-1]+`k":1}`, line, "%q", in)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		attr slog.Attr
		want string
	}{
		{"nested", slog.Group("a", slog.Group("b", slog.Int("c", 1))), `"a":{"b":{"c":1}}`},
		{"nested empty", slog.Group("a", slog.Group("b", slog.Group("c"))), ``},
		{"inlined", slog.Group("", slog.Int("c", 1), slog.Group("", slog.Int("d", 2))), `"c":1,"d":2`},
		{"empty attribute", slog.Attr{}, ``},
		{"nil under a key", slog.Any("a", nil), `"a":null`},
		{"LogValue that is a group", slog.Any("a", valuer(slog.GroupValue(slog.Int("b", 1)))), `"a":{"b":1}`},
		{"LogValue that is an empty group", slog.Any("a", valuer(slog.GroupValue())), ``},
		{"LogValue of LogValue", slog.Any("a", valuer(slog.AnyValue(valuer(slog.IntValue(1))))), `"a":1`},
	} {
		assert.Equal(t, tt.want, members(t, record(t.Context(), t, nil, tt.attr)), tt.name)
	}
}

type valuer slog.Value

func (v valuer) LogValue() slog.Value { return slog.Value(v) }

type valuerFunc func() slog.Value

func (f valuerFunc) LogValue() slog.Value { return f() }

// A value that logs while it is rendered must not wait for its own line.
func TestValueThatLogs(t *testing.T) {
	t.Parallel()
	var w writes
	logger := slog.New(logging.NewHandler(&w, logging.Config{}))
	logger.LogAttrs(t.Context(), slog.LevelInfo, "outer", slog.Any("v", valuerFunc(func() slog.Value {
		logger.Info("inner")
		return slog.IntValue(1)
	})))
	lines := w.lines(t)
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "inner")
	assert.True(t, strings.HasSuffix(lines[1], `"message":"outer","v":1}`))
}
