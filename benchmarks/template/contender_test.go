package template_test

import (
	"bytes"
	"encoding/json"
	"io"
	texttemplate "text/template"

	"github.com/bracework/bracework/template"
	"github.com/cbroglie/mustache"
	"github.com/mailgun/raymond/v2"
	"github.com/osteele/liquid"
	"github.com/tidwall/gjson"
	"github.com/valyala/fasttemplate"
)

// contender renders the template of a race over the data of the race.
type contender struct {
	name string
	// render appends its output to dst. It panics when it fails.
	render func(dst []byte) []byte
	// mute says that there is no output to compare.
	mute bool
	// free says that it promises to allocate nothing when dst has room.
	free bool
}

const ours = "bracework"

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// floors do something with the data that takes a while, and render nothing.
func floors(data string) []contender {
	raw, room := []byte(data), make([]byte, len(data))
	verdict := func(name string, valid func() bool) contender {
		return contender{name: name, mute: true, render: func(dst []byte) []byte {
			if !valid() {
				panic("invalid")
			}
			return dst
		}}
	}
	return []contender{
		verdict("memcpy", func() bool { return copy(room, raw) == len(raw) }),
		verdict("gjson.Valid", func() bool { return gjson.Valid(data) }),
		verdict("json.Valid", func() bool { return json.Valid(raw) }),
	}
}

// compiled is our contender.
func compiled(src, data string, opts ...template.Option) contender {
	t, raw := template.MustCompile(src, opts...), []byte(data)
	return contender{name: ours, free: true, render: func(dst []byte) []byte { return must(t.Append(dst, raw)) }}
}

// byHand calls gjson.Get for each field.
func byHand(name string, f form, data string, validate bool) contender {
	return contender{name: name, render: func(dst []byte) []byte {
		if validate && !gjson.Valid(data) {
			panic("invalid")
		}
		for i := range f.fields {
			x := &f.fields[i]
			dst = append(dst, x.before...)
			dst = append(dst, gjson.Get(data, x.path).String()...)
		}
		return append(dst, f.tail...)
	}}
}

func withFasttemplate(f form, data string) contender {
	t := must(fasttemplate.NewTemplate(f.write(bracework), "{{", "}}"))
	get := getFrom(data)
	return buffered("fasttemplate", func(w *bytes.Buffer) error {
		_, err := t.ExecuteFunc(w, get)
		return err
	})
}

func getFrom(data string) fasttemplate.TagFunc {
	return func(w io.Writer, tag string) (int, error) {
		return io.WriteString(w, gjson.Get(data, tag).String())
	}
}

func buffered(name string, write func(*bytes.Buffer) error) contender {
	var b bytes.Buffer
	return contender{name: name, render: func(dst []byte) []byte {
		b.Reset()
		check(write(&b))
		return append(dst, b.Bytes()...)
	}}
}

// decoded renders over a map that it decodes each time.
func decoded(name, data string, write func(*bytes.Buffer, map[string]any) error) contender {
	raw := []byte(data)
	return buffered(name, func(w *bytes.Buffer) error {
		var v map[string]any
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		return write(w, v)
	})
}

func withMustache(f form, data string) contender {
	t := must(mustache.ParseString(f.write(mustacheTag)))
	return decoded("mustache", data, func(w *bytes.Buffer, v map[string]any) error { return t.FRender(w, v) })
}

func withRaymond(f form, data string) contender {
	t := must(raymond.Parse(f.write(raymondTag)))
	return decoded("raymond", data, func(w *bytes.Buffer, v map[string]any) error {
		s, err := t.Exec(v)
		w.WriteString(s)
		return err
	})
}

func withLiquid(src, data string) contender {
	t, err := liquid.NewEngine().ParseString(src)
	check(err)
	return decoded("liquid", data, func(w *bytes.Buffer, v map[string]any) error { return t.FRender(w, v) })
}

func withTextTemplate(src, data string, funcs texttemplate.FuncMap) contender {
	t := texttemplate.Must(texttemplate.New("").Funcs(funcs).Parse(src))
	return decoded("text/template", data, func(w *bytes.Buffer, v map[string]any) error { return t.Execute(w, v) })
}

// everyone is all who can render f over data.
func everyone(f form, data string, goTag func(field) string, opts ...template.Option) []contender {
	all := append([]contender{compiled(f.write(bracework), data, opts...)}, withGets(f, data)...)
	if !f.indexed() {
		all = append(all, withMustache(f, data))
	}
	return append(all,
		withRaymond(f, data),
		withLiquid(f.write(liquidTag), data),
		withTextTemplate(f.write(goTag), data, nil))
}

// withGets is who searches the data for each field.
func withGets(f form, data string) []contender {
	return []contender{byHand("get", f, data, false), byHand("valid+get", f, data, true), withFasttemplate(f, data)}
}
