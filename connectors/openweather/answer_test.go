package openweather_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/openweather"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	html := "<!DOCTYPE html><html>" + strings.Repeat("x", 1<<17) + "</html>"
	tests := []struct {
		status     int
		body       string
		retryAfter string
		kind       connectors.Kind
		code       string
		wait       time.Duration
	}{
		{400, `{"cod":"400","message":"Nothing to geocode"}`, "", connectors.KindInvalid, "400", 0},
		{400, `{"cod":"400","message":"wrong latitude"}`, "", connectors.KindInvalid, "400", 0},
		{400, `{"code":400,"message":"invalid","parameters":["q"]}`, "", connectors.KindInvalid, "400", 0},
		{401, `{"cod":401, "message": "Invalid API key."}`, "", connectors.KindAuth, "401", 0},
		{401, `{"cod":"401","message":"Invalid API key."}`, "", connectors.KindAuth, "401", 0},
		{401, `{"cod":"404","message":"city not found"}`, "", connectors.KindAuth, "http_401", 0}, // the status decides
		{403, html, "", connectors.KindAuth, "http_403", 0},
		{404, `{"cod":"404","message":"city not found"}`, "", connectors.KindNotFound, "404", 0},
		{404, `{"cod":404,"message":"city not found"}`, "", connectors.KindNotFound, "404", 0},
		{404, `{"cod":[404]}`, "", connectors.KindNotFound, "http_404", 0},
		{404, `{"cod":4e2}`, "", connectors.KindNotFound, "http_404", 0},
		{404, `{"cod":"city not found"}`, "", connectors.KindNotFound, "http_404", 0},
		{404, html, "", connectors.KindNotFound, "http_404", 0},
		{413, "", "", connectors.KindTooLarge, "http_413", 0},
		{429, `{"cod":429,"message":"Your account is temporary blocked"}`, "", connectors.KindRateLimited, "429", 0},
		{429, `{"cod":429}`, "30", connectors.KindRateLimited, "429", 30 * time.Second},
		{429, html, "864000", connectors.KindRateLimited, "http_429", time.Hour},
		{429, "", "soon", connectors.KindRateLimited, "http_429", 0},
		{500, `{"cod":"500","message":"Internal server error"}`, "5", connectors.KindServer, "500", 0},
		{502, html, "", connectors.KindServer, "http_502", 0},
		{503, "", "20", connectors.KindServer, "http_503", 20 * time.Second},
		{600, `{"cod":600}`, "", connectors.KindServer, "http_600", 0},
		{200, html, "", connectors.KindTooLarge, "", 0},
		{200, "<html>", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "null", "", connectors.KindServer, "unexpected_answer", 0},
		{200, "[]", "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"cod":200}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"main":{}}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"main":{"temp":null}}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"main":{"temp":"1"}}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"main":{"temp":1e999}}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"main":{"temp":1}} x`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"main":{"temp":1},"cod":300}`, "", connectors.KindServer, "unexpected_answer", 0},
		{200, `{"main":{"temp":1},"cod":"404"}`, "", connectors.KindNotFound, "404", 0},
		{200, `{"cod":429}`, "7", connectors.KindRateLimited, "429", 7 * time.Second},
		{202, `{"main":{"temp":1},"cod":200}`, "", connectors.KindServer, "unexpected_answer", 0},
		{202, `{"cod":"404"}`, "", connectors.KindServer, "unexpected_answer", 0},
		{204, "", "", connectors.KindServer, "unexpected_answer", 0},
		{302, "", "", connectors.KindInvalid, "redirect", 0},
		{308, "", "", connectors.KindInvalid, "redirect", 0},
		{418, "short and stout", "", connectors.KindInvalid, "http_418", 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %.40s %s", tt.status, tt.body, tt.retryAfter), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // some are repeated, after a while
				c := stub(t, openweather.Config{}, func(r *http.Request) (*http.Response, error) {
					assert.Empty(t, r.Header.Get("Referer"))
					return reply(tt.status, tt.body, "Retry-After", tt.retryAfter, "Location", "https://elsewhere.example/"+token), nil
				})
				w, err := c.Current(t.Context(), berlin())
				assert.Nil(t, w)
				e := typed(t, err)
				assert.Equal(t, tt.kind, e.Kind)
				assert.Equal(t, tt.code, e.Code)
				assert.Equal(t, tt.status, e.Status)
				assert.Equal(t, tt.wait, e.RetryDelay())
				assert.Equal(t, tt.kind == connectors.KindRateLimited, e.Global)
				assert.False(t, e.Unsent)
			})
		})
	}
}

// The largest answer that is read, and the smallest that is not.
func TestAnswerOf64KiB(t *testing.T) {
	t.Parallel()
	answer := func(t *testing.T, size int) error {
		t.Helper()
		body := `{"main":{"temp":1}}`
		body += strings.Repeat(" ", size-len(body))
		c := receiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		_, err := c.Current(t.Context(), berlin())
		return err
	}
	require.NoError(t, answer(t, 64<<10))
	assert.Equal(t, connectors.KindTooLarge, typed(t, answer(t, 64<<10+1)).Kind)
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"main":{"temp":1},"name":"`+token+`","weather":[{"description":"`+token+`"}]}`, "")
	f.Add(200, `[{"lat":1,"lon":2,"name":"`+token+`"}]`, "")
	f.Add(200, `{"main":{"temp":1},"dt":9e18,"cod":"404"}`, "")
	f.Add(404, `{"cod":"404","message":"`+token+`"}`, "")
	f.Add(401, `{"cod":401,"message":"`+token+`"}`, "")
	f.Add(429, `{"cod":"`+token+`"}`, "99999999999999999999")
	f.Add(503, "<html>"+token, "Thu, 08 Jan 2026 15:31:00 GMT")
	f.Add(302, "", "-1")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		synctest.Test(t, func(t *testing.T) { lookAtAnswer(t, status, body, retryAfter) })
	})
}

// lookAtAnswer makes every call that can get an answer.
func lookAtAnswer(t *testing.T, status int, body, retryAfter string) {
	t.Helper()
	answer := func() *openweather.Client {
		return stub(t, openweather.Config{}, func(*http.Request) (*http.Response, error) {
			return reply(status, body, "Retry-After", retryAfter), nil
		})
	}
	check := func(err error) {
		t.Helper()
		if err == nil {
			require.Equal(t, 200, status)
			return
		}
		e := typed(t, err)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), token)
		assert.Regexp(t, `\A([1-5][0-9]{2}|http_-?[0-9]+|unexpected_answer|redirect|)\z`, e.Code)
		assert.LessOrEqual(t, e.RetryAfter, time.Hour)
		assert.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		assert.NotEqual(t, e.Retryable(), e.Permanent())
		assert.False(t, strings.ContainsAny(e.Error(), "\n<>{"))
	}
	w, err := answer().Current(t.Context(), berlin())
	check(err)
	assert.Equal(t, err == nil, w != nil)
	_, err = answer().Geocode(t.Context(), berlin(), 0)
	check(err)
	if status != 404 { // which may be no place
		_, err = answer().Geocode(t.Context(), openweather.Query{Zip: "1"}, 0)
		check(err)
	}
	result, err := answer().Execute(t.Context(), action(`{"city":"Berlin"}`))
	check(err)
	assert.NotContains(t, result.Message+result.Code, token)
	assert.Less(t, len(result.Message), 2000)
	assert.False(t, strings.ContainsAny(result.Message, "\n\r\x00\x1b\u2028\u202e"))
}
