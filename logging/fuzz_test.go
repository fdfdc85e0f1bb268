package logging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"strconv"
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

// FuzzLiterals checks the output filter: whatever a literal and what surrounds it,
// the line is one line of JSON in which the literal is nowhere, and in which what
// has nothing to do with it is unchanged.
func FuzzLiterals(f *testing.F) {
	f.Add("hunter2-hunter2", "a ", " b", uint8(0))
	f.Add(`qu"o\te <&> é`, `{"a":"`, `"}`, uint8(1))
	f.Add("nabcdefgh", "\\", "\n", uint8(2))
	f.Add("12345678", "-1", "e5", uint8(3))
	f.Add("\xff\xfe\u2028\x00abcdef", "https://u:", "@h", uint8(4))
	f.Add(`\\\\\\\\"`, `\`, `\`, uint8(5))
	f.Add("0000000\xc6", "", "\xb0", uint8(0))
	f.Add("=========", "token", "&a=b", uint8(6))
	f.Fuzz(func(t *testing.T, literal, before, after string, form uint8) {
		secrets := logging.NewSecrets()
		literal = strings.TrimSpace(literal)
		// What is left of the text, together with a mask, may be a literal again.
		if secrets.Register(literal) != nil || strings.Contains(literal, "*") || strings.Contains(before+after, "*") {
			t.Skip()
		}
		text := before + literal + after
		attrs := []slog.Attr{slog.String("v", text), slog.Int("before", 1)}
		switch form % 7 {
		case 1:
			attrs[0] = slog.Any("v", map[string]any{text: []string{text}, "x": json.RawMessage(`{"a":["` + document(text) + `",12345678]}`)})
		case 2:
			attrs[0] = slog.Any("v", []byte(text))
		case 3:
			attrs[0] = slog.Any("v", json.Number(text))
		case 4:
			attrs[0] = slog.Group(text, slog.Any("e", errors.New(text)))
		case 5:
			attrs[0] = slog.String("v", `{"a":"`+document(`["`+document(text)+`"]`)+`"}`)
		case 6:
			attrs[0] = slog.String("v", strconv.Quote(text)+" "+url.QueryEscape(literal)+" "+url.PathEscape(literal))
		}
		cfg := logging.Config{Secrets: secrets}
		with := func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs).WithGroup(before) }
		got := recordWith(context.Background(), t, cfg, with, text, slog.String(after, text))
		var line any
		require.NoError(t, json.Unmarshal([]byte(got), &line))
		// A literal that ends within a character is seen as one that is not valid.
		seen := strings.ToValidUTF8(replaceInvalid(literal), "\ufffd")
		for s := range texts(line) {
			require.NotContains(t, s, seen)
		}
	})
}

// texts are all strings of a decoded line, those in documents in strings too.
func texts(v any) iter.Seq[string] {
	return func(yield func(string) bool) { walk(v, yield) }
}

func walk(v any, yield func(string) bool) bool {
	switch v := v.(type) {
	case string:
		var inner any
		if json.Unmarshal([]byte(v), &inner) == nil {
			if _, same := inner.(string); !same && !walk(inner, yield) {
				return false
			}
		}
		return yield(v)
	case []any:
		for _, x := range v {
			if !walk(x, yield) {
				return false
			}
		}
	case map[string]any:
		for key, x := range v {
			if !yield(key) || !walk(x, yield) {
				return false
			}
		}
	}
	return true
}

// FuzzUnrelated checks that literals, and schemas, change nothing that has
// nothing to do with them.
func FuzzUnrelated(f *testing.F) {
	f.Add("message", "key", `{"a":"b"}`)
	f.Add("a\nb\x00", "é", "https://example.com/?a=b")
	f.Fuzz(func(t *testing.T, msg, key, text string) {
		secrets := logging.NewSecrets()
		for i := range 16 {
			// In a script that no input is likely to have.
			require.NoError(t, secrets.Register(fmt.Sprintf("\U00010330\U00010331\U00010332%d", i)))
		}
		if strings.Contains(msg+key+text, "\U00010330") || strings.Contains(msg+key+text, "8JCM") {
			t.Skip()
		}
		attrs := []slog.Attr{slog.String(key, text), slog.Any("v", map[string][]byte{key: []byte(text)})}
		want := recordWith(context.Background(), t, logging.Config{}, nil, msg, attrs...)
		assert.Equal(t, want, recordWith(context.Background(), t, logging.Config{Secrets: secrets}, nil, msg, attrs...))
		for _, schema := range []logging.Schema{logging.SchemaECS, logging.SchemaOTel} {
			recordWith(context.Background(), t, logging.Config{Schema: schema, StringIDs: true, Names: map[string]string{key: text}}, nil, msg, attrs...)
		}
	})
}
