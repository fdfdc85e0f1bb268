package template

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Paths and data made of the same few names, so that they often meet.
func TestRandomPathsAgreeWithGJSON(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4000) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		text, data := g.path(2), g.json(5)
		if agree(t, text, data); t.Failed() {
			t.Fatalf("seed %d: %s over %s", seed, text, data)
		}
	}
}

type generator struct{ *rand.Rand }

func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) json(depth int) string {
	var items []string
	switch n := g.IntN(5); {
	case depth == 0 || n == 0:
		return g.one("1", "1.50", `"x"`, `"xy"`, "null", "true", "false", `"a b"`, "-0", "12345678901234567890", `"\u0041\n"`)
	case n < 3:
		for range g.IntN(4) {
			items = append(items, g.json(depth-1))
		}
		return g.one("[", "[ ") + strings.Join(items, g.one(",", " , ")) + "]"
	default:
		names := []string{"a", "b", "a.b", "0", "1", "@type", `\u0061b`, "x*", "ab", "#a", "", " "}
		for _, i := range g.Perm(len(names))[:g.IntN(5)] {
			items = append(items, `"`+names[i]+`":`+g.json(depth-1))
		}
		return "{" + strings.Join(items, g.one(",", ", ")) + "}"
	}
}

func (g generator) path(depth int) string {
	parts := []string{g.component(depth)}
	for range g.IntN(4) {
		parts = append(parts, g.one(".", ".", ".", "|"), g.component(depth))
	}
	return strings.Join(parts, "")
}

func (g generator) component(depth int) string {
	switch n := g.IntN(14); {
	case n < 5 || n >= 9 && depth == 0:
		return g.one("a", "b", "ab", "0", "1", `a\.b`, "@type", `\@type`, "2", "a#", "#a", `x\*`, `\0`, `\ `, "00")
	case n < 6:
		return g.one("*", "a*", "*b", "?", "?b", "*b*", "@*")
	case n < 8:
		return "#"
	case n < 9:
		return g.one("@reverse", "@this", "@keys", "@values", "@flatten", "@join", "@ugly", "@valid", "@tostr", `@join:{"preserve":true}`, "@ugly:x")
	case n < 12:
		return "#(" + g.one("", g.path(depth-1)) + g.one("", "==1", "!=1", ` == "x"`, `%"x*"`, `!%"x"`, ">1", "<=2", "=~true", "==~null", "!=~*", `<"y"`) + ")" + g.one("", "#")
	case n < 13:
		return "[" + g.path(depth-1) + "," + g.path(depth-1) + "]"
	default:
		return "{" + g.one("", `"k":`, "k:") + g.path(depth-1) + "," + g.path(depth-1) + "}"
	}
}
