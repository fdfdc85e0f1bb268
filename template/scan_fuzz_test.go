package template

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func scanSeeds() []string {
	return []string{
		`{"a":{"b":[1,2,{"c":"x"}]},"\u0061":-0.5e+3}`, "[]", "{}", " [ true , false , null ] ", `"\ud83d\ude00é"`,
		`{"a":1,"a":{"b":2}}`, "[\"\xff\"]", "[01]", `{"a":`, `[[[[1]]],"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"]`,
		"[\"12345678\x01\"]", bom + "1", `{"a":{},"a":{"b":1},"b":{"c":[]}}`, `{"a":[0,{"b":1}],"0":[[1,{"a":2}]]}`,
	}
}

// FuzzScanValid compares with encoding/json, and looks at what a scan returns.
func FuzzScanValid(f *testing.F) {
	for _, seed := range scanSeeds() {
		f.Add(seed)
	}
	some, _ := literalTrie("", "a.b", "a.0", "0.0", "0.a", "#", "a.#", "b", "00", "c.c.c.c.c.c.c.c.c.c")
	const depth = 512
	f.Fuzz(func(t *testing.T, data string) {
		valid := json.Valid([]byte(strings.TrimPrefix(data, bom))) && utf8.ValidString(data)
		for _, trie := range []*trie{newTrie(), some} {
			spans := make([]span, trie.slots())
			if err := trie.scan(data, spans, depthOf(depth)); err != nil {
				require.True(t, err.Offset >= 0 && err.Offset <= len(data))
				if err.Msg == msgDepth {
					require.Greater(t, strings.Count(data, "[")+strings.Count(data, "{"), depth)
				} else {
					require.False(t, valid, err)
				}
				continue
			}
			require.True(t, valid)
			for _, s := range spans {
				switch {
				case s.kind == KindMissing:
					require.Zero(t, s)
				case s.start < 0:
					require.Equal(t, span{-1, s.end, KindNumber}, s)
					require.LessOrEqual(t, int(s.end), len(data)/2)
				default:
					raw := data[s.start:s.end]
					require.True(t, json.Valid([]byte(raw)))
					require.Equal(t, strings.TrimSpace(raw), raw)
				}
			}
		}
	})
}

// FuzzScanPaths compares with gjson, for one path among others.
func FuzzScanPaths(f *testing.F) {
	for _, seed := range scanSeeds() {
		for _, path := range []string{"a.b", "0.0", "a.#", "a.b.2.c", "é", "0.00.a"} {
			f.Add(seed, path)
		}
	}
	f.Fuzz(func(t *testing.T, data, path string) {
		if !json.Valid([]byte(data)) || !utf8.ValidString(data+path) || strings.Contains(strings.TrimSuffix(path, ".#"), "#") {
			return
		}
		paths := []string{"zz", path, "a.b", "a.1", "a.01", path + ".x", "a", "a.#", "0.1.a", "b.c", "b.c.d", path + ".0", "0.0", "0", "0.01"}
		trie, slots := literalTrie(paths...)
		spans := make([]span, trie.slots())
		if err := trie.scan(data, spans, depthOf(512)); err != nil {
			return // too deep
		}
		values := scanned(t, data, paths...)
		for i, path := range paths {
			if strings.Contains(path, "#.") {
				require.Equal(t, slots[1], slots[i]) // literalSteps ends at #
				continue
			}
			if want, ok := byGJSON(data, path); ok && !strings.Contains(path, "\\") {
				require.Equal(t, want, values[i], path)
			}
		}
	})
}

// documents makes JSON from the bytes of a fuzzer, with few names, so that
// they repeat and paths lead somewhere.
type documents struct{ bytes []byte }

func (d *documents) pick(choices ...string) string {
	if len(d.bytes) == 0 {
		return choices[0]
	}
	c := choices[int(d.bytes[0])%len(choices)]
	d.bytes = d.bytes[1:]
	return c
}

func (d *documents) space() string { return d.pick("", "", "", " ", "\n      ", "\t         ") }

func (d *documents) value(depth int) string {
	kind := d.pick("1", "{", "[", "{", "[", "2", "-0.5e+10", `"x"`, `"a long text, \"quoted\" and \\"`, `"\u00e9é"`, "true", "null", "4711")
	if kind != "{" && kind != "[" {
		return kind
	}
	if depth == 0 {
		return "0"
	}
	var parts []string
	for range d.pick("", "1", "22", "333", "4444") {
		name := ""
		if kind == "{" {
			name = d.pick(`"a"`, `"b"`, `"0"`, `"00"`, `"1"`, `"\u0061"`, `"a\u0062"`, `"é"`, `"longer name"`) + d.space() + ":" + d.space()
		}
		parts = append(parts, name+d.value(depth-1)+d.space())
	}
	return kind + d.space() + strings.Join(parts, ","+d.space()) + map[string]string{"{": "}", "[": "]"}[kind]
}

// FuzzScanDocuments compares with gjson over documents that are valid, and with
// encoding/json after a byte of them is replaced.
func FuzzScanDocuments(f *testing.F) {
	f.Add([]byte("\x01\x03\x00\x00\x00\x01\x02\x00\x00"), 3, byte('}'))
	f.Add([]byte("\x02\x04\x01\x03\x00\x01\x02\x00\x07\x02\x04\x00\x05\x01\x00\x03"), 7, byte('"'))
	f.Add([]byte(strings.Repeat("\x01\x02\x05\x00\x02\x03", 30)), 20, byte('\\'))
	f.Fuzz(func(t *testing.T, source []byte, at int, c byte) {
		d := documents{source}
		data := d.space() + "[" + d.value(4) + d.space() + "," + d.value(5) + "]" + d.space()
		if d.pick("[", "{") == "{" {
			data = `{"a":` + data + `,"b":` + d.value(3) + `,"a":` + d.value(3) + `}`
		}
		require.True(t, json.Valid([]byte(data)), data)
		var paths []string
		for range 1 + len(d.pick("", "1", "22", "4444", "12345678")) {
			parts := []string{d.pick("a", "0", "1", "b")}
			for range d.pick("", "1", "22", "333", "4444") {
				parts = append(parts, d.pick("a", "0", "b", "1", "00", "01", "ab", "é", "longer name", "2"))
			}
			paths = append(paths, strings.Join(parts, ".")+d.pick("", "", ".#"))
		}
		values := scanned(t, data, paths...)
		for i, path := range paths {
			if want, ok := byGJSON(data, path); ok {
				require.Equal(t, want, values[i], "%s of %s", path, data)
			}
		}

		wrong := []byte(data)
		wrong[uint(at)%uint(len(wrong))] = c
		trie, _ := literalTrie(paths...)
		err := trie.scan(string(wrong), make([]span, trie.slots()), depthOf(512))
		require.Equal(t, json.Valid(wrong) && utf8.Valid(wrong), err == nil, string(wrong))
	})
}
