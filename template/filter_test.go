package template

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testLimit = 1 << 16

// value reads a value as tests write it: JSON, or nothing for a missing one.
func value(raw string) Value {
	if raw == "" {
		return Value{}
	}
	return newValue(raw)
}

// literals are arguments as the parser makes them of a JSON array.
func literals(raw string) (args []Value) {
	if raw != "" {
		for _, arg := range newValue(raw).Each {
			if arg.kind == KindString {
				arg = textValue(arg.String())
			}
			args = append(args, arg)
		}
	}
	return args
}

func bound(t *testing.T, name, args string) call {
	t.Helper()
	f, ok := builtin(name)
	require.True(t, ok, name)
	list := literals(args)
	b, argErr := f.bind(list, testLimit)
	require.Nil(t, argErr)
	return call{f: b, args: list}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter, args, in string
		kind             Kind
		text             string
	}{
		{"upper", "", `"aé\u00e9z{"`, KindString, "AÉÉZ{"},
		{"upper", "", `"straße\n"`, KindString, "STRAßE\n"},
		{"upper", "", `true`, KindString, "TRUE"},
		{"upper", "", `1e5`, KindString, "1E5"},
		{"upper", "", `null`, KindNull, ""},
		{"upper", "", ``, KindMissing, ""},
		{"lower", "", `"ÀB@[Z"`, KindString, "àb@[z"},
		{"title", "", `"hello wORLD o'neil they’re anna-maria 1st ǆ e\u0301a"`, KindString, "Hello WORLD O'neil They’re Anna-Maria 1st ǅ E\u0301a"},
		{"trim", "", `"\u00a0\t a b \r\n"`, KindString, "a b"},
		{"trim", "", `" a "`, KindString, "a"},
		{"trim", "", `12`, KindString, "12"},

		{"truncate", `[5]`, `"12345"`, KindString, "12345"},
		{"truncate", `[5]`, `"123456"`, KindString, "1234…"},
		{"truncate", `[5,"..."]`, `"123456"`, KindString, "12..."},
		{"truncate", `[3,"..."]`, `"1234"`, KindString, "..."},
		{"truncate", `[3,""]`, `"1234"`, KindString, "123"},
		{"truncate", `[1]`, `"éé"`, KindString, "…"},
		{"truncate", `[3]`, `"éééé"`, KindString, "éé…"},
		{"truncate", `[3]`, `"\u00e9\u00e9\u00e9\u00e9"`, KindString, "éé…"},
		{"truncate", `[3]`, `"ae\u0301\u0302x"`, KindString, "a…"},
		{"truncate", `[3,""]`, `"ae\u0301x"`, KindString, "ae\u0301"},
		{"truncate", `[3]`, `"a👍🏽bc"`, KindString, "a…"},
		{"truncate", `[5]`, `"a👩\u200d👩\u200d👧b"`, KindString, "a…"},
		{"truncate", `[2]`, `"\u0301\u0301\u0301"`, KindString, "…"},
		{"truncate", `[3]`, `12345`, KindString, "12…"},
		{"truncate", `[3]`, `""`, KindString, ""},

		{"replace", `["a","bb"]`, `"banana"`, KindString, "bbbnbbnbb"},
		{"replace", `["an",""]`, `"banana"`, KindString, "ba"},
		{"replace", `["\n"," "]`, `"a\nb\n"`, KindString, "a b "},
		{"replace", `["x","y"]`, `"aaa"`, KindString, "aaa"},
		{"replace", `[1,true]`, `121`, KindString, "true2true"},

		{"join", `[", "]`, `["a", 1.10,null,true,[1, 2],{"k":"v"},"\u00e9"]`, KindString, `a, 1.10, , true, [1, 2], {"k":"v"}, é`},
		{"join", `[""]`, `["a","b"]`, KindString, "ab"},
		{"join", `[0]`, `[1,2]`, KindString, "102"},
		{"join", `[","]`, `[ ]`, KindString, ""},
		{"join", `[","]`, `[""]`, KindString, ""},

		{"first", "", `[{"a":[1]},2]`, KindObject, `{"a":[1]}`},
		{"first", "", `["\u00e9"]`, KindString, "é"},
		{"first", "", `[null]`, KindNull, ""},
		{"first", "", `[ ]`, KindMissing, ""},
		{"last", "", `[1,[2 ] ]`, KindArray, "[2 ]"},
		{"last", "", `[]`, KindMissing, ""},
		{"len", "", `"aé\ud83d\ude00\n"`, KindNumber, "4"},
		{"len", "", `[1,[2,3]]`, KindNumber, "2"},
		{"len", "", `{}`, KindNumber, "0"},

		{"json", "", `[ 1, "a b\" ,\\" , { "k" :	null } ]`, KindString, `[1,"a b\" ,\\",{"k":null}]`},
		{"json", "", `"\u00e9"`, KindString, `"\u00e9"`},
		{"json", "", `1.10`, KindString, `1.10`},
		{"json", "", `null`, KindString, `null`},
		{"json", "", ``, KindMissing, ``},
		{"string", "", `1.10`, KindString, "1.10"},
		{"string", "", `null`, KindString, ""},
		{"string", "", `[1, 2]`, KindString, "[1, 2]"},
		{"string", "", ``, KindMissing, ""},
		{"number", "", `"1.10"`, KindNumber, "1.10"},
		{"number", "", `"-1e\u0035"`, KindNumber, "-1e5"},
		{"number", "", `5`, KindNumber, "5"},
		{"bool", "", `"false"`, KindBool, "false"},
		{"bool", "", `true`, KindBool, "true"},

		{"default", `["d"]`, ``, KindString, "d"},
		{"default", `["d"]`, `null`, KindString, "d"},
		{"default", `["d"]`, `""`, KindString, "d"},
		{"default", `[1.50]`, `[ ]`, KindNumber, "1.50"},
		{"default", `[true]`, `{}`, KindBool, "true"},
		{"default", `[null]`, ``, KindNull, ""},
		{"default", `["d"]`, `false`, KindBool, "false"},
		{"default", `["d"]`, `0`, KindNumber, "0"},
		{"default", `["d"]`, `" "`, KindString, " "},
		{"default", `["d"]`, `"\u00e9"`, KindString, "é"},
		{"default", `["d"]`, `[0]`, KindArray, "[0]"},

		{"date", `["2006-01-02 15:04:05 -0700"]`, `"2026-01-08T15:30:00+02:00"`, KindString, "2026-01-08 15:30:00 +0200"},
		{"date", `["2006-01-02T15:04:05Z07:00","UTC"]`, `"2026-01-08T15:30:00.25+02:00"`, KindString, "2026-01-08T13:30:00Z"},
		{"date", `["Jan 2 15:04 MST","America/New_York"]`, `"2026-01-08T15:30:00Z"`, KindString, "Jan 8 10:30 EST"},
		{"date", `["2006-01-02 15:04:05 MST"]`, `1700000000`, KindString, "2023-11-14 22:13:20 UTC"},
		{"date", `["15:04:05.000"]`, `1700000000123`, KindString, "22:13:20.123"},
		{"date", `["2006-01-02 15h"]`, `999999999999`, kindErr, "the number is not a time of the years 0 to 9999"},
		{"date", `["2006"]`, `-1`, KindString, "1969"},
		{"date", `["PM"]`, `0`, KindString, "AM"},
		{"date", `["2006"]`, `"2026-01-08"`, kindErr, "the string is not a time of RFC 3339"},
		{"date", `["2006"]`, `"1700000000"`, kindErr, "the string is not a time of RFC 3339"},
		{"date", `["2006"]`, `1.5`, kindErr, "the number is not whole, or out of range"},
		{"date", `["2006"]`, `17e8`, kindErr, "the number is not whole, or out of range"},
		{"date", `["2006"]`, `99999999999999999999`, kindErr, "the number is not whole, or out of range"},
		{"date", `["2006"]`, `9223372036854775807`, kindErr, "the number is not a time of the years 0 to 9999"},

		{"url", "", `"a b&\u00e9"`, KindString, "a+b%26%C3%A9"},
		{"url", "", `[1, 2]`, KindString, "%5B1%2C+2%5D"},
		{"urlpath", "", `"a b/\u00e9"`, KindString, "a%20b%2F%C3%A9"},
		{"urlpath", "", `"a/\u002e."`, kindErr, "template: value is not safe in its place: dot segment in the path of a URL"},
		{"html", "", `"<\u003c\""`, KindString, "&lt;&lt;&#34;"},
		{"slack", "", `"<!here>"`, KindString, "&lt;!here&gt;"},
		{"discord", "", `"*@x"`, KindString, "\\*@\u200bx"},
		{"base64", "", `"\u00ff?>~"`, KindString, "w78/Pn4="},
		{"raw", "", `"<\u00e9>"`, KindString, "<é>"},
		{"raw", "", `{"a": 1}`, KindObject, `{"a": 1}`},

		{"upper", "", `[1]`, kindErr, "want bool, number or string, have array"},
		{"trim", "", `{}`, kindErr, "want bool, number or string, have object"},
		{"join", `[","]`, `"secret"`, kindErr, "want array, have string"},
		{"first", "", `"secret"`, kindErr, "want array, have string"},
		{"len", "", `12345`, kindErr, "want string, array or object, have number"},
		{"number", "", `"secret"`, kindErr, "the string is not a number"},
		{"number", "", `" 1"`, kindErr, "the string is not a number"},
		{"number", "", `""`, kindErr, "the string is not a number"},
		{"number", "", `true`, kindErr, "want number or string, have bool"},
		{"bool", "", `"True"`, kindErr, "the string is neither true nor false"},
		{"bool", "", `1`, kindErr, "want bool or string, have number"},
		{"date", `["2006"]`, `true`, kindErr, "want number or string, have bool"},
	}
	for _, test := range tests {
		t.Run(test.filter+test.args+" "+test.in, func(t *testing.T) {
			t.Parallel()
			f := bound(t, test.filter, test.args)
			_, got, err := pipe([]byte("before"), value(test.in), []call{f}, testLimit)
			if test.kind == kindErr {
				failed, ok := errors.AsType[*FilterError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, test.filter, failed.Filter)
				assert.Equal(t, test.text, failed.Err.Error())
				assert.Equal(t, "template: filter "+test.filter+": "+strings.TrimPrefix(test.text, "template: "), err.Error())
				assert.Equal(t, f.f.takes(value(test.in).Kind()), !strings.HasPrefix(test.text, "want"))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.kind, got.Kind())
			assert.Equal(t, test.text, got.String())
			assert.True(t, json.Valid(got.AppendJSON(nil)))
			assert.True(t, f.f.takes(value(test.in).Kind()))
			// The same from a text that is plain already.
			if in := value(test.in); in.kind == KindString && test.filter != "json" {
				_, again, err := pipe(nil, textValue(in.String()), []call{f}, testLimit)
				require.NoError(t, err)
				assert.Equal(t, test.text, again.String())
			}
		})
	}
}

// kindErr stands for an error in the table.
const kindErr = KindObject + 1

func TestFilterArguments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter, args string
		index        int
		want         string
	}{
		{"upper", `[1]`, -1, "filter upper takes no arguments, not 1"},
		{"join", ``, -1, "filter join takes 1 argument, not 0"},
		{"replace", `["a"]`, -1, "filter replace takes 2 arguments, not 1"},
		{"truncate", ``, -1, "filter truncate takes 1 to 2 arguments, not 0"},
		{"truncate", `[1,"a","b"]`, -1, "filter truncate takes 1 to 2 arguments, not 3"},
		{"truncate", `["5"]`, 0, "argument 1 of filter truncate must be a number, not a string"},
		{"truncate", `[5,1]`, 1, "argument 2 of filter truncate must be a string, not a number"},
		{"truncate", `[0]`, 0, "argument 1 of filter truncate must be a whole number of at least 1"},
		{"truncate", `[-1]`, 0, "argument 1 of filter truncate must be a whole number of at least 1"},
		{"truncate", `[1.5]`, 0, "argument 1 of filter truncate must be a whole number of at least 1"},
		{"truncate", `[99999999999999999999]`, 0, "argument 1 of filter truncate must be a whole number of at least 1"},
		{"truncate", `[2,"..."]`, 1, "the suffix of filter truncate is longer than its length"},
		{"replace", `["","x"]`, 0, "argument 1 of filter replace is empty"},
		{"replace", `["a",null]`, 1, "argument 2 of filter replace must be a bool, number or string, not a null"},
		{"date", `["YYYY-MM-DD"]`, 0, "argument 1 of filter date is not a layout of Go, such as 2006-01-02 15:04:05"},
		{"date", `[""]`, 0, "argument 1 of filter date is not a layout of Go, such as 2006-01-02 15:04:05"},
		{"date", `["2006","Nowhere/City"]`, 1, "argument 2 of filter date is not the name of a time zone"},
		{"date", `["2006",""]`, 1, "argument 2 of filter date is not the name of a time zone"},
		{"date", `["2006","../../etc/passwd"]`, 1, "argument 2 of filter date is not the name of a time zone"},
	}
	for _, test := range tests {
		t.Run(test.filter+test.args, func(t *testing.T) {
			t.Parallel()
			f, ok := builtin(test.filter)
			require.True(t, ok)
			_, err := f.bind(literals(test.args), testLimit)
			require.NotNil(t, err)
			assert.Equal(t, test.index, err.index)
			assert.Equal(t, test.want, err.Error())
		})
	}
}

func TestBuiltins(t *testing.T) {
	t.Parallel()
	escapes := map[string]bool{"url": true, "urlpath": true, "html": true, "slack": true, "discord": true, "raw": true}
	for _, name := range []string{
		"base64", "bool", "date", "default", "discord", "first", "html", "join", "json", "last", "len", "lower", "number",
		"raw", "replace", "slack", "string", "title", "trim", "truncate", "upper", "url", "urlpath",
	} {
		f, ok := builtin(name)
		require.True(t, ok, name)
		assert.Equal(t, name, f.name)
		assert.Equal(t, escapes[name], f.escapes, name)
		assert.NotEqual(t, f.f == nil, f.prepare == nil, name)
		assert.True(t, f.takes(KindNull) && f.takes(KindMissing), name)
	}
	for _, name := range []string{"", "Upper", "sha256", "header"} {
		_, ok := builtin(name)
		assert.False(t, ok, name)
	}
}

func TestPipe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		in    string
		calls []call
		want  string
	}{
		{"text to text", `" \u00e9 <"`, []call{bound(t, "trim", ""), bound(t, "upper", ""), bound(t, "html", "")}, `"É &lt;"`},
		{"a value stays one", `[[1.10,{"a":2}]]`, []call{bound(t, "first", ""), bound(t, "last", "")}, `{"a":2}`},
		{"nothing, then a default", `[]`, []call{bound(t, "first", ""), bound(t, "upper", ""), bound(t, "default", `["none"]`)}, `"none"`},
		{"nothing at all", `[]`, []call{bound(t, "last", ""), bound(t, "json", "")}, `null`},
		{"null past filters", `null`, []call{bound(t, "upper", ""), bound(t, "len", "")}, `null`},
		{"null by name", `null`, []call{bound(t, "upper", ""), bound(t, "json", "")}, `"null"`},
		{"text to a number", `"\u0035"`, []call{bound(t, "number", "")}, `5`},
		{"a number through text", `[1,2,3]`, []call{bound(t, "len", ""), bound(t, "truncate", "[5]"), bound(t, "number", "")}, `3`},
		{"no filters", `{"a":1}`, nil, `{"a":1}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for size := range 40 { // wherever the buffer has to grow
				_, got, err := pipe(make([]byte, 0, size), value(test.in), test.calls, testLimit)
				require.NoError(t, err)
				assert.Equal(t, test.want, string(got.AppendJSON(nil)))
			}
		})
	}
}

func TestPipeLimit(t *testing.T) {
	t.Parallel()
	long := textValue(strings.Repeat("a", 1000))
	array := newValue("[" + strings.Repeat("0,", 999) + "0]")
	many := `"` + strings.Repeat("x", 1000) + `"`
	tests := []struct {
		name string
		in   Value
		call call
		ok   bool
	}{
		{"replace", long, bound(t, "replace", `["a",`+many+`]`), false},
		{"replace a little", long, bound(t, "replace", `["a","`+strings.Repeat("x", 65)+`"]`), true},
		{"replace too much", long, bound(t, "replace", `["a","`+strings.Repeat("x", 66)+`"]`), false},
		{"join", array, bound(t, "join", `[`+many+`]`), false},
		{"join a little", array, bound(t, "join", `["`+strings.Repeat("x", 64)+`"]`), true},
		{"html", textValue(strings.Repeat("&", testLimit/5+1)), bound(t, "html", ""), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			buf, got, err := pipe([]byte("b"), test.in, []call{test.call}, testLimit)
			if test.ok {
				require.NoError(t, err)
				assert.True(t, got.Exists())
				return
			}
			require.ErrorIs(t, err, ErrOutputTooLarge)
			assert.Equal(t, "b", string(buf))
			assert.LessOrEqual(t, cap(buf), testLimit, "no more was made than is allowed")
		})
	}
}

//nolint:paralleltest // allocations are counted over the whole process
func TestFilterAllocations(t *testing.T) {
	calls := map[string]call{
		"date": bound(t, "date", `["2006-01-02","America/New_York"]`), "truncate": bound(t, "truncate", "[5]"),
		"replace": bound(t, "replace", `["a","b"]`), "default": bound(t, "default", `["d"]`),
	}
	for _, name := range []string{"upper", "lower", "title", "trim", "json", "string", "url", "urlpath", "html", "slack", "discord", "base64", "raw", "len"} {
		calls[name] = bound(t, name, "")
	}
	buf := make([]byte, 0, 1<<10)
	for name, c := range calls {
		in := newValue(`" a\u00e9 \"b\" <c> \n"`)
		if name == "date" {
			in = newValue(`"2026-01-08T15:30:00Z"`)
		}
		chain := []call{c}
		assert.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = pipe(buf, in, chain, testLimit) }), name)
	}
	list := newValue(`["a\n",2,{"b":3}]`)
	chain := []call{bound(t, "join", `[", "]`), bound(t, "upper", "")}
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = pipe(buf, list, chain, testLimit) }))
}

func FuzzTextFilters(f *testing.F) {
	for _, s := range []string{"", "aé", "e\u0301", "👩\u200d👩\u200d👧", "\xff", " a ", "ǆ ß ı İ"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 1 || n > 100 || !utf8.ValidString(s) || len(s) > testLimit/6 {
			return
		}
		run := func(name string, args ...Value) string {
			f, ok := builtin(name)
			require.True(t, ok)
			f, argErr := f.bind(args, testLimit)
			require.Nil(t, argErr)
			in := newValue(textValue(s).Raw())
			_, v, err := pipe(nil, in, []call{{f, args}}, testLimit)
			require.NoError(t, err)
			return v.String()
		}
		assert.Equal(t, strings.ToUpper(s), run("upper"))
		assert.Equal(t, strings.ToLower(s), run("lower"))
		assert.Equal(t, strings.TrimSpace(s), run("trim"))
		assert.Equal(t, utf8.RuneCountInString(s), utf8.RuneCountInString(run("title")))
		assert.Equal(t, strings.ReplaceAll(s, "a", "bc"), run("replace", textValue("a"), textValue("bc")))

		cut := run("truncate", newValue(strconv.Itoa(n)))
		assert.True(t, utf8.ValidString(cut))
		if utf8.RuneCountInString(s) <= n {
			assert.Equal(t, s, cut)
		} else {
			assert.LessOrEqual(t, utf8.RuneCountInString(cut), n)
			assert.True(t, strings.HasPrefix(s, strings.TrimSuffix(cut, "…")))
			assert.True(t, strings.HasSuffix(cut, "…"))
		}
	})
}
