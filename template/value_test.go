package template

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

func TestValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v    Value
		kind Kind
		text string
		json string
		n    int
	}{
		{Value{}, KindMissing, "", "null", 0},
		{newValue("null"), KindNull, "", "null", 0},
		{newValue("true"), KindBool, "true", "true", 0},
		{newValue("false"), KindBool, "false", "false", 0},
		{newValue("-0.0"), KindNumber, "-0.0", "-0.0", 0},
		{newValue("1.10"), KindNumber, "1.10", "1.10", 0},
		{newValue("1E+2"), KindNumber, "1E+2", "1E+2", 0},
		{newValue("12345678901234567890"), KindNumber, "12345678901234567890", "12345678901234567890", 0},
		{newValue(`""`), KindString, "", `""`, 0},
		{newValue(`"aé😀"`), KindString, "aé😀", `"aé😀"`, 3},
		{newValue(`"\"\\\/\b\f\n\r\t"`), KindString, "\"\\/\b\f\n\r\t", `"\"\\\/\b\f\n\r\t"`, 8},
		{newValue(`"x\u00e9\u00E9y"`), KindString, "xééy", `"x\u00e9\u00E9y"`, 4},
		{newValue(`"\ud83d\ude00"`), KindString, "😀", `"\ud83d\ude00"`, 1},
		{newValue(`"\uD83D\uDE00!"`), KindString, "😀!", `"\uD83D\uDE00!"`, 2},
		{newValue(`"\ud83d"`), KindString, "\ufffd", `"\ud83d"`, 1},
		{newValue(`"\ude00x"`), KindString, "\ufffdx", `"\ude00x"`, 2},
		{newValue(`"\ud83d\ud83d\ude00"`), KindString, "\ufffd😀", `"\ud83d\ud83d\ude00"`, 2},
		{newValue(`"\ud83d\u0041"`), KindString, "\ufffdA", `"\ud83d\u0041"`, 2},
		{newValue(`"\ud83d\n"`), KindString, "\ufffd\n", `"\ud83d\n"`, 2},
		{newValue(`"\ud83dabcdefgh"`), KindString, "\ufffdabcdefgh", `"\ud83dabcdefgh"`, 9},
		{newValue(`[ ]`), KindArray, `[ ]`, `[ ]`, 0},
		{newValue(`[1, [2,"]"], {"a":[]} ]`), KindArray, `[1, [2,"]"], {"a":[]} ]`, `[1, [2,"]"], {"a":[]} ]`, 3},
		{newValue(`{"a" : 1,"a":"}"}`), KindObject, `{"a" : 1,"a":"}"}`, `{"a" : 1,"a":"}"}`, 2},
		{textValue(""), KindString, "", `""`, 0},
		{textValue(`a"\` + "\n\x01é\u2028"), KindString, "a\"\\\n\x01é\u2028", `"a\"\\\n\u0001é` + "\u2028" + `"`, 7},
		{textValue("a\xffb\xc3"), KindString, "a\xffb\xc3", "\"a\ufffdb\ufffd\"", 4},
	}
	for _, test := range tests {
		t.Run(test.json, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.kind, test.v.Kind())
			assert.Equal(t, test.kind != KindMissing, test.v.Exists())
			assert.Equal(t, ">"+test.text, string(test.v.AppendText([]byte(">"))))
			assert.Equal(t, test.text, test.v.String())
			got := test.v.AppendJSON([]byte(">"))
			assert.Equal(t, ">"+test.json, string(got))
			assert.True(t, json.Valid(got[1:]))
			if test.kind != KindMissing {
				assert.Equal(t, test.json, test.v.Raw())
			} else {
				assert.Empty(t, test.v.Raw())
			}
			assert.Equal(t, test.n, test.v.Len())
		})
	}
}

func TestEach(t *testing.T) {
	t.Parallel()
	tests := []struct {
		json string
		want []string
	}{
		{`"a"`, nil},
		{`1`, nil},
		{`null`, nil},
		{`[]`, nil},
		{"{ \n}", nil},
		{`[1]`, []string{":1"}},
		{"[ 1 ,\t\"a,]\\\"\\\\\" , [ [ ] ,{}], true,null\r\n]", []string{":1", `:"a,]\"\\"`, ":[ [ ] ,{}]", ":true", ":null"}},
		{`{"a":1,"b\"":{"c":[1,{"d":"}"}]} , "a" :"x:y"}`, []string{`"a":1`, `"b\"":{"c":[1,{"d":"}"}]}`, `"a":"x:y"`}},
		{`{"":{}}`, []string{`"":{}`}},
	}
	for _, test := range tests {
		t.Run(test.json, func(t *testing.T) {
			t.Parallel()
			var got []string
			for key, item := range newValue(test.json).Each {
				got = append(got, key.Raw()+":"+item.Raw())
			}
			assert.Equal(t, test.want, got)
			for key, item := range newValue(test.json).Each {
				assert.Equal(t, test.want[0], key.Raw()+":"+item.Raw())
				break
			}
		})
	}
	var missing Value
	for range missing.Each {
		t.Error("a missing value has an item")
	}
}

func TestEachNeedsNoStack(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)
	for _, item := range newValue("[" + deep + ",1]").Each {
		assert.Len(t, item.Raw(), len(deep))
		break
	}
	assert.Equal(t, 2, newValue("["+deep+",1]").Len())
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for _, v := range []Value{{}, textValue(""), newValue("null"), newValue(`""`), newValue("[\n]"), newValue("{ }")} {
		assert.True(t, v.isEmpty(), v.raw)
	}
	for _, v := range []Value{textValue(" "), newValue("false"), newValue("0"), newValue(`" "`), newValue("[[]]"), newValue(`{"":0}`)} {
		assert.False(t, v.isEmpty(), v.raw)
	}
}

func TestNumberModes(t *testing.T) {
	t.Parallel()
	for _, n := range []string{
		"0", "-0", "-0.0", "1.10", "1.0", "1e3", "1E-7", "-12.50", "12345678901234567890", "1e400", "-1e400", "0.1e1", "1e22",
	} {
		v := newValue(n)
		assert.Equal(t, gjson.Parse(n).String(), string(v.appendText(nil, NumberGJSON)))
		assert.Equal(t, n, string(v.appendText(nil, NumberRaw)))
	}
	assert.Equal(t, "1.10", string(newValue(`"1.10"`).appendText(nil, NumberGJSON)))
	assert.Equal(t, "[1.10]", string(newValue(`[1.10]`).appendText(nil, NumberGJSON)))
}

func TestIsNumber(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0", "-0", "10", "1.5", "0.5", "1e5", "1E+5", "1e-05", "-1.25e10"} {
		assert.True(t, isNumber(s), s)
	}
	for _, s := range []string{"", "-", "01", "-01", "1.", ".5", "+1", "1e", "1e+", "1.e1", "0x1", "1_0", "1 ", " 1", "NaN", "Inf", "1e5.5", "--1"} {
		assert.False(t, isNumber(s), s)
	}
}

func TestFromGJSON(t *testing.T) {
	t.Parallel()
	const data = `{"s":"a\u00e9","n": 1.10 ,"t":true,"f":false,"z":null,"a":[ {"x":1},{"x":"2"} ]}`
	tests := []struct {
		path string
		kind Kind
		json string
	}{
		{"s", KindString, `"a\u00e9"`},
		{"n", KindNumber, "1.10"},
		{"t", KindBool, "true"},
		{"f", KindBool, "false"},
		{"z", KindNull, "null"},
		{"none", KindMissing, "null"},
		{"a", KindArray, `[ {"x":1},{"x":"2"} ]`},
		{"a.#", KindNumber, "2"},
		{"a.#.x", KindArray, `[1,"2"]`},
		{`a.#(x=="2").x`, KindString, `"2"`},
		{"a.#(x==5)#", KindArray, "[]"},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			v := fromGJSON(gjson.Get(data, test.path))
			assert.Equal(t, test.kind, v.Kind())
			assert.Equal(t, test.json, string(v.AppendJSON(nil)))
		})
	}
	assert.Equal(t, "[1]", fromGJSON(gjson.Parse(" [1]\n")).Raw())
	assert.False(t, fromGJSON(gjson.Result{}).Exists())
}

func TestIsJSON(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"1", `"]"`, `{"[":[{}]}`, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)} {
		assert.True(t, isJSON(s), s)
	}
	for _, s := range []string{"", "01", `"a`, `{"a":tru}`, "[1", "]", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat("[", 20_000_000)} {
		assert.False(t, isJSON(s))
	}
}

func TestKindNames(t *testing.T) {
	t.Parallel()
	var names []string
	for k := KindMissing; k <= KindObject+1; k++ {
		names = append(names, k.String())
	}
	assert.Equal(t, []string{"missing", "null", "bool", "number", "string", "array", "object", "kind 7"}, names)
	assert.Equal(t, "bool, number or string", setScalar.String())
	assert.Equal(t, "array", setArray.String())
}

//nolint:paralleltest // allocations are counted over the whole process
func TestValueAllocations(t *testing.T) {
	dst := make([]byte, 0, 1<<10)
	values := []Value{
		newValue(`"a\u00e9\n"`), newValue("1.10"), newValue(`[1,{"a":"\""}]`), textValue("a\"é\n"), newValue("null"), {},
	}
	object := newValue(`{"a":[1,2,3],"b":"x","c":{}}`)
	tests := map[string]func(){
		"AppendText": func() {
			for _, v := range values {
				dst = v.AppendText(dst[:0])
			}
		},
		"AppendJSON": func() {
			for _, v := range values {
				dst = v.AppendJSON(dst[:0])
			}
		},
		"numbers": func() { dst = newValue("1.10").appendText(dst[:0], NumberGJSON) },
		"Len":     func() { _ = object.Len() + values[0].Len() },
		"Each": func() {
			for key, item := range object.Each {
				dst = item.AppendJSON(key.AppendText(dst[:0]))
			}
		},
	}
	for name, f := range tests {
		assert.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

func FuzzValueText(f *testing.F) {
	for _, s := range []string{"", "a", `\"`, `\ud83d\ude00`, `\ud83d`, `\ude00\ud83d`, `\ud83d\ud83d\ude00`, `\uFfFd`, `é\/`, `\\\\`, `\u0000`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, inside string) {
		raw := `"` + inside + `"`
		var want string
		if json.Unmarshal([]byte(raw), &want) != nil || strings.ToValidUTF8(raw, "") != raw {
			return
		}
		v := newValue(raw)
		assert.Equal(t, want, string(v.AppendText(nil)))
		assert.Equal(t, len([]rune(want)), v.Len())
		assert.Equal(t, want == "", v.isEmpty())

		encoded := textValue(want).AppendJSON(nil)
		var back string
		require.NoError(t, json.Unmarshal(encoded, &back), string(encoded))
		assert.Equal(t, want, back)
	})
}

// FuzzTextJSON encodes any bytes: U+FFFD is where they are not UTF-8, as in
// encoding/json.
func FuzzTextJSON(f *testing.F) {
	for _, s := range []string{"", "a\"\\", "\x00\x1f\x7f", "\xff", "a\xc3", "\xed\xa0\x80", "\ufffd", "\u2028é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded := textValue(s).AppendJSON(nil)
		std, err := json.Marshal(s)
		require.NoError(t, err)
		var got, want string
		require.NoError(t, json.Unmarshal(encoded, &got), string(encoded))
		require.NoError(t, json.Unmarshal(std, &want))
		assert.Equal(t, want, got)
	})
}

func FuzzEach(f *testing.F) {
	for _, s := range []string{`[]`, `{}`, `[1,"a",[],{"b":null}]`, `{"a":[1 , 2],"\"":"\\","a":{}}`, ` [ true ] `, `"x"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		v := newValue(string(bytes.TrimSpace(data)))
		assert.True(t, json.Valid(v.AppendJSON(nil)))
		var got [][2]string
		for key, item := range v.Each {
			got = append(got, [2]string{key.Raw(), item.Raw()})
			assert.True(t, json.Valid([]byte(item.Raw())))
		}
		assert.Equal(t, children(t, data), got)

		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, data))
		if v.kind >= KindArray {
			assert.Len(t, got, v.Len())
			out, _, err := filterJSON(nil, v, nil)
			require.NoError(t, err)
			assert.Equal(t, compact.String(), string(out))
		}
	})
}

// children reads the keys and items by encoding/json.
func children(t *testing.T, data []byte) (list [][2]string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	open, err := d.Token()
	require.NoError(t, err)
	if open != json.Delim('[') && open != json.Delim('{') {
		return nil
	}
	for d.More() {
		var child [2]string
		if open == json.Delim('{') {
			before := d.InputOffset()
			_, err := d.Token()
			require.NoError(t, err)
			child[0] = string(bytes.Trim(data[before:d.InputOffset()], ", \t\r\n"))
		}
		var item json.RawMessage
		require.NoError(t, d.Decode(&item))
		child[1] = string(item)
		list = append(list, child)
	}
	return list
}
