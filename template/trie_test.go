package template

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// literalSteps reads paths like "a.0.b" and "a.#", without escapes; "" is the
// whole data.
func literalSteps(path string) (steps []step, length bool) {
	if path == "" {
		return nil, false
	}
	for part := range strings.SplitSeq(path, ".") {
		if part == "#" {
			return steps, true
		}
		index := -1
		if n, err := strconv.ParseUint(part, 10, 31); err == nil {
			index = int(n)
		}
		steps = append(steps, step{key: part, index: index})
	}
	return steps, false
}

func literalTrie(paths ...string) (t *trie, slots []int) {
	t = newTrie()
	for _, path := range paths {
		slots = append(slots, t.add(literalSteps(path)))
	}
	return t, slots
}

func depthOf(n int) scanLimits { return scanLimits{depth: n} }

// scanned renders the spans of paths, one after the other: the raw text, #n for
// a length, and - for what is missing.
func scanned(t *testing.T, data string, paths ...string) (values []string) {
	t.Helper()
	trie, slots := literalTrie(paths...)
	spans := make([]span, trie.slots())
	require.Nil(t, trie.scan(data, spans, depthOf(512)), data)
	for _, slot := range slots {
		switch s := spans[slot]; {
		case s.kind == KindMissing:
			values = append(values, "-")
		case s.start < 0:
			assert.Equal(t, KindNumber, s.kind)
			values = append(values, "#"+strconv.Itoa(int(s.end)))
		default:
			values = append(values, data[s.start:s.end])
		}
	}
	return values
}

// byGJSON is what gjson gives for a path, as scanned renders it; not ok where
// the two differ on purpose: gjson looks into a string that is the whole data,
// and takes # for a name, too.
func byGJSON(data, path string) (value string, ok bool) {
	data = strings.TrimPrefix(data, bom)
	if path == "" || strings.IndexByte("{[", strings.TrimSpace(data)[0]) < 0 {
		return "", false
	}
	parts := strings.Split(path, ".")
	length := parts[len(parts)-1] == "#"
	for i, part := range parts {
		if part == "" {
			return "", false
		}
		if part != "#" {
			parts[i] = gjson.Escape(part)
		}
	}
	r := gjson.Get(data, strings.Join(parts, "."))
	switch {
	case !r.Exists():
		return "-", true
	case length:
		of := gjson.Get(data, strings.Join(parts[:len(parts)-1], "."))
		return "#" + r.Raw, len(parts) == 1 || of.IsArray()
	default:
		return strings.TrimSpace(r.Raw), true
	}
}

func TestTrieSlots(t *testing.T) {
	t.Parallel()
	trie, slots := literalTrie("a", "a.b", "a", "a.#", "a.b", "", "a.#", "#", "a.1", "a.01", "a.01", "a.1.x", "a.01.x")
	assert.Equal(t, []int{0, 1, 0, 2, 1, 3, 2, 4, 5, 6, 6, 7, 8}, slots)
	assert.Equal(t, 9, trie.slots())
	assert.Zero(t, newTrie().slots())
}

func TestTrieManyKids(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 7, 8, 9, 100} {
		var paths, members []string
		for i := range n {
			paths = append(paths, fmt.Sprintf("%s%d", strings.Repeat("k", i), i))
			members = append(members, fmt.Sprintf(`"%s%d":%d,"x%d":[0]`, strings.Repeat("k", i), i, i, i))
		}
		values := scanned(t, "{"+strings.Join(members, ",")+"}", paths...)
		for i := range n {
			assert.Equal(t, strconv.Itoa(i), values[i], paths[i])
		}
	}
}

func TestTrieLongPaths(t *testing.T) {
	t.Parallel()
	for n := range 2 * shallow {
		data := strings.Repeat("[", n) + "[1,2]" + strings.Repeat("]", n)
		assert.Equal(t, []string{"#2"}, scanned(t, data, strings.Repeat("0.", n)+"#"))
		assert.Equal(t, []string{"2"}, scanned(t, data, strings.Repeat("0.", n)+"1"))
		assert.Equal(t, []string{"[1,2]"}, scanned(t, data, strings.TrimSuffix(strings.Repeat("0.", n), ".")))
	}
}

func TestScanPaths(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		data  string
		paths string // separated by space; "." is the whole data
		want  []string
	}{
		{`{"a":1}`, "a b a.b a.0 a.#", []string{"1", "-", "-", "-", "-"}},
		{`{"a":"x","b":{"c":[null,true]}}`, "a b b.c b.c.0 b.c.1 b.c.2 b.d", []string{`"x"`, `{"c":[null,true]}`, `[null,true]`, "null", "true", "-", "-"}},
		{` [ { "a" : -1.5e3 } , [ ] ] `, ". 0 0.a 1 1.0", []string{`[ { "a" : -1.5e3 } , [ ] ]`, `{ "a" : -1.5e3 }`, "-1.5e3", "[ ]", "-"}},
		{` "a" `, ". a 0 #", []string{`"a"`, "-", "-", "-"}},
		{" \t\r\n7\t\r\n ", ".", []string{"7"}},
		{"\ufeff {\"a\":1}", ". a", []string{`{"a":1}`, "1"}},

		// Lengths.
		{`[]`, "# 0", []string{"#0", "-"}},
		{`[1,[2],{"a":3},"4,5"]`, "# 1.# 2.# 3.# 1.0 2.a", []string{"#4", "#1", "-", "-", "2", "3"}},
		{`{"a":[ [ ] , [ 1 , 2 ] ]}`, "a.# a.0.# a.1.# a a.1.1 a.7", []string{"#2", "#0", "#2", "[ [ ] , [ 1 , 2 ] ]", "2", "-"}},
		{`{"a":{"#":1}}`, "a.#", []string{"-"}},
		{`[0,1,2,3,4,5]`, "# 1", []string{"#6", "1"}},
		{`{"a":[],"a":[],"b":1}`, "a.# b", []string{"#0", "1"}},
		{`{"p":{"a":{"b":1},"a":[1]},"q":2}`, "p.a.b p.a.# q", []string{"1", "#1", "2"}},
		{`{"p":{"a":[{},2],"a":[{"b":1},2]},"q":2}`, "p.a.0.b p.a.# p.a q", []string{"1", "#2", "[{},2]", "2"}},

		// Digits are a name in an object and a number in an array.
		{`{"0":"a","00":"b","1":["x","y"]}`, "0 00 1.1 1.01 01", []string{`"a"`, `"b"`, `"y"`, `"y"`, "-"}},
		{`[[1,2],[3,4]]`, "1.0 01.00 1 01 0.1 00.1 2 -1", []string{"3", "3", "[3,4]", "[3,4]", "2", "2", "-", "-"}},
		{`[0,1,2,3,4,5]`, "4 2 0 5 2147483647", []string{"4", "2", "0", "5", "-"}},

		// The first value that the whole path leads to.
		{`{"a":1,"a":2}`, "a", []string{"1"}},
		{`{"a":{},"a":{"b":1},"a":{"b":2,"c":3}}`, "a a.b a.c", []string{"{}", "1", "3"}},
		{`{"a":1,"a":[1],"a":[1,2]}`, "a.# a.1 a.0", []string{"#1", "2", "1"}},
		{`{"a":{"b":1},"a":{"b":{"c":2}},"z":3}`, "a.b a.b.c z", []string{"1", "2", "3"}},
		{`{"a":{"b":1,"c":2},"a":{"b":3},"z":4,"a":{"d":5}}`, "a.b a.c a.d z", []string{"1", "2", "5", "4"}},

		// Names with escapes.
		{`{"\u0061":{"b\n\/\\\"":1}}`, "a a.b\n/\\\"", []string{`{"b\n\/\\\"":1}`, "1"}},
		{`{"\ud83d\ude00":1,"\ud83d\u0061":2,"\ude00\ud83d":3,"\ud83d":4,"\b\f\r\t":5,"\uD83Dx":6}`, "😀 \ufffda \ufffd\ufffd \ufffd \b\f\r\t \ufffdx", []string{"1", "2", "3", "4", "5", "6"}},
		{`{"\u00e9":1,"é":2,"\u0000":3}`, "é \x00", []string{"1", "3"}},
		{`{"":1,"a":{"":2}}`, "a. a", []string{"2", `{"":2}`}},
		{`{"` + strings.Repeat(`\u0061`, 600) + `":1,"` + strings.Repeat("a", 600) + `":2,"\u0061":3}`, "a " + strings.Repeat("a", 600), []string{"3", "1"}},
		{`{"\u0061b":1,"a":2}`, "a", []string{"2"}},
		{`{"\u0061bcdef":1,"a":2}`, "abcdef a", []string{"1", "2"}},
		{`{"\u0061` + strings.Repeat("a", 100) + `\u0061":1,"a":2}`, "a", []string{"2"}},
	} {
		t.Run(fmt.Sprintf("%.40s", tc.data), func(t *testing.T) {
			t.Parallel()
			paths := strings.Split(tc.paths, " ")
			for i, path := range paths {
				paths[i] = strings.TrimPrefix(path, ".")
			}
			assert.Equal(t, tc.want, scanned(t, tc.data, paths...))
			for i, path := range paths {
				assert.Equal(t, tc.want[i:i+1], scanned(t, tc.data, path), "alone: %q", path)
				if want, ok := byGJSON(tc.data, path); ok {
					assert.Equal(t, want, tc.want[i], "gjson: %q", path)
				}
			}
		})
	}
}
