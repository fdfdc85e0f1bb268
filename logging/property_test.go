package logging_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

// gardener makes random values with secrets planted in them, each together with
// what a line must show of it.
type gardener struct {
	*rand.Rand

	shapes  map[string]shape
	kinds   []string // of shapes, in order
	literal string   // registered
	planted []string // what must not be seen
	keys    int
}

// inString is a document that stands in a string.
type inString struct{ want any }

// text is one with a secret, or without one.
func (g *gardener) text() (text, want string) {
	before, after := g.harmless(), g.harmless()
	switch g.IntN(4) {
	case 0:
		return before, before
	case 1:
		return before + g.literal + after, before + mark + after
	}
	kind := g.kinds[g.IntN(len(g.kinds))]
	s := g.shapes[kind]
	g.planted = append(g.planted, s.secret)
	end := " "
	switch {
	case strings.HasPrefix(kind, "PEM"):
		end = "-----END KEY-----"
	case strings.HasPrefix(kind, "URL"):
		end = "@host/"
	}
	return before + " " + s.before + s.secret + end + after, before + " " + s.before + mark + end + after
}

const mark = "***"

// harmless is a text that is nothing but itself.
func (g *gardener) harmless() string {
	const runes = "abcdefg hijk\n\t\"\\'<>&;,.!?()é€😀\u2028\x00\x7f0123456789_-#%"
	all := []rune(runes)
	b := make([]rune, g.IntN(12))
	for i := range b {
		b[i] = all[g.IntN(len(all))]
	}
	return string(b)
}

// key is one under which nothing is masked.
func (g *gardener) key() string {
	g.keys++
	names := []string{"author", "token_count", "passport_office", "naïve", "a b", "secretary", "x-y"}
	return fmt.Sprintf("%s-%d-k", names[g.IntN(len(names))], g.keys)
}

func (g *gardener) hiddenKey() string {
	g.keys++
	names := []string{"password", "X-Api-Key", "accessToken", "db.password", "client_secret", "Authorization", "APP_TOKEN"}
	return fmt.Sprintf("n%d.%s", g.keys, names[g.IntN(len(names))])
}

// plain is a value made of what JSON has.
func (g *gardener) plain(depth int) (v, want any) {
	n := g.IntN(8)
	if depth > 4 && n < 3 {
		n += 3
	}
	switch n {
	case 0, 1:
		values, wants := map[string]any{}, map[string]any{}
		for range g.IntN(4) {
			key := g.key()
			values[key], wants[key] = g.plain(depth + 1)
		}
		if g.IntN(3) == 0 {
			key := g.hiddenKey()
			values[key], _ = g.plain(depth + 1)
			wants[key] = mark
			if s, ok := values[key].(string); ok && len(s) > 7 {
				g.planted = append(g.planted, s)
			}
		}
		return values, wants
	case 2:
		var values, wants []any
		for range g.IntN(4) {
			v, want := g.plain(depth + 1)
			values, wants = append(values, v), append(wants, want)
		}
		return append([]any{}, values...), append([]any{}, wants...)
	case 3:
		return nil, nil
	case 4:
		b := g.IntN(2) == 0
		return b, b
	case 5:
		f := float64(g.IntN(1000)) / 8
		return f, f
	}
	text, wanted := g.text()
	return text, wanted
}

// value is a plain one, in some of the clothes that Go has for it.
func (g *gardener) value(depth int) (v, want any) {
	v, want = g.plain(depth)
	switch g.IntN(7) {
	case 0:
		if _, ok := v.(map[string]any); ok {
			return must(json.Marshal(v)), want
		}
	case 1:
		return json.RawMessage(must(json.MarshalIndent(v, " ", "\t"))), want
	case 2:
		if _, ok := v.(map[string]any); ok {
			return string(must(json.Marshal(v))), inString{want}
		}
	case 3:
		type holder struct {
			Name   string `json:"name"`
			Inside any
			Hidden any `json:"api_key"`
			Own    byLogValue
		}
		return &holder{"x", v, v, byLogValue(g.literal)}, map[string]any{"name": "x", "Inside": want, "api_key": mark, "Own": "[hidden]"}
	case 4:
		text, wanted := g.text()
		return http.Header{"X-A": {text, "b"}, "Cookie": {g.literal}}, map[string]any{"X-A": []any{wanted, "b"}, "Cookie": mark}
	case 5:
		text, wanted := g.text()
		inner := v
		return []any{errors.New(text), stringer(text), &inner}, []any{wanted, wanted, want}
	}
	return v, want
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// attr is an attribute, perhaps in groups.
func (g *gardener) attr(wants map[string]any) slog.Attr {
	key := g.key()
	if g.IntN(4) == 0 {
		inner := map[string]any{}
		a := slog.Attr{Key: key, Value: slog.GroupValue(g.attr(inner), g.attr(inner))}
		wants[key] = inner
		return a
	}
	v, want := g.value(0)
	wants[key] = want
	if g.IntN(6) == 0 {
		return slog.Any(key, valuer(slog.AnyValue(v)))
	}
	if text, ok := v.(string); ok && g.IntN(2) == 0 {
		wants[key+"_type"] = "*errors.errorString"
		return slog.Any(key, errors.New(text))
	}
	return slog.Any(key, v)
}

func (g *gardener) newLiteral() string {
	const chars = "abcdefghij0123456789 \"\\<>&é%+\n"
	all := []rune(chars)
	b := make([]rune, 8+g.IntN(16))
	for i := range b {
		b[i] = all[g.IntN(len(all))]
	}
	b[0], b[len(b)-1] = 'Q', 'Z'
	return string(b)
}

// A secret that comes by any route is nowhere on the line; all else is on it as
// it was; and the line is one of JSON.
func TestPlantedSecretsAndNothingElse(t *testing.T) {
	t.Parallel()
	all := shapes()
	maps.DeleteFunc(all, func(kind string, _ shape) bool { return kind == "PEM, cut" || kind == "an Authorization value" })
	kinds := slices.Sorted(maps.Keys(all))
	runs := 10_000
	if raceEnabled {
		runs = 1000 // it looks for other faults
	}
	for i := range runs {
		g := &gardener{Rand: rand.New(rand.NewPCG(7, uint64(i))), shapes: all, kinds: kinds}
		g.literal = g.newLiteral()
		secrets := logging.NewSecrets()
		require.NoError(t, secrets.Register(g.literal))
		g.planted = append(g.planted, g.literal)

		var w writes
		want := map[string]any{"level": "info"}
		var h slog.Handler = logging.NewHandler(&w, logging.Config{Secrets: secrets})
		ctx := logging.With(t.Context(), g.attr(want))
		h = h.WithAttrs([]slog.Attr{g.attr(want)})
		inner := want
		if g.IntN(2) == 0 {
			inner = map[string]any{}
			want["g"] = inner
			h = h.WithGroup("g").WithAttrs([]slog.Attr{g.attr(inner)})
		}
		msg, wantMsg := g.text()
		want["message"] = wantMsg
		require.NoError(t, h.Handle(ctx, recordOf(msg, g.attr(inner), g.attr(inner))))

		line := w.only(t)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &got), "run %d: %s", i, line)
		if problem := differ("", want, got); problem != "" {
			require.Empty(t, problem, "run %d, literal %q: %s", i, g.literal, line)
		}
		for _, secret := range g.planted {
			for _, form := range []string{secret, document(secret), document(document(secret))} {
				require.NotContains(t, line, form, "run %d", i)
			}
		}
	}
}

// differ says where got is not what is wanted.
func differ(at string, want, got any) string {
	switch want := want.(type) {
	case inString:
		text, _ := got.(string)
		var inner any
		if err := json.Unmarshal([]byte(text), &inner); err != nil {
			return at + ": no document in a string"
		}
		return differ(at+"(string)", want.want, inner)
	case map[string]any:
		members, ok := got.(map[string]any)
		if !ok || len(members) != len(want) {
			return fmt.Sprintf("%s: want %v, got %v", at, want, got)
		}
		for key, w := range want {
			if problem := differ(at+"."+key, w, members[key]); problem != "" {
				return problem
			}
		}
		return ""
	case []any:
		elements, ok := got.([]any)
		if !ok || len(elements) != len(want) {
			return fmt.Sprintf("%s: want %v, got %v", at, want, got)
		}
		for i, w := range want {
			if problem := differ(fmt.Sprintf("%s[%d]", at, i), w, elements[i]); problem != "" {
				return problem
			}
		}
		return ""
	}
	if !assert.ObjectsAreEqual(want, got) {
		return fmt.Sprintf("%s: want %#v, got %#v", at, want, got)
	}
	return ""
}
