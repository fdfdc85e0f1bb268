package logging_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

// FuzzHandler checks that any keys and values make one valid line, from which
// harmless text is read back as it was.
func FuzzHandler(f *testing.F) {
	f.Add("message", "key", "a\nb\x00\xff\u2028", []byte(`{"a":[1,"\ud800",{}]}`))
	f.Add("password=x", "user_password", `{"password":"x","a":["b"]}`, []byte("\xff"))
	f.Add(`Get "https://u:p@h/?token=1"`, "X-Api-Key", ` [{"a":"{\"token\":1}"}] `, []byte(" [ ] "))
	f.Add("https://hooks.slack.com/services/", "", `password='a \' b' "token" : "x`, []byte(`"token":{`))
	f.Fuzz(func(t *testing.T, msg, key, text string, raw []byte) {
		var w writes
		h := logging.NewHandler(&w, logging.Config{MaskKeys: []string{key}}).
			WithAttrs([]slog.Attr{slog.String(key, text), slog.Any("raw", raw)}).WithGroup(key)
		r := slog.NewRecord(time.Time{}, slog.LevelInfo, msg, 0)
		r.AddAttrs(slog.String(text, text), slog.String(key, msg), slog.Any("v", map[string]any{key: raw, text: json.RawMessage(raw), "x": []string{msg, text}}))
		require.NoError(t, h.Handle(logging.With(context.Background(), slog.String(text, key)), r))
		line := w.only(t)
		for _, c := range line {
			require.False(t, c < ' ' || c >= 0x7f && c < 0xa0, "%q", line)
		}

		plain := strings.NewReplacer("=", "", ":", "", "/", "").Replace(text) // nothing to tell a secret by
		if strings.HasPrefix(strings.TrimLeft(plain, " \t\r\n"), "{") || strings.HasPrefix(strings.TrimLeft(plain, " \t\r\n"), "[") {
			return
		}
		var got struct{ V string }
		require.NoError(t, json.Unmarshal([]byte(record(context.Background(), t, nil, slog.String("v", plain))), &got))
		assert.Equal(t, strings.ToValidUTF8(replaceInvalid(plain), "\ufffd"), got.V)
	})
}

// replaceInvalid replaces each invalid byte, where ToValidUTF8 replaces runs.
func replaceInvalid(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		b.WriteRune(r)
		i += size
	}
	return b.String()
}

// FuzzMask plants a value under a listed key, in forms that are promised, in
// any surroundings.
func FuzzMask(f *testing.F) {
	f.Add("user ", " end", uint8(0))
	f.Add("https://example.com/?a=b&", "&c=d", uint8(1))
	f.Add(`{"a":`, `}`, uint8(2))
	f.Add("x=\"", "'", uint8(3))
	f.Fuzz(func(t *testing.T, before, after string, form uint8) {
		const secret = "Zq7Wx9"
		if strings.Contains(before+after, "Zq7Wx9") {
			t.Skip()
		}
		document := func(s string) string {
			b, err := json.Marshal(s)
			require.NoError(t, err)
			return string(b)
		}
		var a slog.Attr
		switch form % 8 {
		case 0: // a pair in a text; what is before it does not belong to a value
			a = slog.String("v", cut(before)+" password="+secret+" "+after)
		case 1:
			a = slog.String("v", cut(before)+" https://host/?token="+secret+"&"+after)
		case 2:
			a = slog.Any("v", json.RawMessage(`{`+document(before)+`:`+document(after)+`,"api_key":["`+secret+`",`+document(before)+`]}`))
		case 3:
			a = slog.Any("v", map[string]any{before: map[string]string{"x": after, "accessToken": secret}})
		case 4:
			a = slog.String("v", cut(before)+" postgres://app:"+secret+"@db/ "+after)
		case 5:
			a = slog.String(before+"_password", after+secret)
		case 6:
			a = slog.String("v", `{`+document(before)+`:[`+document(after)+`],"db.dsn":{"a":"`+secret+`"}}`)
		case 7:
			a = slog.Group(before, slog.String(after, ""), slog.Any("authorization", []string{secret}))
		}
		assert.NotContains(t, record(context.Background(), t, nil, a), secret)
	})
}

// cut leaves nothing in s that could swallow what follows it, such as an open
// quote after a listed key.
func cut(s string) string {
	return strings.NewReplacer("=", "", ":", "", `"`, "", "'", "", "`", "", "/", "", "{", "", "[", "").Replace(s)
}
