package template

import (
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
	texttemplate "text/template"
)

// sample is 20 KB of text of which every tenth byte is one of specials.
func sample(specials string) string {
	var b strings.Builder
	for i := 0; b.Len() < 20_000; i++ {
		b.WriteString("ninechars")
		b.WriteByte(specials[i%len(specials)])
	}
	return b.String()
}

func BenchmarkAppendText(b *testing.B) {
	texts := map[string]string{"specials": sample("\"\\\n"), "plain": sample("x"), "beyondASCII": strings.Repeat("žluťoučký kůň ", 1000)}
	for name, text := range texts {
		raw, err := json.Marshal(text)
		if err != nil {
			b.Fatal(err)
		}
		v := newValue(string(raw))
		b.Run(name+"/ours", func(b *testing.B) {
			dst := make([]byte, 0, 2*len(raw))
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				dst = v.AppendText(dst[:0])
			}
		})
		b.Run(name+"/json.Unmarshal", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				var s string
				_ = json.Unmarshal(raw, &s)
			}
		})
	}
}

func BenchmarkEscapers(b *testing.B) {
	marshal := func(_, s []byte) []byte {
		out, err := json.Marshal(stringOf(s))
		if err != nil {
			b.Fatal(err)
		}
		return out
	}
	const inJSON, inHTML, inQuery = "\"\\\n", `&<>"'`, "&=/ %"
	tests := []struct {
		name string
		text string
		run  func(dst, s []byte) []byte
	}{
		{"JSON/ours", sample(inJSON), func(dst, s []byte) []byte { dst, _ = JSON(dst, s); return dst }},
		{"JSON/json.Marshal", sample(inJSON), marshal},
		{"JSON/template.JSEscape", sample(inJSON), func(_, s []byte) []byte { return bytesOf(texttemplate.JSEscapeString(stringOf(s))) }},
		{"JSON plain/ours", sample("x"), func(dst, s []byte) []byte { dst, _ = JSON(dst, s); return dst }},
		{"JSON plain/json.Marshal", sample("x"), marshal},
		{"HTML/ours", sample(inHTML), func(dst, s []byte) []byte { dst, _ = HTML(dst, s); return dst }},
		{"HTML/html.EscapeString", sample(inHTML), func(_, s []byte) []byte { return bytesOf(html.EscapeString(stringOf(s))) }},
		{"URLQuery/ours", sample(inQuery), func(dst, s []byte) []byte { dst, _ = URLQuery(dst, s); return dst }},
		{"URLQuery/url.QueryEscape", sample(inQuery), func(_, s []byte) []byte { return bytesOf(url.QueryEscape(stringOf(s))) }},
		{"URLPath/ours", sample(inQuery), func(dst, s []byte) []byte { dst, _ = URLPath(dst, s); return dst }},
		{"URLPath/url.PathEscape", sample(inQuery), func(_, s []byte) []byte { return bytesOf(url.PathEscape(stringOf(s))) }},
		{"Slack/ours", sample("&<>"), func(dst, s []byte) []byte { dst, _ = Slack(dst, s); return dst }},
		{"Discord/ours", sample("*_@#<.:"), func(dst, s []byte) []byte { dst, _ = Discord(dst, s); return dst }},
		{"Header/ours", sample("x"), func(dst, s []byte) []byte { dst, _ = Header(dst, s); return dst }},
		{"None/ours", sample("x"), func(dst, s []byte) []byte { dst, _ = None(dst, s); return dst }},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			s := []byte(test.text)
			dst := make([]byte, 0, 6*len(s))
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				test.run(dst, s)
			}
		})
	}
}

func BenchmarkFilters(b *testing.B) {
	list := newValue(`["first","second",3,{"k":"v"}]`)
	join, _ := builtin("join")
	join, _ = join.bind([]Value{textValue(", ")}, 1<<20)
	upper, _ := builtin("upper")
	buf := make([]byte, 0, 1<<10)
	calls := []call{{f: join}, {f: upper}}
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = pipe(buf, list, calls, 1<<20)
	}
}
