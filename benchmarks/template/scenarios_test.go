package template_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"strings"
	texttemplate "text/template"

	"github.com/bracework/bracework/template"
	"github.com/cbroglie/mustache"
	"github.com/mailgun/raymond/v2"
	"github.com/osteele/liquid"
	"github.com/tidwall/gjson"
	"github.com/valyala/fasttemplate"
)

const (
	kb = 1000
	mb = 1000 * kb
)

// races are the scenarios; payloads are 1/shrink as large as they say.
func races(shrink int) []race {
	return []race{
		slackSmall(),
		wideRace("wide-50, 100 KB", wide(100*kb/shrink), goal{than: "gjson.Valid", atMost: 1.3}, goal{than: "get", faster: 7}),
		wideRace("wide-50, 1 MB", wide(mb/shrink), goal{than: "get", faster: 14}),
		githubRace("github-1MB, 12 tags", push(mb/shrink), goal{than: "gjson.Valid", atMost: 1.3},
			"ref", "before", "after", "commits.0.id", "commits.0.message", "commits.0.author.name", "commits.10.url",
			"commits.19.author.email", "commits.#", "repository.full_name", "pusher.email", "sender.login"),
		githubRace("github-1MB, last key", push(mb/shrink), goal{than: "gjson.Valid", atMost: 1.3}, "sender.login"),
		arrayFirst(list(10_000/shrink), 10_000/shrink),
		arrayAll(list(10_000 / shrink)),
		jsonDocument(),
		escapeJSON(escapes(20 * kb / shrink)),
		escapeText("escape-heavy, Slack", "get+Replacer", escapes(20*kb/shrink), template.Slack,
			strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace),
		escapeText("escape-heavy, HTML", "get+EscapeString", escapes(20*kb/shrink), template.HTML, html.EscapeString),
		missing(wide(100 * kb / shrink)),
		validate(wide(100 * kb / shrink)),
		compile(),
		compileSmall(),
		parallel(wide(100 * kb / shrink)),
	}
}

func smallForm() form {
	return form{fields: []field{
		{before: "New order from ", path: "user.name"},
		{before: " over ", path: "order.total"},
		{before: " ", path: "order.currency"},
	}, tail: "."}
}

func slackSmall() race {
	f := smallForm()
	t, raw := template.MustCompile(f.write(bracework)), []byte(small)
	replaced := contender{name: "NewReplacer", render: func(dst []byte) []byte {
		var pairs []string
		for i := range f.fields {
			pairs = append(pairs, "{{"+f.fields[i].path+"}}", gjson.Get(small, f.fields[i].path).String())
		}
		return append(dst, strings.NewReplacer(pairs...).Replace(t.Source())...)
	}}
	rendered := contender{name: "bracework-render", render: func(dst []byte) []byte { return append(dst, must(t.Render(raw))...) }}
	return race{
		name: "slack-small, 3 tags", data: small, peer: "fasttemplate",
		contenders: append(everyone(f, small, goTag), rendered, replaced),
		goals:      []goal{{than: "fasttemplate", atMost: 1.2}},
	}
}

func wideRace(name, data string, goals ...goal) race {
	return race{name: name, data: data, peer: "get", contenders: everyone(logins(members), data, goTag), goals: goals}
}

func githubRace(name, data string, g goal, paths ...string) race {
	return race{name: name, data: data, peer: "get", contenders: everyone(listing(paths...), data, goTag), goals: []goal{g}}
}

// arrayFirst needs no more than one item for each tag.
func arrayFirst(data string, n int) race {
	f := listing("items.#", fmt.Sprintf("items.%d.name", n-1), fmt.Sprintf("items.#(id==%d).name", n/2))
	goSrc := fmt.Sprintf("\n- items.#: {{len .items}}\n- items.%d.name: {{(index .items %d).name}}\n- items.#(id==%d).name: {{range .items}}{{if eq .id %d.0}}{{.name}}{{break}}{{end}}{{end}}", n-1, n-1, n/2, n/2)
	liquidSrc := fmt.Sprintf("\n- items.#: {{ items.size }}\n- items.%d.name: {{ items[%d].name }}\n- items.#(id==%d).name: {%% for x in items %%}{%% if x.id == %d %%}{{ x.name }}{%% break %%}{%% endif %%}{%% endfor %%}", n-1, n-1, n/2, n/2)
	return race{
		name: fmt.Sprintf("array-heavy, %d items: length, index, query", n), data: data, peer: "get",
		contenders: append(append([]contender{compiled(f.write(bracework), data)}, withGets(f, data)...),
			withLiquid(liquidSrc, data), withTextTemplate(goSrc, data, nil)),
	}
}

// arrayAll reads one member of each item.
func arrayAll(data string) race {
	c := compiled(`{{items.#.name | join(", ")}}`, data)
	c.free = false
	loop := contender{name: "get+ForEach", render: func(dst []byte) []byte {
		first := true
		gjson.Get(data, "items").ForEach(func(_, item gjson.Result) bool {
			if !first {
				dst = append(dst, ", "...)
			}
			first = false
			dst = append(dst, item.Get("name").String()...)
			return true
		})
		return dst
	}}
	get := contender{name: "get", render: func(dst []byte) []byte {
		for i, name := range gjson.Get(data, "items.#.name").Array() {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(dst, name.String()...)
		}
		return dst
	}}
	return race{
		name: "array-heavy, names joined", data: data, peer: "get",
		contenders: []contender{
			c, get, loop,
			withLiquid(`{{ items | map: "name" | join: ", " }}`, data),
			withTextTemplate(`{{range $i, $x := .items}}{{if $i}}, {{end}}{{$x.name}}{{end}}`, data, nil),
		},
	}
}

func jsonDocument() race {
	data := order()
	return race{
		name: "json-doc, 10 leaves", data: data, peer: "decode-replace-encode", json: true,
		contenders: documents(block(), data),
		goals:      []goal{{than: "decode-replace-encode", faster: 5}},
	}
}

func escapeJSON(data string) race {
	type body struct {
		Text string `json:"text"`
	}
	raw := []byte(data)
	encoded := contender{name: "get+Marshal", render: func(dst []byte) []byte {
		return append(dst, must(json.Marshal(body{Text: "It says: " + gjson.Get(data, "body.text").String()}))...)
	}}
	structs := contender{name: "Unmarshal+Marshal", render: func(dst []byte) []byte {
		var in struct {
			Body body `json:"body"`
		}
		check(json.Unmarshal(raw, &in))
		return append(dst, must(json.Marshal(body{Text: "It says: " + in.Body.Text}))...)
	}}
	f := form{fields: []field{{before: `{"text":"It says: `, path: "body.text"}}, tail: `"}`}
	filtered := compiled(`{"text":"It says: {{body.text}}"}`, data, template.WithEscape(template.JSON))
	filtered.name, filtered.free = "bracework-text", false // it decodes the value for the escaper
	return race{
		name: "escape-heavy, JSON", data: data, peer: "get+Marshal", json: true,
		contenders: []contender{compiledDocument(f.write(bracework), data), filtered, encoded, structs, rawGets(f, data)},
	}
}

func escapeText(name, peer, data string, escaper template.Escaper, escape func(string) string) race {
	c := compiled("{{body.text}}", data, template.WithEscape(escaper))
	c.free = false // it decodes the value for the escaper
	return race{
		name: name, data: data, peer: peer,
		contenders: []contender{
			c,
			{name: peer, render: func(dst []byte) []byte {
				return append(dst, escape(gjson.Get(data, "body.text").String())...)
			}},
			withTextTemplate("{{escape .body.text}}", data, texttemplate.FuncMap{"escape": escape}),
		},
	}
}

// missing lacks every second value.
func missing(data string) race {
	f := logins(members)
	for i := range f.fields {
		if i%2 == 1 {
			f.fields[i].path = fmt.Sprintf("k%d.user.nickname", i)
		}
	}
	return race{
		name: "missing, 25 of 50", data: data, peer: "get",
		contenders: everyone(f, data, goTagOrNothing, template.WithMissing(template.MissingEmpty)),
	}
}

func validate(data string) race {
	f := logins(members)
	t, raw := template.MustCompile(f.write(bracework)), []byte(data)
	exist := func(dst []byte) []byte {
		for i := range f.fields {
			if !gjson.Get(data, f.fields[i].path).Exists() {
				panic("missing")
			}
		}
		return dst
	}
	return race{name: "validate, 50 paths", data: data, peer: "get", contenders: []contender{
		{name: ours, mute: true, render: func(dst []byte) []byte {
			check(t.Validate(raw))
			return dst
		}},
		{name: "get", mute: true, render: exist},
		{name: "valid+get", mute: true, render: func(dst []byte) []byte {
			if !gjson.Valid(data) {
				panic("invalid")
			}
			return exist(dst)
		}},
	}}
}

// compile parses templates that are compared over data elsewhere.
func compile() race {
	f := logins(members)
	parses := func(name string, tag func(field) string, parse func(src string) error) contender {
		src := f.write(tag)
		return contender{name: name, mute: true, render: func(dst []byte) []byte {
			check(parse(src))
			return dst
		}}
	}
	return race{name: "compile, 50 tags", peer: "text/template", contenders: []contender{
		parses(ours, bracework, func(src string) error { _, err := template.Compile(src); return err }),
		parses("fasttemplate", bracework, func(src string) error { _, err := fasttemplate.NewTemplate(src, "{{", "}}"); return err }),
		parses("mustache", mustacheTag, func(src string) error { _, err := mustache.ParseString(src); return err }),
		parses("raymond", raymondTag, func(src string) error { _, err := raymond.Parse(src); return err }),
		parses("liquid", liquidTag, func(src string) error {
			if _, err := liquid.NewEngine().ParseString(src); err != nil {
				return err
			}
			return nil
		}),
		parses("text/template", goTag, func(src string) error { _, err := texttemplate.New("").Parse(src); return err }),
	}}
}

// compileSmall has templates that come as strings, with each message.
func compileSmall() race {
	f := smallForm()
	src, goSrc, mustacheSrc := f.write(bracework), f.write(goTag), f.write(mustacheTag)
	engine, raw := template.NewEngine(), []byte(small)
	return race{name: "compile, small template as a string", data: small, peer: "fasttemplate", contenders: []contender{
		{name: ours, render: func(dst []byte) []byte { return append(dst, must(engine.RenderE(src, small))...) }},
		{name: "bracework-uncached", render: func(dst []byte) []byte { return must(must(template.Compile(src)).Append(dst, raw)) }},
		{name: "fasttemplate", render: func(dst []byte) []byte { return withFasttemplateOnce(dst, src) }},
		decoded("mustache", small, func(w *bytes.Buffer, v map[string]any) error {
			s, err := mustache.Render(mustacheSrc, v)
			w.WriteString(s)
			return err
		}),
		decoded("text/template", small, func(w *bytes.Buffer, v map[string]any) error {
			return must(texttemplate.New("").Parse(goSrc)).Execute(w, v)
		}),
	}}
}

func withFasttemplateOnce(dst []byte, src string) []byte {
	w := bytes.NewBuffer(dst)
	must(fasttemplate.ExecuteFunc(src, "{{", "}}", w, getFrom(small)))
	return w.Bytes()
}

// parallel is wide with all CPUs; each goroutine has room of its own. Peers
// with one buffer for all are left out.
func parallel(data string) race {
	f := logins(members)
	return race{
		name: "parallel, wide-50, 100 KB", data: data, peer: "get", parallel: true,
		contenders: []contender{
			compiled(f.write(bracework), data),
			byHand("get", f, data, false),
			byHand("valid+get", f, data, true),
		},
	}
}
