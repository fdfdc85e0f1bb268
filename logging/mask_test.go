package logging_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/logging"
)

const planted = "pl4nted-s3cr3t"

func TestKeys(t *testing.T) {
	t.Parallel()
	more := []string{"tenant_pin", "X", "  ", "", "пароль", "Größe", strings.Repeat("long", 5)}
	for key, masked := range map[string]bool{
		"password": true, "Password": true, "PASSWORD": true, "user_password": true, "db.password": true, "user-password": true,
		"userPassword": true, "PassWord": true, "user[password]": true, "user password": true, "DB_PASSWORD": true, "_password_": true,
		"password_hash": false, "passwords_changed": false, "passport_office": false, "compassword": false, "pass": false,
		"token": true, "accessToken": true, "access_token": true, "accesstoken": true, "AccessToken": true, "oauth2token": true, "oauth2Token": true,
		"token_count": false, "tokens": false, "total_tokens": false, "tokenizer": false, "mytoken": false, "TokenCount": false, "tokenCount": false,
		"api_key": true, "X-Api-Key": true, "apiKey": true, "APIKey": true, "apikey": true, "APIKEY": true, "stripe.api-key": true,
		"idempotency_key": true, "X-Idempotency-Key": true, "key": false, "primary_key": false, "monkey": false, "keyboard": false,
		"author": false, "authority": false, "authorization": true, "Proxy-Authorization": true, "auth": true, "oauth": false,
		"Set-Cookie": true, "cookie": true, "cookies": false, "db_pass": true, "tests_pass": false, "cookie_policy": false, "appid": true, "wappid": false,
		"X-Hub-Signature-256": true, "X-Slack-Signature": true, "X-Shopify-Hmac-Sha256": true, "X-Signature-Ed25519": true, "webhookURL": true,
		"client_secret": true, "clientSecret": true, "secretary": false, "secret_santa": false, "session_id": true, "session": true,
		"tenant_id": false, "user_id": false, "workflow_id": false, "duration_ms": false, "pwd": true, "dsn": true, "design": false, "assign": false, "sig": true,
		"to\u212aen": true, // the Kelvin sign folds to k
		// Configured.
		"tenant_pin": true, "pin": false, "TenantPin": true, "x": true, "max_x": true, "maxX": true, "max": false,
		"пароль": true, "Пароль": true, "мой_пароль": true, "пароли": false, "größe": true, "GRÖßE": true, "ñtoken": false, "ñ_token": true,
		"longlonglonglonglong": true, "long": false, "": false, "-": false, "\xff": false, "\xfftoken": true,
	} {
		got := recordWith(t.Context(), t, logging.Config{MaskKeys: more}, nil, "m", slog.Int(key, 7))
		assert.Equal(t, masked, strings.HasSuffix(got, `:"***"}`), "%q: %s", key, got)
		got = recordWith(t.Context(), t, logging.Config{MaskKeys: append(more, strings.Repeat("w", 100))}, nil, "m", slog.Int(key, 7))
		assert.Equal(t, masked, strings.HasSuffix(got, `:"***"}`), "with a very long name: %q: %s", key, got)
	}
	assert.NotContains(t, recordWith(t.Context(), t, logging.Config{}, nil, "m", slog.Int("x", 7)), "***")
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		// User information in URLs.
		"dial postgres://app:s3cr3t@db:5432/x failed":   "dial postgres://app:***@db:5432/x failed",
		"postgres://app:a@b:c@db/x":                     "postgres://app:***@db/x",
		`parse "postgres://app:a/b#c?d@db/x": bad port`: `parse "postgres://app:***@db/x": bad port`,
		"https://s3cr3t@github.com/a/b":                 "https://***@github.com/a/b",
		"https://:s3cr3t@host":                          "https://:***@host",
		"two redis://:a@h1/0 and redis://u:b@h2/1":      "two redis://:***@h1/0 and redis://u:***@h2/1",
		"https://example.com/@alice":                    "https://example.com/@alice",
		"https://example.com:8080/@alice":               "https://example.com:8080/@alice",
		"https://example.com/a?mail=alice@example.com":  "https://example.com/a?mail=alice@example.com",
		"http://[2001:db8::1]:80/@alice":                "http://[2001:db8::1]:80/@alice",
		"mail alice@example.com":                        "mail alice@example.com",
		"http://":                                       "http://",
		"http://@host":                                  "http://@host",
		// Webhooks.
		"Post \"https://hooks.slack.com/services/T0/B0/s3cr3t\": EOF":                  `Post "https://hooks.slack.com/services/***": EOF`,
		"HTTPS://HOOKS.SLACK.COM/services/T0/B0/s3cr3t":                                "HTTPS://HOOKS.SLACK.COM/services/***",
		"https://hooks.slack.com/workflows/T0/A0/1/s3cr3t":                             "https://hooks.slack.com/workflows/***",
		"hooks.slack.com/triggers/E0/1/s3cr3t?x=y":                                     "hooks.slack.com/triggers/***",
		"https://slack.com/services/T0":                                                "https://slack.com/services/T0",
		"https://discord.com/api/webhooks/123456/s3cr3t":                               "https://discord.com/api/webhooks/123456/***",
		"https://discord.com/api/v10/webhooks/123/s3cr3t/messages/@original?wait=true": "https://discord.com/api/v10/webhooks/123/***/messages/@original?wait=true",
		"/api/webhooks/wf_123":                                                         "/api/webhooks/wf_123",
		"/api/webhooks/123":                                                            "/api/webhooks/123",
		"/webhooks/123/":                                                               "/webhooks/123/",
		// Keys and values.
		`Get "https://api.openweathermap.org/data/2.5/weather?q=Rome&appid=s3cr3t&units=metric": EOF`: `Get "https://api.openweathermap.org/data/2.5/weather?q=Rome&appid=***&units=metric": EOF`,
		"host=db user=app password=s3cr3t dbname=x":                                                   "host=db user=app password=*** dbname=x",
		"password='a b' sslmode=off":                                                                  "password='***' sslmode=off",
		`password="a \" b" x`:                                                                         `password="***" x`,
		`body {"user":"u","password":"s3cr3t","n":1} refused`:                                         `body {"user":"u","password":"***","n":1} refused`,
		`body {"password" : 1, "password": "s3cr3t"} refused`:                                         `body {"password" : ***, "password": "***"} refused`,
		`got "{\"token\":\"s3cr3t\",\"a\":1}"`:                                                        `got "{\"token\":\"***\",\"a\":1}"`,
		`body {"auth":{"user":"u","pass":["s3cr3t"]},"a":1} ok`:                                       `body {"auth":***,"a":1} ok`,
		"{Name:n Password:s3cr3t Age:1}":                                                              "{Name:n Password:*** Age:1}",
		"map[Accept:[*/*] Authorization:[Bearer s3cr3t] X:[1]]":                                       "map[Accept:[*/*] Authorization:*** X:[1]]",
		"Authorization: Bearer s3cr3t\r\nAccept: */*":                                                 "Authorization: ***\r\nAccept: */*",
		"authorization: basic s3cr3t":                                                                 "authorization: ***",
		"Authorization: ApiKey s3cr3t1234\r\nAccept: */*":                                             "Authorization: ***\r\nAccept: */*",
		"Authorization: SSWS s3cr3t1234":                                                              "Authorization: ***",
		`Authorization: Digest username="u1x2y3", response="s3cr3t"`:                                  "Authorization: ***",
		"curl -H 'Authorization: ApiKey s3cr3t1234' http://h/":                                        "curl -H 'Authorization: ***' http://h/",
		`log "Authorization: ApiKey s3cr3t1234\r\nAccept: */*"`:                                       `log "Authorization: ***\r\nAccept: */*"`,
		"Authorization=ApiKey s3cr3t1234 end":                                                         "Authorization=*** end",
		"authorization: user 42 denied":                                                               "authorization: user 42 denied",
		"authorization: not required here":                                                            "authorization: not required here",
		"Cookie: a=b; connect.sid=s3cr3t\r\nHost: h":                                                  "Cookie: ***\r\nHost: h",
		"Cookie: theme=dark;my-sid=s3cr3t":                                                            "Cookie: ***",
		`Cookie: a="s3cr3t"; b=s3cr3t`:                                                                "Cookie: ***",
		"curl -H 'Cookie: connect.sid=s3cr3t' http://h/":                                              "curl -H 'Cookie: ***' http://h/",
		`x {"cookie":"a=b; c s3cr3t"} y`:                                                              `x {"cookie":"***"} y`,
		`line\nghp_s3cr3ts3cr3ts3cr3ts3cr3t`:                                                          `line\nghp_***`,
		`next%3Dghp_s3cr3ts3cr3ts3cr3ts3cr3t`:                                                         `next%3Dghp_***`,
		`a\u003dghp_s3cr3ts3cr3ts3cr3ts3cr3t`:                                                         `a\u003dghp_***`,
		`a\neyJhbGciOi.eyJzdWIiOi.s3cr3ts3cr3t`:                                                       `a\neyJ***`,
		"nghp_s3cr3ts3cr3ts3cr3ts3cr3t_no_token":                                                      "nghp_s3cr3ts3cr3ts3cr3ts3cr3t_no_token",
		"x {\"password\":\n  \"s3cr3t\"":                                                              "x {\"password\":\n  \"***\"",
		"password:\ts3cr3t1234":                                                                       "password:\t***",
		`body {"auth":{"pass":"a}b","x":"s3cr3t"}} bad`:                                               `body {"auth":***} bad`,
		"redis://:s3cr3t/s3cr3t@h:1":                                                                  "redis://:***@h:1",
		"authorization=Bearer  s3cr3t end":                                                            "authorization=*** end",
		"x-api-key=s3cr3t&y=1":                                                                        "x-api-key=***&y=1",
		"session_id=a; token=b":                                                                       "session_id=***; token=***",
		"Server=db;Password=s3cr3t;Database=x":                                                        "Server=db;Password=***;Database=x",
		"Password=s3c;r3t":                                                                            "Password=***",
		"refused (token=s3cr3t), see {Age:1 Password:s3cr3t}.":                                        "refused (token=***), see {Age:1 Password:***}.",
		"user%5Bpassword%5D=s3cr3t&a=1":                                                               "user%5Bpassword%5D=***&a=1",
		"Set-Cookie: sid=s3cr3t; Path=/; Secure":                                                      "Set-Cookie: ***; Path=/; Secure",
		"Cookie: theme=dark; sid=s3cr3t; x=y\r\nAccept: */*":                                          "Cookie: ***\r\nAccept: */*",
		"open app:s3cr3t@tcp(db:3306)/x: app@tcp(db)/x, app:p:q@rs@unix(/run/db)/x":                   "open app:***@tcp(db:3306)/x: app@tcp(db)/x, app:***@unix(/run/db)/x",
		"wrong password: s3cr3t":                                                                      "wrong password: ***",
		"total_tokens=512 tokens: 512000 sessions=[1 2]":                                              "total_tokens=512 tokens: 512000 sessions=***",
		`"password" : "s3cr3t", x : 1`:                                                                `"password" : "***", x : 1`,
		`password=a\b c`:                                                                              "password=*** c",
		"password=":                                                                                   "password=",
		"password= x":                                                                                 "password= x",
		"invalid token: expired":                                                                      "invalid token: expired",
		"token_count=3 author=me":                                                                     "token_count=3 author=me",
		"token://host":                                                                                "token://host",
		"a=b token":                                                                                   "a=b token",
		"12:30:00":                                                                                    "12:30:00",
		// Documents in strings.
		`{"user":"u","password":"s3cr3t"}`:             `{"user":"u","password":"***"}`,
		` [{"to\u006ben": {"a": "s3cr3t"}}, {"b": 1}]`: `[{"token":"***"},{"b":1}]`,
		`{"inner":"{\"password\":\"s3cr3t\"}"}`:        `{"inner":"{\"password\":\"***\"}"}`,
		`{"url":"https://u:s3cr3t@h/"}`:                `{"url":"https://u:***@h/"}`,
		`{"user" : "u"}`:                               `{"user" : "u"}`,
		`{"user":`:                                     `{"user":`,
		"[INFO] started":                               "[INFO] started",
	} {
		quoted, err := json.Marshal(want)
		require.NoError(t, err)
		want := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted))
		assert.Equal(t, `"v":`+want, members(t, record(t.Context(), t, nil, slog.String("v", in))), "string")
		assert.Equal(t, `"v":`+want+`,"v_type":"*errors.errorString"`, members(t, record(t.Context(), t, nil, slog.Any("v", errors.New(in)))), "error")
		assert.Equal(t, `"v":[`+want+`]`, members(t, record(t.Context(), t, nil, slog.Any("v", []any{stringer(in)}))), "stringer")
		assert.Equal(t, `{"level":"info","message":`+want+`}`, recordWith(t.Context(), t, logging.Config{}, nil, in), "message")
	}
}

type stringer string

func (s stringer) String() string { return string(s) }

func TestTypesThatMaskThemselves(t *testing.T) {
	t.Parallel()
	type holder struct {
		A byLogValue
		B *byLogValue
		C byLogValuePointer
		D byString
		E byStringPointer
		F byJSON
		G byText
		H any
		byString
	}
	held := holder{planted, new(byLogValue(planted)), byLogValuePointer{planted}, planted, planted, byJSON{planted}, byText{planted}, byLogValue(planted), planted}
	for name, v := range map[string]any{
		"LogValue": byLogValue(planted), "LogValue of a pointer": byLogValuePointer{planted}, "String": byString(planted),
		"String of a pointer": byStringPointer(planted), "MarshalJSON": byJSON{planted}, "MarshalText": byText{planted}, "Error": byError{planted},
		"struct": held, "pointer": &held, "slice": []any{held, []byStringPointer{planted}}, "array": [1]byLogValue{planted},
		"map": map[string]any{"a": held, "b": map[int]byLogValuePointer{1: {planted}}}, "key": map[byText]int{{planted}: 1},
		"keys": map[byString]int{planted: 1}, "byte keys": map[byLogValue]int{planted: 1}, "nested": []any{[]any{map[string]any{"x": &held}}},
	} {
		got := record(t.Context(), t, nil, slog.Any("v", v))
		assert.NotContains(t, got, planted, name)
		assert.NotContains(t, got, "!PANIC", name)
		assert.Contains(t, got, "[hidden]", name)
	}
}

type byLogValue string

func (byLogValue) LogValue() slog.Value { return slog.StringValue("[hidden]") }

type byLogValuePointer struct{ Value string }

func (*byLogValuePointer) LogValue() slog.Value { return slog.StringValue("[hidden]") }

type byString string

func (byString) String() string { return "[hidden]" }

type byStringPointer string

func (*byStringPointer) String() string { return "[hidden]" }

type byJSON struct{ Value string }

func (byJSON) MarshalJSON() ([]byte, error) { return []byte(`"[hidden]"`), nil }

type byText struct{ Value string }

func (byText) MarshalText() ([]byte, error) { return []byte("[hidden]"), nil }

type byError struct{ Value string }

func (byError) Error() string { return "[hidden]" }

// plant is a way to hide a secret in an attribute.
type plant func(r *rand.Rand) slog.Attr

func maskedKey(r *rand.Rand) string {
	keys := []string{"password", "db.password", "X-Api-Key", "accessToken", "user_secret", "Authorization", "Set-Cookie", "webhookURL"}
	return keys[r.IntN(len(keys))]
}

func plants() []plant {
	type user struct {
		Name     string
		Password string `json:"p"`
		Token    *string
		Secrets  map[string]string
	}
	secret := new(string)
	*secret = planted
	return []plant{
		func(r *rand.Rand) slog.Attr { return slog.String(maskedKey(r), planted) },
		func(r *rand.Rand) slog.Attr { return slog.Any(maskedKey(r), []byte(planted)) },
		func(r *rand.Rand) slog.Attr { return slog.Any(maskedKey(r), errors.New(planted)) },
		func(r *rand.Rand) slog.Attr { return slog.Group(maskedKey(r), slog.String("a", planted)) },
		func(r *rand.Rand) slog.Attr {
			return slog.Any(maskedKey(r), valuer(slog.GroupValue(slog.String("a", planted))))
		},
		func(r *rand.Rand) slog.Attr {
			return slog.Any("v", valuer(slog.GroupValue(slog.String(maskedKey(r), planted))))
		},
		func(r *rand.Rand) slog.Attr {
			return slog.Any("h", http.Header{maskedKey(r): {planted, planted}, "A": {"b"}})
		},
		func(r *rand.Rand) slog.Attr { return slog.Any("h", url.Values{maskedKey(r): {planted}}) },
		func(r *rand.Rand) slog.Attr {
			return slog.String("q", url.Values{"token": {planted}, "a": {"b"}}.Encode())
		},
		func(r *rand.Rand) slog.Attr { return slog.Any("m", map[string]string{maskedKey(r): planted}) },
		func(r *rand.Rand) slog.Attr {
			return slog.Any("m", []any{1, map[string]any{maskedKey(r): []any{planted}}})
		},
		func(r *rand.Rand) slog.Attr {
			return slog.Any("j", json.RawMessage(`[{"`+maskedKey(r)+`" : {"a":["`+planted+`"]}}]`))
		},
		func(r *rand.Rand) slog.Attr { return slog.Any("j", []byte(`{"`+maskedKey(r)+`":"`+planted+`"}`)) },
		func(r *rand.Rand) slog.Attr { return slog.String("j", `{"`+maskedKey(r)+`":"`+planted+`"}`) },
		func(*rand.Rand) slog.Attr {
			return slog.Any("s", user{"n", planted, secret, map[string]string{"a": planted}})
		},
		func(*rand.Rand) slog.Attr { return slog.Any("s", &user{Password: planted}) },
		func(*rand.Rand) slog.Attr { return slog.Any("t", byLogValue(planted)) },
		func(*rand.Rand) slog.Attr { return slog.Any("t", []any{byString(planted), &byJSON{planted}}) },
		func(*rand.Rand) slog.Attr {
			return slog.Any("e", fmt.Errorf("x: %w", &url.Error{Op: "Get", URL: "https://h/?appid=" + planted, Err: errors.New("eof")}))
		},
		func(*rand.Rand) slog.Attr { return slog.Any("e", errors.New("postgres://u:"+planted+"@h/d")) },
		func(*rand.Rand) slog.Attr {
			return slog.Any("u", &url.URL{Scheme: "https", Host: "hooks.slack.com", Path: "/services/T/B/" + planted})
		},
		func(*rand.Rand) slog.Attr { return slog.String("u", "https://discord.com/api/webhooks/1/"+planted) },
		func(*rand.Rand) slog.Attr { return slog.String("d", fmt.Sprintf("%+v", user{Password: planted})) },
		func(*rand.Rand) slog.Attr {
			return slog.String("d", fmt.Sprint(http.Header{"Authorization": {"Bearer " + planted}}))
		},
	}
}

// wrap puts a into something harmless.
func wrap(r *rand.Rand, a slog.Attr) slog.Attr {
	switch r.IntN(5) {
	case 0:
		return slog.Group("group", slog.Int("n", 1), a)
	case 1:
		return slog.Group("", a)
	case 2:
		return slog.Any("valuer", valuer(slog.GroupValue(a)))
	case 3:
		return slog.Any("map", map[string]any{"a": []any{a}, "b": slog.GroupValue(a)})
	}
	return a
}

// A secret that is planted anywhere by any supported route is nowhere on the
// line, in no encoding.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	forms := []string{planted, base64.StdEncoding.EncodeToString([]byte(planted))[:16], base64.RawURLEncoding.EncodeToString([]byte(planted))[:16]}
	for i := range 4000 {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		all := plants()
		n := r.IntN(len(all))
		a := all[n](r)
		for range r.IntN(4) {
			a = wrap(r, a)
		}
		var w writes
		var h slog.Handler = logging.NewHandler(&w, logging.Config{})
		ctx := t.Context()
		record := slog.NewRecord(time.Time{}, slog.LevelInfo, "m", 0)
		if r.IntN(2) == 0 {
			h = h.WithAttrs([]slog.Attr{slog.Int("n", i)}).WithGroup("g" + strconv.Itoa(i%3))
		}
		switch r.IntN(4) {
		case 0:
			h = h.WithAttrs([]slog.Attr{a})
		case 1:
			ctx = logging.With(ctx, a)
		case 2:
			h = h.WithGroup("secret")
			record.AddAttrs(slog.String("a", planted), slog.Any("b", []string{planted}), a)
		default:
			record.AddAttrs(a)
		}
		require.NoError(t, h.Handle(ctx, record))
		line := w.only(t)
		for _, form := range forms {
			require.NotContains(t, line, form, "plant %d, run %d", n, i)
		}
		require.NotContains(t, line, "!PANIC")
		require.NotContains(t, line, "!ERROR")
	}
}
