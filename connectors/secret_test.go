package connectors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
)

func TestSecretMasksItself(t *testing.T) {
	t.Parallel()
	s := connectors.NewSecret(token)
	type holder struct {
		Public  connectors.Secret
		private connectors.Secret
		ptr     *connectors.Secret
		list    []connectors.Secret
	}
	h := holder{s, s, &s, []connectors.Secret{s}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%8.3s", "%p", "%T", "%w"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+" "+verb+"\n", s, &s, h, &h)
	}
	fmt.Fprintln(&out, s, h, fmt.Errorf("x: %v", h))
	for _, v := range []any{s, &s, h, &h, map[string]any{"s": s}, map[*connectors.Secret]int{}} {
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(handler).LogAttrs(t.Context(), slog.LevelInfo, "m",
			slog.Any("s", s), slog.Any("p", &s), slog.Any("h", h), slog.Group("g", slog.Any("s", s)))
	}
	assert.NotContains(t, out.String(), token)
	for _, format := range []string{"%x", "%X", "%v"} {
		assert.NotContains(t, out.String(), fmt.Sprintf(format, []byte(token)), "no other spelling either")
	}
	assert.NotContains(t, out.String(), token[:3])
	assert.Equal(t, token, s.Reveal())
}

func TestSecretForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		s      connectors.Secret
		zero   bool
		value  string
		masked string
	}{
		{"set", connectors.NewSecret("x"), false, "x", "***"},
		{"empty", connectors.NewSecret(""), true, "", ""},
		{"zero", connectors.Secret{}, true, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.zero, tt.s.IsZero())
			assert.Equal(t, tt.value, tt.s.Reveal())
			assert.Equal(t, tt.masked, tt.s.String())
			assert.Equal(t, tt.masked, tt.s.GoString())
			assert.Equal(t, tt.masked, tt.s.LogValue().String())
			text, err := tt.s.MarshalText()
			require.NoError(t, err)
			assert.Equal(t, tt.masked, string(text))
			js, err := json.Marshal(tt.s)
			require.NoError(t, err)
			assert.Equal(t, `"`+tt.masked+`"`, string(js))
		})
	}
}

func FuzzSecret(f *testing.F) {
	f.Add("https://hooks.slack.com/services/T000/B000/XXXX")
	f.Fuzz(func(t *testing.T, value string) {
		s := connectors.NewSecret(value)
		assert.Equal(t, value, s.Reveal())
		b, err := json.Marshal(struct{ S connectors.Secret }{s})
		require.NoError(t, err)
		want := map[bool]string{true: "***"}[value != ""]
		assert.Equal(t, want, fmt.Sprintf("%v", s))
		assert.JSONEq(t, `{"S":"`+want+`"}`, string(b))
	})
}
