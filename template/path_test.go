package template

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// parsePath compiles a path that is a tag of its own.
func parsePath(t *testing.T, text string) *path {
	t.Helper()
	nodes, err := parse("{{ "+text+" }}", testConfig())
	require.Nil(t, err, "%s: %v", text, err)
	require.Len(t, nodes, 1)
	require.NotNil(t, nodes[0].tag)
	require.NotNil(t, nodes[0].tag.operands[0].path)
	return nodes[0].tag.operands[0].path
}

func keys(names ...string) []step {
	var steps []step
	for _, n := range names {
		steps = append(steps, step{key: n, index: -1})
	}
	return steps
}

func TestPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text   string
		prefix []step
		rest   string
		stages []string
	}{
		{"a.b|c", keys("a", "b", "c"), "", nil},
		{"a.0.01", []step{{"a", -1}, {"0", 0}, {"01", 1}}, "", nil},
		{`\0.4294967296.99999999999999999999.-1`, keys("0", "4294967296", "99999999999999999999", "-1"), "", nil},
		{"2147483647", []step{{"2147483647", math.MaxInt32}}, "", nil},
		{`a\.b.c\|d.\\.\*.x\yz`, keys("a.b", "c|d", `\`, "*", "xyz"), "", nil},
		{"@type.user@host.@", keys("@type", "user@host", "@"), "", nil},
		{"a.#", keys("a"), "", nil},
		{"a.##.#x.x#", keys("a", "##", "#x", "x#"), "", nil},
		{`a.\#`, keys("a", "#"), "", nil},
		{"a.b.#.c|0", keys("a", "b"), "#.c|0", []string{"#.c", "0"}},
		{"a.#|x", keys("a"), "#|x", []string{"#", "x"}},
		{"a.#.0", keys("a"), "#(@this)#.0", []string{"#(@this)#.0"}},
		{"#.#.[0]", nil, "#(@this)#.#(@this)#.[0]", []string{"#(@this)#.#(@this)#.[0]"}},
		{"a.b*.c|d", keys("a"), "b*.c|d", []string{"b*.c", "d"}},
		{`a.#(b=="c.d|e").f.g|h`, keys("a"), `#(b=="c.d|e").f.g|h`, []string{`#(b=="c.d|e").f.g`, "h"}},
		{"a.#(b|c.@reverse|0 == 1)#|0", keys("a"), "#(b|c.@reverse|0 == 1)#|0", []string{"#(b|c.@reverse|0 == 1)#", "0"}},
		{"a.@reverse.0.b", keys("a"), "@reverse.0.b", []string{"@reverse", "0.b"}},
		{"a.#.@keys.0", keys("a"), "#.@keys.0", []string{"#.@keys.0"}},
		{"a.#.b|@flatten|0.c", keys("a"), "#.b|@flatten|0.c", []string{"#.b", "@flatten", "0.c"}},
		{"a.#.b.@fromstr|@keys", keys("a"), "#.b.@fromstr|@keys", []string{"#.b.@fromstr", "@keys"}},
		{"@this", nil, "@this", []string{"@this"}},
		{"@this.a", nil, "@this.a", []string{"@this", "a"}},
		{"a.@join:x.y|z", keys("a"), "@join:x.y|z", []string{"@join:x.y", "z"}},
		{`a.@join:{"x":1}.y`, keys("a"), `@join:{"x":1}.y`, []string{`@join:{"x":1}`, "y"}},
		{`a.{b,"k":c.#.d}.k|0`, keys("a"), `{b,"k":c.#.d}.k|0`, []string{`{b,"k":c.#.d}`, "k", "0"}},
		{"a.b.[c,{d}].@reverse", keys("a", "b"), "[c,{d}].@reverse", []string{"[c,{d}]", "@reverse"}},
		{"#.{a}", nil, "#(@this)#.{a}", []string{"#(@this)#.{a}"}},
		{`{@type,a.@type,"k":@type}`, nil, `{"@type":\@type,"@type":a.\@type,"k":\@type}`, []string{`{"@type":\@type,"@type":a.\@type,"k":\@type}`}},
		{`{@t*}`, nil, `{"@t*":\@t*}`, []string{`{"@t*":\@t*}`}},
		{`a.#(@type == "x")`, keys("a"), `#(\@type == "x")`, []string{`#(\@type == "x")`}},
		{"a.*.@type", keys("a"), `*.\@type`, []string{`*.\@type`}},
		{"..#.a|0", nil, "..#.a|0", []string{"..#.a", "0"}},
		{"..0.a", nil, "..0.a", []string{"..0.a"}},
	} {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			p := parsePath(t, tt.text)
			assert.Equal(t, tt.text, p.text)
			assert.Equal(t, tt.prefix, p.prefix)
			assert.Equal(t, tt.rest, p.rest)
			assert.Equal(t, tt.stages, p.stages)
			assert.Equal(t, strings.HasPrefix(tt.text, ".."), p.lines)
			assert.Equal(t, tt.text == "a.#", p.length)
			assert.Equal(t, len(tt.text), p.parts[len(p.parts)-1])
		})
	}
	assert.Equal(t, []int{1, 3, 18, 23, 25}, parsePath(t, `a.b|#(c.d=="x|y")#.e\.f.#`).parts)
	assert.Equal(t, []int{3, 5}, parsePath(t, "..0.a").parts)
	root := parsePath(t, "#")
	assert.True(t, root.length)
	assert.Empty(t, root.prefix)
}

// descend is what a literal prefix means: members of objects, the first of a
// name, and items of arrays.
func descend(json string, steps []step) (string, bool) {
	json = strings.Trim(json, spaces)
	for _, s := range steps {
		found, i := "", 0
		gjson.Parse(json).ForEach(func(k, v gjson.Result) bool {
			if json[0] == '{' && k.Str == s.key || json[0] == '[' && i == s.index {
				found = strings.Trim(v.Raw, spaces)
			}
			i++
			return found == ""
		})
		if found == "" || json[0] != '{' && json[0] != '[' {
			return "", false
		}
		json = found
	}
	return json, true
}

// lookup evaluates a path as the package will.
func lookup(p *path, data string) (string, bool) {
	if p.lines {
		v, ok := p.value(data, 512)
		return v.Raw, ok
	}
	sub, ok := descend(data, p.prefix)
	switch {
	case !ok:
		return "", false
	case p.length:
		if sub[0] != '[' {
			return "", false
		}
		return gjson.Get(sub, "#").Raw, true
	}
	v, ok := p.value(sub, 512)
	return v.Raw, ok
}

const pathSample = `{"user":{"name":"Alex","nick":null,"a.b":"dot","tags":["x","y"]},"items":[{"name":"Tea","qty":2,"sub":[[1,2],[3]]},
	{"name":"Cup","qty":1,"@type":"t"},{"name":"}} \"b","qty":1.50}],"0":{"#":"hash"},"e":[],"@type":"T","js":"{\"a\":[1]}","bad":"{\"a\":[1]} x",
	"strings":["[1,2]","{\"a\":1}","[t",["in"]],"deep":"[[[[1]]]]","nest":[[1,[2]],[3]]}`

// A path means what gjson says.
func TestPathsAgreeWithGJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"user.name", "user|name", "user.nick", `user.a\.b`, "user.nope", "user.name.x", "items.#", "items.1.name", "items.9", "0", "items.0.sub.1.0",
		"items.#.name", "items.#.qty", "items.#.nope", "items.#.name|0", "items.#.name|#", "items.#.sub.0", "items.#.sub.#", "items.#.sub.#.0", "items.#.@type", "e.#", "e.#.a", "e|0",
		`items.#(name=="Cup").qty`, `items.#(name=="}} \"b").qty`, `items.#(qty<2)#.name`, "items.#(qty<2)#.name|0", "items.#(qty<2)#|0.name", `items.#(name%"*u*").qty`, "items.#(sub.#>1).name",
		`items.#(sub.#(#>1)).name`, "items.#(qty==9)#", "items.#(qty==9)", `items.#(@type == "t").name`, `user.tags.#(=="x")`, `user.tags.#(%"?")#`, `user.tags.#(!="x")`, "items.#[qty==1].name", "items.#(nope)#", "items.#(qty=~true)#.name",
		"u*.name", "us?r.na*", "*.name", "@this", "@this.user.name", "user.@this.name", "items|@reverse|0.name", "items.@reverse.0.name", "items|0.@keys", "user.@values|0", "items.#.name.@tostr", "items.#.sub|@flatten",
		`items.@join:{"preserve":true}`, "items|@join", "user|@ugly", "user|@valid", "js.@fromstr.a.0", "js|@fromstr|@ugly", "nest.@flatten", "user.name|@tostr",
		"{user.name,e}", `{"k":user.name,"n":items.#.name}.n|0`, "[user.name,user.nope,items.#]", "user.{name,nick}", "items.#.{name,qty}", `items.#.{"n":name}`, "items.#.[name,qty]", "{@type,user.name}", "[!true,!\"x\",!1.5,!{\"a\":1}]",
		"{[user.name],{user.nick}}", "items.1.@type", "items.#(qty>1.5)#.name", "[items.#.name|0]", `[items.#(name=="a.b|c")#]`,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, ok := lookup(parsePath(t, text), pathSample)
			want := gjson.Get(pathSample, text)
			assert.Equal(t, want.Exists(), ok)
			assert.Equal(t, strings.Trim(want.Raw, spaces), got)
		})
	}
}

// Where gjson reads the text of a string as JSON, makes a value of a missing
// one, or forgets the end of a path, ours is the safe answer.
func TestPathsDifferFromGJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		data, text, gjson, want string // "": missing
		why                     string
	}{
		{`"[1,2]"`, "0", "1", "", "the text of a string has no items"},
		{`{"a":"[1,2]"}`, "a|0", "1", "", ""},
		{`{"a":"[1,2]"}`, "a|#", "2", "", ""},
		{`{"a":"[1,2]"}`, "a.@this.0", "1", "", ""},
		{`{"a":"[1,2]"}`, "a.@reverse|0", "1", "", ""},
		{`{"a":"[1,2]"}`, "a*|0", "1", "", ""},
		{`{"a":["[1,2]",[3]]}`, "a.#.0", "[1,3]", "[3]", ""},
		{`{"a":["[1,2]",[3]]}`, "a.#.#", "[2,1]", "[1]", ""},
		{`{"a":["[tru",[3]]}`, "a.#.0", "[tru,3]", "[3]", ""},
		{`{"a":["[1,2]",{"b":1}]}`, "a.#.{b}", `[{},{"b":1}]`, `[{"b":1}]`, "a scalar has no members, and no part of one"},
		{`{"a":"x"}`, "a.{b}", "{}", "", ""},
		{`{"a":"x {\"b\":1}"}`, "a.@fromstr|b", "1", "", "the text is not JSON"},
		{`{"a":"tru"}`, "a.@fromstr", "tru", "", ""},
		{`{"a":"nan"}`, "a.@fromstr", "nan", "", ""},
		{`{}`, "a.@keys", "[]", "", "missing stays missing"},
		{`{}`, "a|@values", "[]", "", ""},
		{`{}`, "a.@tostr", `""`, "", ""},
		{`{"a":[{"b":1}]}`, "a.#(b==2)#.b|0", "[]", "", "the pipe is not dropped"},
		{`{"a":[{"b":1}]}`, "a.#(b==2)#.b|#", "[]", "0", ""},
		{`{"a":[{"b":1},{"b":2}]}`, `a.#.{"k":b}|0`, "[]", `{"k":1}`, "the pipe is of the whole"},
		{`{"a":{"#":5}}`, "a.#", "5", "", `a # is the length of an array; the key is \#`},
		{`{"a":{"b":1},"a":{"c":2}}`, "a.c", "2", "", "of equal names the first counts"},
	} {
		t.Run(tt.data+" "+tt.text, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.gjson, gjson.Get(tt.data, tt.text).Raw, "gjson has changed")
			got, ok := lookup(parsePath(t, tt.text), tt.data)
			assert.Equal(t, tt.want, got, tt.why)
			assert.Equal(t, tt.want != "", ok)
		})
	}
}

// gjson cuts this literal at its bracket; when it no longer does, the compiler
// may accept it.
func TestLiteralsOfGJSONAreBroken(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `"a}`, gjson.Get("{}", `!"a}b"`).Raw)
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	data := "{\"a\":[1]}\n{\"a\":[2,3]}\n\"[4]\"\n"
	for text, want := range map[string]string{"..#": "3", "..1.a.0": "2", "..#.a|1": "[2,3]", "..#(a.#==2).a.1": "3", "..#.0": "[]", "..9": ""} {
		got, ok := lookup(parsePath(t, text), data)
		assert.Equal(t, want, got, text)
		assert.Equal(t, want != "", ok, text)
	}
}

func TestDepthOfWhatAModifierMakes(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"a":"` + strings.Repeat("[", n) + strings.Repeat("]", n) + `"}` }
	p := parsePath(t, "a.@fromstr.@valid")
	_, ok := lookup(p, deep(512))
	assert.True(t, ok)
	_, ok = lookup(p, deep(513))
	assert.False(t, ok)
	_, ok = lookup(p, deep(12<<20)) // gjson's own validation would overflow the stack
	assert.False(t, ok)
}

// The most that multipaths and modifiers make of the data.
func TestPathsCannotBlowUp(t *testing.T) {
	t.Parallel()
	data := `{"a":"` + strings.Repeat(`\"<`, 1000) + `"}`
	for text, most := range map[string]int{
		"[@this,@this]|[@this,@this]":                                 4,
		"[[a,a],[a,a]]|[0,0]":                                         8,
		"[a,a,a]|[0,1,2]|[0,1]":                                       6,
		"a.@tostr.@tostr.@tostr.@tostr":                               64,
		`[a]|#.{"` + strings.Repeat("k", 100) + `":@this}|@tostr|[0]`: 64,
	} {
		got, _ := lookup(parsePath(t, text), data)
		assert.LessOrEqual(t, len(got), most*len(data)+100, text)
	}
	for _, text := range []string{"[[a,a],[a,a]]|[[0,0],[0,0]]", "[a,a]|[0,0]|[0,0]|[0,0]|[0,0]", "@this|@this|@this|@this|@this"} {
		_, err := parse("{{ "+text+" }}", testConfig())
		assert.NotNil(t, err, text)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"": "", "a": "a", "a_1": "a_1", "0": "0", "é日": "é日", "first name": `first\ name`, "a.b": `a\.b`, "}}": `\}\}`, "??": `\?\?`,
		"@type": `\@type`, "- ": `\-\ `, "true": `\true`, "null": `\null`, "\n": "\\\n", `\`: `\\`, "a:b": `a\:b`, "'": `\'`,
	} {
		assert.Equal(t, want, Key(key))
	}
	for _, key := range []string{"first name", "a.b", "a|b", `"`, `\`, "{", "}}", "@pretty", "@type", "#", "#x", "!x", "*", "?", "??", "0", "-", "- ", "/*", "..", "true", "\n", "%", "a:b", "[", "(", "\x00", "\u2028"} {
		data, err := json.Marshal(map[string]any{"in": map[string]string{key: "nested"}, key: "right"})
		require.NoError(t, err)
		nodes, syntax := parse("{{"+Key(key)+"}}{{in."+Key(key)+"}}{{nope??"+Key(key)+"}}", testConfig())
		require.Nil(t, syntax, key)
		for i, want := range []string{`"right"`, `"nested"`, `"right"`} {
			ops := nodes[i].tag.operands
			p := ops[len(ops)-1].path
			if key == "0" && i == 2 {
				assert.Nil(t, p, "digits behind ?? are a number")
				continue
			}
			got, _ := lookup(p, string(data))
			assert.Equal(t, want, got, "%q as %q", key, Key(key))
			assert.Equal(t, want, gjson.Get(string(data), p.text).Raw, key)
		}
	}
}
