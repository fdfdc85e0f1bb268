package template

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// issues is an object with n members of about size bytes, and the path of a
// user in each.
func issues(n, size int) (data string, paths []string) {
	var b strings.Builder
	user := func(login string, id int) string {
		return fmt.Sprintf(`"user":{"login":%q,"id":%d,"avatar_url":"https://avatars.example.com/u/%d?v=4","gravatar_id":"","url":"https://api.example.com/users/%s","type":"User","site_admin":false}`, login, id, id, login)
	}
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":{"id":%d,"title":"Spelling error in the README file","state":"open","score":%d.25,"locked":false,"assignee":null,`, i, 190000000+i*7919, i)
		b.WriteString(user(fmt.Sprintf("octocat%d", i), i) + `,"comments":[`)
		for end := b.Len() + size - 500; b.Len() < end; {
			fmt.Fprintf(&b, `{"id":%d,"body":"I agree, this \"line\" must go.\nLet us see.","created_at":"2011-04-14T16:00:49Z",%s,"votes":[1,2,30,-4]},`, b.Len(), user("hubot", i))
		}
		b.WriteString(`{}]}`)
		paths = append(paths, fmt.Sprintf("k%d.user.login", i))
	}
	return "{" + b.String()[1:] + "}", paths
}

// push is like GitHub's event of that name, and as long as size.
func push(size int) string {
	var b strings.Builder
	b.WriteString(`{"ref":"refs/heads/main","before":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","created":false,"base_ref":null,"commits":[`)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `{"id":"%040x","distinct":true,"message":"Update README.md\n\nSigned-off-by: Mona <mona@example.com>","timestamp":"2019-05-15T15:20:%02d+02:00","url":"https://github.example.com/Codertocat/Hello-World/commit/%040x","author":{"name":"Mona Lisa","email":"mona@example.com","username":"mona"},"added":[`, i*7919, i%60, i)
		for j := range 20 {
			fmt.Fprintf(&b, `"src/module%d/internal/file%d.go",`, i, j)
		}
		b.WriteString(`"go.mod"],"removed":[],"modified":["README.md"]},`)
	}
	b.WriteString(`{}],"repository":{"id":186853002,"full_name":"Codertocat/Hello-World","private":false,"owner":{"name":"Codertocat","id":21031067},"open_issues":2},"pusher":{"name":"Codertocat","email":"mona@example.com"},"sender":{"login":"Codertocat","id":21031067}}`)
	return b.String()
}

type scanBench struct {
	name, data string
	paths      []string
}

func scanBenches() []scanBench {
	small := `{"u":{"name":"Ann Example","id":4711},"order":{"total":129.50,"currency":"EUR"}}`
	wide, wideUsers := issues(50, 2000)
	event := push(1 << 20)
	eventPaths := []string{"ref", "before", "commits.0.id", "commits.0.message", "commits.1.author.name", "commits.#", "repository.full_name", "repository.owner.name", "pusher.name", "pusher.email", "sender.login"}
	return []scanBench{
		{"small", small, []string{"u.name", "order.total", "order.currency"}},
		{"small-none", small, nil},
		{"wide", wide, wideUsers},
		{"wide-indented", indented(wide), wideUsers},
		{"wide-spaced", strings.ReplaceAll(strings.ReplaceAll(wide, `":`, `": `), `,"`, `, "`), wideUsers},
		{"push", event, eventPaths},
		{"push-indented", indented(event), eventPaths},
		{"push-accents", strings.ReplaceAll(event, "Mona Lisa", "Móna Lisa"), eventPaths},
		{"members", "{" + strings.Repeat(`"member":1,"another_one":"text",`, 3000) + `"end":0}`, []string{"a", "end", "c.d", "memb3r", "e1", "e2", "e3", "e4", "e5", "e6"}},
		{"integers", "[" + strings.Repeat("12,3,1000,4711,", 5000) + "0]", []string{"#", "100"}},
		{"coordinates", "[" + strings.Repeat("[-71.059776,42.358433,17.5],", 5000) + "0]", []string{"#", "100"}},
		{"items", "[" + strings.Repeat(`{"x":1,"y":true,"z":[]},`, 5000) + "0]", []string{"#", "100.y"}},
		{"cyrillic", "[" + strings.Repeat(`"Съешь же ещё этих мягких французских булок, да выпей чаю",`, 1000) + "0]", []string{"#"}},
		{"chinese", "[" + strings.Repeat(`"天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏",`, 1000) + "0]", []string{"#"}},
	}
}

func indented(data string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(data), "", "  "); err != nil {
		panic(err)
	}
	return b.String()
}

// BenchmarkScan takes turns with what it is compared to, and reports the best
// of all rounds, because machines have other things to do.
func BenchmarkScan(b *testing.B) {
	for _, bc := range scanBenches() {
		b.Run(bc.name, func(b *testing.B) {
			trie, _ := literalTrie(bc.paths...)
			spans := make([]span, trie.slots())
			require.Nil(b, trie.scan(bc.data, spans, depthOf(512)))
			data, room := []byte(bc.data), make([]byte, len(bc.data))
			turns := []func(){
				func() { _ = trie.scan(bc.data, spans, depthOf(512)) },
				func() { gjson.Valid(bc.data) },
				func() { json.Valid(data) },
				func() { copy(room, data) },
				func() {
					for _, path := range bc.paths {
						gjson.Get(bc.data, path)
					}
				},
			}
			best := make([]time.Duration, len(turns))
			times := max(1, 100_000/len(data))
			for b.Loop() {
				for i, turn := range turns {
					start := time.Now()
					for range times {
						turn()
					}
					if d := time.Since(start); best[i] == 0 || d < best[i] {
						best[i] = d
					}
				}
			}
			scan := float64(best[0])
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(scan/float64(times), "ns/scan")
			b.ReportMetric(float64(len(data)*times)/scan*1e3, "MB/s")
			b.ReportMetric(scan/float64(best[1]), "x-gjson.Valid")
			b.ReportMetric(scan/float64(best[2]), "x-json.Valid")
			b.ReportMetric(scan/float64(best[3]), "x-copy")
			b.ReportMetric(scan/float64(best[1]+best[4]), "x-Valid+Gets")
		})
	}
}

func BenchmarkScanParallel(b *testing.B) {
	data, paths := issues(50, 2000)
	trie, _ := literalTrie(paths...)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		spans := make([]span, trie.slots())
		for pb.Next() {
			if trie.scan(data, spans, depthOf(512)) != nil {
				b.Error("refused")
			}
		}
	})
}
