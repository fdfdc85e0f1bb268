package discord_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/discord"
)

const limited = `{"message":"You are being rate limited.","retry_after":64.57,"global":false}`

func TestAnswers(t *testing.T) {
	t.Parallel()
	html := "<!DOCTYPE html><html>" + strings.Repeat("x", 1<<19) + "</html>"
	says := func(code int) string { return fmt.Sprintf(`{"message":"%s","code":%d}`, token, code) }
	tests := []struct {
		status int
		body   string
		header string
		kind   connectors.Kind
		code   string
		wait   time.Duration
		global bool
	}{
		{400, says(50035), "", connectors.KindInvalid, "50035", 0, false},
		{400, says(50006), "", connectors.KindInvalid, "50006", 0, false},
		{400, says(50109), "", connectors.KindInvalid, "50109", 0, false},
		{400, says(0), "", connectors.KindInvalid, "http_400", 0, false},
		{400, says(-5), "", connectors.KindInvalid, "http_400", 0, false},
		{400, `{"code":"50006"}`, "", connectors.KindInvalid, "50006", 0, false},
		{400, `{"code":"` + token + `"}`, "", connectors.KindInvalid, "http_400", 0, false},
		{400, `{"code":` + id + `}`, "", connectors.KindInvalid, "http_400", 0, false},
		{400, `{"code":5.5}`, "", connectors.KindInvalid, "http_400", 0, false},
		{400, `[]`, "", connectors.KindInvalid, "http_400", 0, false},
		{400, `{"code":50006`, "", connectors.KindInvalid, "http_400", 0, false},
		{401, says(50027), "", connectors.KindAuth, "50027", 0, false},
		{401, `{"message":"401: Unauthorized","code":0}`, "", connectors.KindAuth, "http_401", 0, false},
		{403, says(50013), "", connectors.KindAuth, "50013", 0, false},
		{403, "error code: 1010", "", connectors.KindAuth, "http_403", 0, false},
		{404, says(10015), "", connectors.KindNotFound, "10015", 0, false},
		{404, says(10003), "", connectors.KindNotFound, "10003", 0, false},
		{404, html, "", connectors.KindNotFound, "http_404", 0, false},
		{405, says(0), "", connectors.KindInvalid, "http_405", 0, false},
		{410, "", "", connectors.KindGone, "http_410", 0, false},
		{413, says(40005), "", connectors.KindTooLarge, "40005", 0, false},
		{429, limited, "Retry-After: 65", connectors.KindRateLimited, "http_429", 64570 * time.Millisecond, false},
		{429, limited, "X-RateLimit-Scope: shared", connectors.KindRateLimited, "http_429", 64570 * time.Millisecond, false},
		{429, limited, "X-RateLimit-Scope: global", connectors.KindRateLimited, "http_429", 64570 * time.Millisecond, true},
		{429, limited, "X-RateLimit-Global: true", connectors.KindRateLimited, "http_429", 64570 * time.Millisecond, true},
		{429, `{"retry_after":12,"global":true}`, "", connectors.KindRateLimited, "http_429", 12 * time.Second, true},
		{429, `{"retry_after":20.0,"code":20029}`, "", connectors.KindRateLimited, "20029", 20 * time.Second, false},
		{429, `{"retry_after":1e300}`, "", connectors.KindRateLimited, "http_429", time.Hour, false},
		{429, `{"retry_after":1e999}`, "", connectors.KindRateLimited, "http_429", time.Hour, false},
		{429, `{"retry_after":3600.1}`, "", connectors.KindRateLimited, "http_429", time.Hour, false},
		{429, `{"retry_after":-3}`, "Retry-After: 61", connectors.KindRateLimited, "http_429", 61 * time.Second, false},
		{429, `{"retry_after":"x"}`, "Retry-After: 61", connectors.KindRateLimited, "ip_blocked", 61 * time.Second, true},
		{429, `{"message":"You are being blocked","code":0}`, "", connectors.KindRateLimited, "ip_blocked", time.Minute, true},
		{429, html, "", connectors.KindRateLimited, "ip_blocked", time.Minute, true},
		{429, "error code: 1015", "Retry-After: 3600", connectors.KindRateLimited, "ip_blocked", time.Hour, true},
		{429, html, "Retry-After: 864000", connectors.KindRateLimited, "ip_blocked", time.Hour, true},
		{429, says(20016), "", connectors.KindRateLimited, "20016", time.Minute, false},
		{500, says(0), "", connectors.KindServer, "http_500", 0, false},
		{500, says(130000), "", connectors.KindServer, "130000", 0, false},
		{502, html, "", connectors.KindServer, "http_502", 0, false},
		{503, "", "Retry-After: 70", connectors.KindServer, "http_503", 70 * time.Second, false},
		{200, "", "", connectors.KindServer, "unexpected_answer", 0, false},
		{200, "ok", "", connectors.KindServer, "unexpected_answer", 0, false},
		{200, html, "", connectors.KindServer, "unexpected_answer", 0, false},
		{200, `{}`, "", connectors.KindServer, "unexpected_answer", 0, false},
		{200, `{"id":5}`, "", connectors.KindServer, "unexpected_answer", 0, false},
		{200, `{"id":"` + token + `"}`, "", connectors.KindServer, "unexpected_answer", 0, false},
		{200, says(50035), "", connectors.KindServer, "unexpected_answer", 0, false},
		{201, saved, "", connectors.KindServer, "unexpected_answer", 0, false},
		{204, "", "", connectors.KindServer, "unconfirmed", 0, false},
		{302, "", "", connectors.KindInvalid, "redirect", 0, false},
		{307, says(10015), "", connectors.KindInvalid, "redirect", 0, false},
		{418, "I'm a teapot", "", connectors.KindInvalid, "http_418", 0, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.30s %s", tt.status, tt.body, tt.header), func(t *testing.T) {
			t.Parallel()
			calls := 0
			w := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				_, _ = io.Copy(io.Discard, r.Body)
				if key, value, ok := strings.Cut(tt.header, ": "); ok {
					w.Header().Set(key, value)
				}
				w.Header().Set("Location", r.URL.Path)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			sent, err := w.Send(t.Context(), discord.Message{Content: "t"})
			e := typed(t, err)
			assert.Nil(t, sent)
			assert.Equal(t, tt.kind, e.Kind)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.status, e.Status)
			assert.Equal(t, tt.wait, e.RetryDelay())
			assert.Equal(t, tt.global, e.Global)
			assert.NotEmpty(t, e.Message)
			assert.NotContains(t, e.Error(), token)
			assert.False(t, e.Unsent)
			assert.Equal(t, 1, calls, "neither repeated nor redirected")
		})
	}
}

// Of the tree of a form error only names and codes are shown.
func TestFormErrors(t *testing.T) {
	t.Parallel()
	one := func(code string) string {
		return `{"_errors":[{"code":"` + code + `","message":"Must be 2000 or fewer, not ` + token + `"}]}`
	}
	long, x := one("BASE_TYPE_MAX_LENGTH"), one("BASE_X")
	for tree, want := range map[string]string{
		`{"content":` + long + `}`:                                     ": content BASE_TYPE_MAX_LENGTH",
		`{"embeds":{"1":{"fields":{"24":{"name":` + long + `}}}}}`:     ": embeds.1.fields.24.name BASE_TYPE_MAX_LENGTH",
		one("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"):                ": message MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
		`{"username":` + long + `,"content":` + x + `}`:                ": content BASE_X, username BASE_TYPE_MAX_LENGTH",
		`{"tts":{"_errors":[{"code":"A"},{"code":"B"}]}}`:              ": tts A, tts B",
		`{"tts":{"_errors":[{"code":5},{"code":"B"}]}}`:                ": tts B",
		`{"` + token + `":` + long + `}`:                               "",
		`{"content":{"` + token + `":` + long + `}}`:                   "",
		`{"content":` + one(token) + `}`:                               "",
		`{"content":` + one("XXXX") + `}`:                              "", // a part of the URL
		`{"content":` + one("lower case") + `}`:                        "",
		`{"content":` + one(strings.Repeat("A", 65)) + `}`:             "",
		`{"content":` + one("") + `}`:                                  "",
		`{"embeds":{"1000":` + long + `,"-1":` + long + `}}`:           "",
		`{"embeds":[{"title":` + long + `}]}`:                          "",
		`"` + token + `"`:                                              "",
		`null`:                                                         "",
		strings.Repeat(`{"title":`, 9) + long + strings.Repeat(`}`, 9): "", // deeper than a message
		`{"embeds":{"0":` + x + `,"1":` + x + `,"2":` + x + `,"3":` + x + `,"4":` + x + `,"5":` + x + `}}`: ": embeds.0 BASE_X, embeds.1 BASE_X, embeds.2 BASE_X, embeds.3 BASE_X, embeds.4 BASE_X",
	} {
		w := stub(t, func(*http.Request) (*http.Response, error) {
			return answer(400, `{"code":50035,"message":"Invalid Form Body","errors":`+tree+`}`), nil
		})
		_, err := w.Send(t.Context(), discord.Message{Content: "t"})
		e := typed(t, err)
		assert.Equal(t, "50035", e.Code)
		assert.Equal(t, "Discord refused the message"+want, e.Message, tree)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, saved, "0", "1.5", "")
	f.Add(204, "", "", "", "")
	f.Add(404, `{"message":"Unknown Webhook","code":10015}`, "", "", "")
	f.Add(429, limited, "0", "64.57", "65")
	f.Add(429, "<html>"+token, "0", "NaN", "Thu, 08 Jan 2026 15:31:00 GMT")
	f.Add(400, `{"code":50035,"errors":{"embeds":{"0":{"title":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH","message":"`+token+`"}]}}}}}`, "5", "-1", "-1")
	f.Add(400, `{"code":50035,"errors":{"`+token+`":{"_errors":[{"code":"`+token+`"}]}}}`, "", "", "")
	f.Add(200, `{"id":"`+id+`","channel_id":"`+id+`","token":"`+token+`"}`, "", "+Inf", "99999999999999999999")
	f.Fuzz(func(t *testing.T, status int, body, remaining, reset, retryAfter string) {
		w := stub(t, func(*http.Request) (*http.Response, error) {
			return answer(status, body, "X-RateLimit-Remaining: "+remaining, "X-RateLimit-Reset-After: "+reset, "Retry-After: "+retryAfter), nil
		})
		sent, err := w.Send(t.Context(), discord.Message{Content: "t"})
		require.Equal(t, err == nil, sent != nil)
		if err == nil {
			assert.Equal(t, 200, status)
			assert.Regexp(t, `\A[0-9]{1,20}\z`, sent.ID)
			assert.Regexp(t, `\A[0-9]{0,20}\z`, sent.ChannelID)
			return
		}
		e := typed(t, err)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), token)
		assert.NotContains(t, e.Error(), id)
		assert.Regexp(t, `\A([0-9]{1,7}|[a-z_]{1,64}|http_-?[0-9]+)\z`, e.Code)
		assert.LessOrEqual(t, e.RetryAfter, time.Hour)
		assert.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		assert.NotEqual(t, e.Retryable(), e.Permanent())
		assert.False(t, bytes.ContainsAny([]byte(e.Error()), "\n<>"))
	})
}

// A test of the connection passes by what is wrapped around the transport, so that
// its answers come over loopback.
func FuzzTestAnswer(f *testing.F) {
	f.Add(0, `{"id":"`+id+`","channel_id":"`+id+`","token":"`+token+`"}`)
	f.Add(0, `{"id":"1","channel_id":"`+token+`"}`)
	f.Add(204, `{"message":"`+token+`","code":10015}`)
	f.Add(229, `{"retry_after":"`+token+`"}`)
	var status int
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	f.Cleanup(srv.Close)
	w, err := discord.New(connectors.NewSecret(srv.URL+"/api/webhooks/"+id+"/"+token), discord.Config{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, over int, text string) {
		status, body = 200+(over%400+400)%400, text
		r := w.Test(t.Context())
		assert.NotContains(t, r.Message+r.Code, token)
		assert.NotContains(t, r.Message+r.Code, id)
		assert.Equal(t, r.Success, r.Code == "")
		if r.Success {
			assert.Equal(t, 200, status)
		}
	})
}
