package template_test

import (
	"encoding/json"
	"fmt"
	"strings"
	texttemplate "text/template"

	"github.com/bracework/bracework/template"
	"github.com/tidwall/gjson"
)

// documents is all who can make a JSON body of f.
func documents(f form, data string) []contender {
	return []contender{
		compiledDocument(f.write(bracework), data),
		decodeReplaceEncode(f.write(bracework), data),
		rawGets(f, data),
		withTextTemplate(f.write(func(x field) string {
			if x.typed {
				return "{{json " + goPath(x.path) + "}}"
			}
			return "{{inner " + goPath(x.path) + "}}"
		}), data, texttemplate.FuncMap{
			"json":  func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
			"inner": func(s string) (string, error) { b, err := json.Marshal(s); return string(b[1 : len(b)-1]), err },
		}),
	}
}

func compiledDocument(src, data string) contender {
	d, raw := must(template.CompileJSON([]byte(src))), []byte(data)
	return contender{name: ours, free: true, render: func(dst []byte) []byte { return must(d.Append(dst, raw)) }}
}

// rawGets copies what is between the quotes as it is, as a careful programmer
// would who knows which fields are strings.
func rawGets(f form, data string) contender {
	return contender{name: "get", render: func(dst []byte) []byte {
		for i := range f.fields {
			x := &f.fields[i]
			dst = append(dst, x.before...)
			raw := gjson.Get(data, x.path).Raw
			if !x.typed {
				raw = raw[1 : len(raw)-1]
			}
			dst = append(dst, raw...)
		}
		return append(dst, f.tail...)
	}}
}

// decodeReplaceEncode fills a decoded document from decoded data. The document
// was decoded, and its strings cut into pieces, beforehand.
func decodeReplaceEncode(src, data string) contender {
	var doc any
	check(json.Unmarshal([]byte(src), &doc))
	doc, raw := cut(doc), []byte(data)
	return contender{name: "decode-replace-encode", render: func(dst []byte) []byte {
		var v any
		check(json.Unmarshal(raw, &v))
		return append(dst, must(json.Marshal(fill(doc, v)))...)
	}}
}

// leaf is a string with one tag.
type leaf struct {
	before, after string
	path          []string
}

func cut(node any) any {
	switch node := node.(type) {
	case map[string]any:
		for name, child := range node {
			node[name] = cut(child)
		}
	case []any:
		for i, child := range node {
			node[i] = cut(child)
		}
	case string:
		if before, rest, found := strings.Cut(node, "{{"); found {
			path, after, _ := strings.Cut(rest, "}}")
			return leaf{before: before, after: after, path: strings.Split(path, ".")}
		}
	}
	return node
}

func fill(node, data any) any {
	switch node := node.(type) {
	case map[string]any:
		filled := make(map[string]any, len(node))
		for name, child := range node {
			filled[name] = fill(child, data)
		}
		return filled
	case []any:
		filled := make([]any, len(node))
		for i, child := range node {
			filled[i] = fill(child, data)
		}
		return filled
	case leaf:
		for _, name := range node.path {
			data = data.(map[string]any)[name]
		}
		if node.before == "" && node.after == "" {
			return data
		}
		if text, is := data.(string); is {
			return node.before + text + node.after
		}
		return node.before + fmt.Sprint(data) + node.after
	}
	return node
}
