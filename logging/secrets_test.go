package logging_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	var secrets logging.Secrets
	for _, short := range []string{"", "1234567", "  1234567\n"} {
		require.ErrorIs(t, secrets.Register(short), logging.ErrShortSecret, "%q", short)
	}
	for range 2 {
		require.NoError(t, secrets.Register(" 12345678\n"))
	}
	cfg := logging.Config{Secrets: &secrets}
	assert.JSONEq(t, `{"level":"info","message":"<***>"}`, recordWith(t.Context(), t, cfg, nil, "<12345678>"))
	assert.JSONEq(t, `{"level":"info","message":"<1234567>"}`, recordWith(t.Context(), t, cfg, nil, "<1234567>"))
	assert.JSONEq(t, `{"level":"info","message":"12345678"}`, recordWith(t.Context(), t, logging.Config{Secrets: logging.NewSecrets()}, nil, "12345678"), "none are registered")
}

func TestLiteralsAnywhere(t *testing.T) {
	t.Parallel()
	secrets := logging.NewSecrets()
	literals := []string{"hunter2-hunter2", `qu"o\te <&> é` + "\n\x1b\ttail", "12345678", "overlap-abcdefgh", "abcdefgh-and-more", "pass=word&and-more", "???>>>~~~"}
	for _, l := range literals {
		require.NoError(t, secrets.Register(l))
	}
	const plain, awkward = 0, 1
	type holder struct {
		Text string `json:"text"`
		N    int    `json:"n"`
	}
	for name, attr := range map[string]func(s string) slog.Attr{
		"string":   func(s string) slog.Attr { return slog.String("v", "a "+s+" b") },
		"bytes":    func(s string) slog.Attr { return slog.Any("v", []byte("a "+s+" b")) },
		"error":    func(s string) slog.Attr { return slog.Any("v", fmt.Errorf("a %w b", errors.New(s))) },
		"header":   func(s string) slog.Attr { return slog.Any("v", http.Header{"X-A": {"a " + s + " b"}}) },
		"values":   func(s string) slog.Attr { return slog.Any("v", url.Values{"a": {"a " + s + " b"}}) },
		"struct":   func(s string) slog.Attr { return slog.Any("v", &holder{Text: "a " + s + " b"}) },
		"raw JSON": func(s string) slog.Attr { return slog.Any("v", json.RawMessage(`["a `+document(s)+` b"]`)) },
		"JSON in a string": func(s string) slog.Attr {
			return slog.String("v", `{"x": "a `+document(s)+` b"}`)
		},
		"JSON with escapes in a string": func(s string) slog.Attr {
			return slog.String("v", `{"x": "a \u0068unter2-hunter2`+document(s)+` b"}`)
		},
		"JSON in JSON in a string": func(s string) slog.Attr {
			return slog.String("v", `["a `+document(`["`+document(s)+`"]`)+` b"]`)
		},
		"JSON cut short": func(s string) slog.Attr { return slog.String("v", `{"x":"a `+document(s)+` b`) },
		"JSON cut short, without HTML escapes": func(s string) slog.Attr {
			return slog.String("v", `{"x":"a `+strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(document(s))+` b`)
		},
		"quoted": func(s string) slog.Attr { return slog.String("v", "a "+strconv.Quote(s)+" b") },
		"query":  func(s string) slog.Attr { return slog.String("v", "a ?x="+url.QueryEscape(s)+"& b") },
		"URL": func(s string) slog.Attr {
			return slog.Any("v", &url.URL{Scheme: "https", Host: "a", Path: "/" + s, RawQuery: "b"})
		},
		"base64": func(s string) slog.Attr {
			return slog.String("v", "a "+base64.StdEncoding.EncodeToString([]byte(s))+" b")
		},
		"binary bytes": func(s string) slog.Attr { return slog.Any("v", []byte("\xff a "+s+" b")) },
		"key":          func(s string) slog.Attr { return slog.Int("v a "+s+" b", 1) },
		"group":        func(s string) slog.Attr { return slog.Group("v a "+s+" b", slog.Int("x", 1)) },
		"map key":      func(s string) slog.Attr { return slog.Any("v", map[string]int{"a " + s + " b": 1}) },
	} {
		for i, literal := range literals[:2] {
			attr := attr(literal)
			cfg := logging.Config{Secrets: secrets}
			with := func(h slog.Handler) slog.Handler { return h.WithAttrs([]slog.Attr{attr}) }
			for _, got := range []string{
				recordWith(t.Context(), t, cfg, nil, "m", attr),
				recordWith(t.Context(), t, cfg, with, "m"),
				recordWith(logging.With(t.Context(), attr), t, cfg, nil, "m"),
			} {
				for _, part := range []string{"hunter2", "qu", "tail"} {
					assert.NotContains(t, got, part, "%s %d", name, i)
				}
				assert.Contains(t, got, "***", "%s %d", name, i)
				if name != "binary bytes" && name != "URL" {
					assert.Contains(t, got, "a ", "%s %d: only the secret is replaced: %s", name, i, got)
					assert.Contains(t, got, "b", "%s %d", name, i)
				}
			}
		}
	}
	cfg := logging.Config{Secrets: secrets}
	for msg, want := range map[string]string{
		literals[plain]:                                 "***",
		literals[awkward]:                               "***",
		"x" + literals[plain] + "y":                     "x***y",
		"hunter2-hunter2hunter2-hunter2 hunter2-hunter": "*** hunter2-hunter",
		"overlap-abcdefgh-and-more":                     "***", // two that overlap
		"12345678 123456789 1234567":                    "*** ***9 1234567",
		"token=hunter2-hunter2;x":                       "token=***",
		"https://u:p hunter2-hunter2@host":              "https://u:p ***@host",
		"Pz8/Pj4+fn5+ Pz8_Pj4-fn5-":                     "*** ***",       // in both alphabets of base64
		"token=pass=word&and-more end":                  "token=*** end", // of which token= would show a part
		"\nunter2-hunter2":                              "\nunter2-hunter2",
	} {
		got := recordWith(t.Context(), t, cfg, nil, msg)
		var line struct{ Message string }
		require.NoError(t, json.Unmarshal([]byte(got), &line))
		assert.Equal(t, want, line.Message, "%q", msg)
	}
	for in, want := range map[any]string{
		12345678: `"***"`, -912345678: `"***"`, 1234567: `1234567`, 1.12345678: `"***"`, true: `true`,
	} {
		assert.Equal(t, `{"level":"info","message":"m","v":`+want+`}`, recordWith(t.Context(), t, cfg, nil, "m", slog.Any("v", in)))
	}
}

// document is s as the inside of a JSON string, as encoding/json has it.
func document(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b[1 : len(b)-1])
}

// A backslash before what looks like a literal is half of an escape sequence.
func TestLiteralBehindAnEscape(t *testing.T) {
	t.Parallel()
	secrets := logging.NewSecrets()
	require.NoError(t, secrets.Register("nabcdefgh"))
	require.NoError(t, secrets.Register("u001babcd"))
	for msg, want := range map[string]string{
		"\nabcdefgh": `\nabcdefgh`, `\nabcdefgh`: `\\***`, "nabcdefgh": `***`, "\x1babcd": `\u001babcd`, `\u001babcd`: `\\***`, "\\\nabcdefgh": `\\\nabcdefgh`,
	} {
		assert.Equal(t, `{"level":"info","message":"`+want+`"}`, recordWith(t.Context(), t, logging.Config{Secrets: secrets}, nil, msg))
	}
}

func TestLiteralRegisteredAfterWith(t *testing.T) {
	t.Parallel()
	var w writes
	secrets := logging.NewSecrets()
	logger := slog.New(logging.NewHandler(&w, logging.Config{Secrets: secrets})).With(slog.String("v", "hunter2-hunter2"))
	require.NoError(t, secrets.Register("hunter2-hunter2"))
	logger.Info("m")
	assert.Contains(t, w.only(t), `"v":"***"`)
}

func TestKeysWithLiteralsStayApart(t *testing.T) {
	t.Parallel()
	secrets := logging.NewSecrets()
	require.NoError(t, secrets.Register("hunter2-hunter2"))
	require.NoError(t, secrets.Register("hunter3-hunter3"))
	got := recordWith(t.Context(), t, logging.Config{Secrets: secrets}, nil, "m", slog.Any("v", map[string]int{"hunter2-hunter2": 1, "hunter3-hunter3": 2}))
	assert.JSONEq(t, `{"level":"info","message":"m","v":{"***":1,"***2":2}}`, got)
}

func TestManyLiterals(t *testing.T) {
	t.Parallel()
	secrets := logging.NewSecrets()
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				literal := many(part, i)
				assert.NoError(t, secrets.Register(literal))
				var w writes
				assert.NoError(t, logging.NewHandler(&w, logging.Config{Secrets: secrets}).Handle(t.Context(), recordOf("x "+literal+" y")))
				if i%100 == 0 {
					assert.JSONEq(t, `{"level":"info","message":"x *** y"}`, w.only(t), "known at once")
				}
			}
		})
	}
	wg.Wait()
	for part := range 4 {
		for i := range 1000 {
			assert.JSONEq(t, `{"level":"info","message":"https://hooks.example.com/***"}`,
				recordWith(t.Context(), t, logging.Config{Secrets: secrets}, nil, "https://hooks.example.com/"+many(part, i)))
		}
	}
	assert.JSONEq(t, `{"level":"info","message":"literal-9-9"}`, recordWith(t.Context(), t, logging.Config{Secrets: secrets}, nil, "literal-9-9"))
}

func many(part, i int) string { return fmt.Sprintf("%08x-%d", uint32(part*1000+i)*2654435761, part) }

// URLs of one service have most of their text in common.
func TestLiteralsThatBeginAlike(t *testing.T) {
	t.Parallel()
	secrets := logging.NewSecrets()
	url := func(i int) string { return fmt.Sprintf("https://hooks.example.com/services/T0123/%d/end", 1000+i) }
	for i := range 2000 {
		require.NoError(t, secrets.Register(url(i)))
	}
	for i := range 2000 {
		got := recordWith(t.Context(), t, logging.Config{Secrets: secrets}, nil, "<"+url(i)+"> https://hooks.example.com/services/T0123/")
		assert.JSONEq(t, `{"level":"info","message":"<***> https://hooks.example.com/services/T0123/"}`, got)
	}
}

// Types whose values are secrets wherever they are met.
func TestSecretTypes(t *testing.T) {
	t.Parallel()
	_, signing, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	exchange, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	for want, v := range map[string]any{
		`["***",{"Key":"***"},"***"]`: []any{signing, struct{ Key any }{elliptic}, exchange},
		`"alice:***"`:                 url.UserPassword("alice", planted),
		`"***"`:                       url.User(planted),
		`["sid=***",{"C":"sid=***"}]`: []any{&http.Cookie{Name: "sid", Value: planted}, struct{ C http.Cookie }{http.Cookie{Name: "sid", Value: planted}}},
		`{"Host":"h","U":"https://alice:***@h/?token=***"}`: struct {
			Host string
			U    *url.URL
		}{"h", &url.URL{Scheme: "https", User: url.UserPassword("alice", planted), Host: "h", Path: "/", RawQuery: "token=" + planted}},
	} {
		assert.Equal(t, `"v":`+want, members(t, record(t.Context(), t, nil, slog.Any("v", v))))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://alice:"+planted+"@h/?token="+planted, nil)
	require.NoError(t, err)
	r.AddCookie(&http.Cookie{Name: "sid", Value: planted})
	r.SetBasicAuth("alice", planted)
	got := record(t.Context(), t, nil, slog.Any("v", r))
	assert.NotContains(t, got, planted)
	assert.NotContains(t, got, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("alice:"+planted)), "="))
}
