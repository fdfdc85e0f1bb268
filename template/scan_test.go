package template

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// places puts a value where each part of the scanner has to read it: alone,
// below a node, beside nodes, and in what is drained; far from the end of the
// data and close to it.
func places(value string) []string {
	far := ` ,"a long text behind it that is more than eight bytes away from here"`
	return []string{
		value,
		" \n" + value + "\t ",
		`{"a":{"b":` + value + `}}`,
		`{"x":` + value + `,"a":{"b":1}}`,
		`{"a":{"b":1,"c":2},"y":` + value + `}`,
		`{"y":[` + value + `]}`,
		`{"y":[[` + value + far + `]]}`,
		`{"y":{"z":{"k":` + value + `},"k":0}}`,
		`[` + value + `]`,
		`[` + value + far + `]`,
		`[0,` + value + far + `,{}]`,
		`[[{"k":` + value + `}]]`,
	}
}

func placesTrie() *trie {
	t, _ := literalTrie("", "a.b", "a.c", "1.a", "#", "a.#")
	return t
}

func scanError(t *trie, data string) *DataError {
	return t.scan(data, make([]span, t.slots()), depthOf(512))
}

func TestScanAccepts(t *testing.T) {
	t.Parallel()
	trie := placesTrie()
	for _, value := range []string{
		"0", "-0", "1", "-1", "10", "1234567890123456789012345678901234567890", "0.0", "-0.10", "1.5", "0e1", "0E+0", "1e-1", "1.25E+10", "-1.0e00", "20", "9",
		"true", "false", "null",
		`""`, `"a"`, `"1234567"`, `"12345678"`, `"123456789"`, `" !#[]^~` + "\x7f" + `"`, `"\""`, `"\\"`, `"\\\\\""`, `"\/\b\f\n\r\t"`, `"\u0000\uFFFF\uabCD"`, `"\ud800"`, `"1234567\n12345678\n"`,
		`"é"`, `"€"`, `"😀"`, "\"\u0080\u07ff\u0800\uffff\U00010000\U0010ffff\ufeff\"", `"1234567é12345678"`,
		"[]", "[ ]", "[\n]", "{}", "{ }", "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]", "[[],{}]", "[[[[]]]]",
		`{"a":1}`, `{ "a" : 1 , "b" : { } }`, `{"a":1,"a":1}`, `{"":{"":""}}`, "{\r\n\t\"a\"\r\n\t:\r\n\t1\r\n\t}", `{"é\u00e9":[{},[],{"a":[]}]}`,
		"[" + strings.Repeat(" ", 100) + "1" + strings.Repeat("\n        ", 10) + "]",
	} {
		for _, data := range places(value) {
			require.True(t, json.Valid([]byte(data)), data)
			assert.Nil(t, scanError(trie, data), data)
		}
	}
}

func TestScanSpace(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		for _, space := range []string{" ", "\n", " \t", "\r\n       "} {
			space = strings.Repeat(space, n)
			for _, data := range []string{space + "1", "1" + space, "[" + space + "]", "[1" + space, "{" + space, "[1" + space + "," + space + `{"a"` + space + ":" + space + "1" + space + "}]"} {
				assert.Equal(t, json.Valid([]byte(data)), scanError(placesTrie(), data) == nil, data)
			}
		}
	}
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	trie := placesTrie()
	for _, value := range []string{
		"-", "+1", "01", "-01", "00", "1.", "-.5", ".5", "1.e1", "1e", "1e+", "1E-", "1ee1", "1.2.3", "1-2", "0x1", "1a", "1_0", "--1", "Infinity", "NaN", "1 2", "-a", "-é", "0é",
		"t", "tru", "truth", "truee", "TRUE", "True", "fals", "falsy", "nul", "nule", "none", "undefined", "a", "'a'",
		`"`, `"a`, `a"`, `"\`, `"\"`, `"\u`, `"\u12`, `"\u123"`, `"\u123g"`, `"\x41"`, `"\a"`, `"\'"`, `"\U0041"`, "\"\n\"", "\"\t\"", "\"\x00\"", "\"1234567\x1f9abcdefg\"", "\"\\\x00\"", "\"a\r\n\"", `"a""b"`, `"\u00e"`, `"\é"`,
		"\"\xff\"", "\"\x80\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf0\x80\x80\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xc3\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\"", "\"é\x80\"", "\"123456789\xff123456789\"",
		"[", "]", "[1", "[1,", "[1,]", "[,]", "[,1]", "[1,,2]", "[1 2]", "[1}", "[}", "[1:2]", "[\"a\":1]", "[]]", "[[]", "[1]]", "[\v]", "[\u00a0]", "[\u2028]", "[\x00]", "[1\x00]",
		"{", "}", "{]", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":1]`, `{,}`, `{"a"}`, `{"a",1}`, `{"a":}`, `{"a"::1}`, `{"a":1 "b":2}`, `{"a":1,,"b":2}`, `{a:1}`, `{1:1}`, `{null:1}`, `{"a":1}}`, `{{}}`, `{[]}`, `{"a" 1}`, `{"\x":1}`, "{\"\n\":1}", "{\"\xff\":1}", `{"a`, `{"a":1:2}`, `{:1}`,
		"//", "/**/1", "1//", "#", "\f1", "\v", "\x00", "\x7f", "é", "\u00a01", "\xff", "\xef\xbb\xbf1",
	} {
		for i, data := range places(value) {
			if i == 0 && strings.HasPrefix(value, bom) {
				continue // this one is skipped
			}
			require.False(t, json.Valid([]byte(data)) && utf8.ValidString(data), data)
			err := scanError(trie, data)
			if assert.NotNil(t, err, data) {
				assert.LessOrEqual(t, err.Offset, len(data), data)
				assert.GreaterOrEqual(t, err.Offset, 0, data)
			}
		}
	}
}

func TestScanError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		data string
		want DataError
	}{
		{"", DataError{0, "empty"}},
		{" \n", DataError{2, "empty"}},
		{bom, DataError{3, "empty"}},
		{bom + bom + "1", DataError{3, "not valid JSON"}},
		{"\xef\xbb", DataError{0, "not valid UTF-8"}},
		{"\xff\xfe{\x00}\x00", DataError{0, "not valid UTF-8"}},
		{"{\x00}", DataError{1, "not valid JSON"}},
		{`{"a":1`, DataError{6, "unexpected end"}},
		{`{"a`, DataError{3, "unexpected end"}},
		{`"\u12`, DataError{5, "unexpected end"}},
		{`"\u12"`, DataError{5, "not valid JSON"}},
		{`-`, DataError{1, "unexpected end"}},
		{`[1.,2]`, DataError{3, "not valid JSON"}},
		{`[01]`, DataError{2, "not valid JSON"}},
		{`tru`, DataError{3, "unexpected end"}},
		{`[nuxl]`, DataError{3, "not valid JSON"}},
		{`{"a":1} x`, DataError{8, "not valid JSON"}},
		{"[\"12345678\n\"]", DataError{10, "not valid JSON"}},
		{"\"a\xff\"", DataError{2, "not valid UTF-8"}},
		{"[\"\xff\",tru]", DataError{2, "not valid UTF-8"}},
		{"[tru,\"\xff\"]", DataError{4, "not valid JSON"}},
		{"[\"\ufffd\",x]", DataError{7, "not valid JSON"}},
		{"\"\xe2\x82", DataError{1, "not valid UTF-8"}},
		{`{"y":[1,{"z":"` + strings.Repeat("a", 100) + "\x00", DataError{114, "not valid JSON"}},
	} {
		err := scanError(placesTrie(), tc.data)
		if assert.NotNil(t, err, tc.data) {
			assert.Equal(t, tc.want, *err, "%q", tc.data)
		}
	}
}

func TestScanDepth(t *testing.T) {
	t.Parallel()
	deep, _ := literalTrie(strings.Repeat("0.", 99)+"a", strings.Repeat("a.", 99)+"#")
	for _, trie := range []*trie{newTrie(), placesTrie(), deep} {
		for _, kinds := range []struct{ open, inner, shut string }{
			{"[", "1", "]"},
			{`{"a":`, "1", "}"},
			{"[ ", "[]", " ]"},
			{`[{"a":`, "{}", "}]"},
			{`[[{"a":`, "{}", "}]]"},
			{`[0,{"b":1,"a":`, `{"c":[]}`, `,"d":2},[]]`},
		} {
			for _, n := range []int{1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 600} {
				data := strings.Repeat(kinds.open, n) + kinds.inner + strings.Repeat(kinds.shut, n)
				depth, most := 0, 0
				last := 0
				for i, c := range data {
					switch c {
					case '[', '{':
						if depth++; depth > most {
							most, last = depth, i
						}
					case ']', '}':
						depth--
					}
				}
				spans := make([]span, trie.slots())
				assert.Nil(t, trie.scan(data, spans, depthOf(most)))
				err := trie.scan(data, spans, depthOf(most-1))
				if assert.NotNil(t, err) {
					assert.Equal(t, DataError{last, "nested too deep"}, *err)
				}
				wrong := data[:len(data)-1] + string(data[len(data)-1]^0x20)
				assert.NotNil(t, trie.scan(wrong, spans, depthOf(most)))
				middle := strings.LastIndexAny(data, "[{") // of the other kind
				wrong = data[:middle] + string(data[middle]^0x20) + data[middle+1:]
				assert.NotNil(t, trie.scan(wrong, spans, depthOf(most)), wrong)
			}
		}
	}
	for _, item := range []string{"[[]]", `{"a":{}}`, `[{"a":[]}]`} {
		data := "[" + strings.Repeat(item+",", 50) + item + "]" // beside one another
		for _, trie := range []*trie{newTrie(), placesTrie(), deep} {
			assert.Nil(t, trie.scan(data, make([]span, trie.slots()), depthOf(4)))
			data := `{"a":` + strings.ReplaceAll(data, `,`, `,"a":`)[1:]
			data = data[:len(data)-1] + "}"
			assert.Nil(t, trie.scan(data, make([]span, trie.slots()), depthOf(4)), data)
		}
	}
	err := newTrie().scan("[[]]", nil, depthOf(0))
	require.NotNil(t, err)
	assert.Equal(t, DataError{0, "nested too deep"}, *err)
	assert.Nil(t, newTrie().scan("1", nil, depthOf(0)))
	err = newTrie().scan(strings.Repeat("[", 10_000_000), nil, depthOf(512))
	require.NotNil(t, err)
	assert.Equal(t, DataError{512, "nested too deep"}, *err)
}

func TestScanTooLarge(t *testing.T) {
	t.Parallel()
	if strconv.IntSize < 64 || testing.Short() {
		t.Skip("needs 2 GiB of address space")
	}
	size := int64(math.MaxInt32) + 1
	data := make([]byte, size) // the system gives no memory before it is touched
	err := newTrie().scan(unsafe.String(&data[0], len(data)), nil, depthOf(512))
	require.NotNil(t, err)
	assert.Equal(t, DataError{math.MaxInt32, "too large"}, *err)
}

func TestScanAllocates(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("member%d.user.0.name", i)
	}
	long := strings.Repeat("k", 512)
	for name, tc := range map[string]struct {
		data  string
		paths []string
	}{
		"small":   {`{"a":{"b":[1,"é"]},"c":null}`, []string{"a.b.1", "a.#", "c"}},
		"many":    {`{"member7":{"user":[{"name":"x"}]},"member99":{"user":[]}}`, many},
		"deep":    {strings.Repeat("[", 50) + strings.Repeat("]", 50), []string{strings.Repeat("0.", 40) + "0"}},
		"dead":    {strings.Repeat("[", 512) + strings.Repeat("]", 512), nil},
		"escapes": {`{"\u0061\n":1,"` + strings.Repeat(`\u006b`, 512) + `":2,"` + strings.Repeat(`kkk\u006b`, 512) + `":2}`, []string{"a", long}},
		"error":   {`[1,2`, []string{"a"}},
	} {
		trie, _ := literalTrie(tc.paths...)
		spans := make([]span, trie.slots())
		allocs := testing.AllocsPerRun(100, func() { _ = trie.scan(tc.data, spans, depthOf(512)) })
		if name == "error" {
			allocs-- // the error itself
		}
		assert.Zero(t, allocs, name)
	}
}

func TestScanConcurrently(t *testing.T) {
	t.Parallel()
	trie, slots := literalTrie(strings.Repeat("0.", 40)+"a", "0.#")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			spans := make([]span, trie.slots())
			for j := range 200 {
				text := strconv.Itoa(i*1000 + j)
				data := strings.Repeat("[", 40) + `{"a":` + text + "}" + strings.Repeat("]", 40)
				assert.Nil(t, trie.scan(data, spans, depthOf(512)))
				s := spans[slots[0]]
				assert.Equal(t, text, data[s.start:s.end])
			}
		})
	}
	wg.Wait()
}

// A scan must leave nothing of the one before in the spans.
func TestScanClears(t *testing.T) {
	t.Parallel()
	trie, slots := literalTrie("a", "a.#")
	spans := make([]span, trie.slots())
	require.Nil(t, trie.scan(`{"a":[1]}`, spans, depthOf(512)))
	assert.Equal(t, KindArray, spans[slots[0]].kind)
	require.Nil(t, trie.scan(`{"b":1}`, spans, depthOf(512)))
	assert.Equal(t, []span{{}, {}}, spans)
}

func TestScanKinds(t *testing.T) {
	t.Parallel()
	trie, _ := literalTrie("")
	spans := make([]span, 1)
	for data, want := range map[string]Kind{
		"null": KindNull, "true": KindBool, "false": KindBool, "0": KindNumber, "-1": KindNumber, "9.5": KindNumber,
		`""`: KindString, "[]": KindArray, "{}": KindObject,
	} {
		require.Nil(t, trie.scan(" "+data+" ", spans, depthOf(512)))
		assert.Equal(t, span{1, int32(1 + len(data)), want}, spans[0])
	}
}
