package template_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bracework/bracework/template"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// attack is data, or a path, that is made to be slow.
type attack struct {
	name   string
	sizes  []int
	data   func(n int) string
	path   string
	opts   []template.Option
	output string // of each size
	refuse string // or what the error says
}

func attacks() []attack {
	sizes := []int{1000, 2000, 4000}
	nested := func(n int) string {
		return strings.Repeat(`{"a":`, n) + `1` + strings.Repeat(`}`, n)
	}
	return []attack{
		{name: "depth, refused", sizes: []int{10_000, 20_000, 40_000}, data: nested, path: "a.b", refuse: "deep"},
		{
			name: "depth, allowed", sizes: []int{10_000, 20_000, 40_000}, data: nested, path: "a.a.b",
			opts: []template.Option{template.WithLimits(template.Limits{MaxDepth: 100_000})},
		},
		{
			name: "equal names", sizes: sizes, path: "a.x.y", output: "2",
			data: func(n int) string { return `{"a":{` + strings.Repeat(`"x":{"z":1},`, n) + `"x":{"y":2}}}` },
		},
		{
			name: "wildcards", sizes: sizes, path: "a.*x*y",
			data: func(n int) string { return `{"a":{"` + strings.Repeat("x", n) + `":1}}` },
		},
		{
			name: "escaped names", sizes: sizes, path: "a.end", output: "2",
			data: func(n int) string { return `{"a":{` + strings.Repeat(`"\u0065nde":1,`, n) + `"end":2}}` },
		},
		{
			name: "query in vain", sizes: sizes, path: `a.#(b=="x").c`,
			data: func(n int) string { return `{"a":[` + strings.Repeat(`{"b":"y"},`, n) + `{}]}` },
		},
	}
}

// run times growing data: what is linear costs as much a byte at each size.
func (a attack) run(t *testing.T, rounds int, target time.Duration, out io.Writer) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	tmpl := template.MustCompile("{{"+a.path+"}}", append(a.opts, template.WithMissing(template.MissingEmpty))...)
	var timed []interleave.Contender
	for _, n := range a.sizes {
		data := a.data(n)
		raw := []byte(data)
		got, err := tmpl.Append(nil, raw)
		if a.refuse == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, a.refuse)
		}
		assert.Equal(t, a.output, string(got))
		timed = append(timed,
			interleave.Contender{Name: ours, Loop: func(n int) {
				for range n {
					got, _ = tmpl.Append(got[:0], raw)
				}
			}},
			interleave.Contender{Name: "gjson.Valid", Loop: func(n int) {
				for range n {
					gjson.Valid(data)
				}
			}},
			interleave.Contender{Name: "get", Loop: func(n int) {
				for range n {
					gjson.Get(data, a.path)
				}
			}})
	}
	results := interleave.Run(timed, rounds, target)
	for i, n := range a.sizes {
		size := float64(len(a.data(n)))
		fmt.Fprintf(out, "| %s | %s | %.0f", a.name, thousands(n), size)
		for _, x := range results[3*i : 3*i+3] {
			fmt.Fprintf(out, " | %s | %.2f", thousands(int(x.NsPerOp)), x.NsPerOp/size)
		}
		fmt.Fprintln(out, " |")
	}
}

func runAttacks(t *testing.T, rounds int, target time.Duration, out io.Writer) {
	t.Helper()
	fmt.Fprint(out, "\n| adversarial | n | bytes | bracework ns | a byte | gjson.Valid ns | a byte | get ns | a byte |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, a := range attacks() {
		a.run(t, rounds, target, out)
	}
}
