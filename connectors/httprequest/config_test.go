package httprequest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
)

// refusedBy asks Plan and Execute, which must agree.
func refusedBy(t *testing.T, c *httprequest.Connector, a connectors.Action) *connectors.Error {
	t.Helper()
	plan, err := c.Plan(t.Context(), a)
	e := typed(t, err)
	assert.Equal(t, "plan", e.Op)
	assert.Zero(t, plan)
	result, err := c.Execute(t.Context(), a)
	x := typed(t, err)
	assert.Equal(t, "execute", x.Op)
	assert.Equal(t, e.Code, x.Code)
	assert.Equal(t, e.Message, x.Message)
	assert.Equal(t, e.Kind, x.Kind)
	assert.False(t, result.Success)
	assert.Equal(t, e.Code, result.Code)
	assert.True(t, x.Unsent)
	assert.True(t, x.Permanent())
	return e
}

func TestConfigurationsThatCannotBeExecuted(t *testing.T) {
	t.Parallel()
	const url = `"url":"https://a.example/x"`
	for config, code := range map[string]string{
		``:                                       "invalid_config",
		`{`:                                      "invalid_config",
		`[]`:                                     "invalid_config",
		`"x"`:                                    "invalid_config",
		`null`:                                   "no_url",
		`{}`:                                     "no_url",
		`{"url":null}`:                           "no_url",
		`{"url":""}`:                             "no_url",
		`{"URL":"https://a.example/"}`:           "no_url",
		`{"url":5}`:                              "invalid_config",
		`{"url":["https://a.example/"]}`:         "invalid_config",
		`{` + url + `,"method":5}`:               "invalid_config",
		`{` + url + `,"method":"TRACE"}`:         "invalid_method",
		`{` + url + `,"method":"CONNECT"}`:       "invalid_method",
		`{` + url + `,"method":"OPTIONS"}`:       "invalid_method",
		`{` + url + `,"method":"{{m}}"}`:         "invalid_method",
		`{` + url + `,"method":"GET /\r\nX: 1"}`: "invalid_method",
		`{` + url + `,"method":"GET","body":{}}`: "body_not_allowed",
		`{` + url + `,"method":"HEAD","body":"x"}`:                    "body_not_allowed",
		`{` + url + `,"headers":"X: 1"}`:                              "invalid_config",
		`{` + url + `,"headers":["X: 1"]}`:                            "invalid_config",
		`{` + url + `,"headers":{"X":["1"]}}`:                         "invalid_config",
		`{` + url + `,"headers":{"X":{}}}`:                            "invalid_config",
		`{` + url + `,"secret_headers":"a"}`:                          "invalid_config",
		`{` + url + `,"secret_headers":{"X":[]}}`:                     "invalid_config",
		`{` + url + `,"secret_headers":{"X":"a"}}`:                    "secrets_unsupported",
		`{` + url + `,"secret_headers":{"X":""}}`:                     "unknown_secret",
		`{` + url + `,"body":"` + strings.Repeat("x", 1<<20+1) + `"}`: "body_too_large",
	} {
		e := refusedBy(t, unused(t, httprequest.Config{}), action(config))
		assert.Equal(t, code, e.Code, "%.100s", config)
	}
}

func TestMethodsAreLimited(t *testing.T) {
	t.Parallel()
	c := unused(t, httprequest.Config{Methods: []string{"get", "OPTIONS"}})
	for method, ok := range map[string]bool{"GET": true, "get": true, "options": true, "POST": false, "": false} {
		_, err := c.Plan(t.Context(), action(`{"url":"https://a.example/","method":"%s"}`, method))
		assert.Equal(t, ok, err == nil, method)
	}
}

// What could make two messages of one, or go to another host, is refused before
// anything is sent.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	c := unused(t, httprequest.Config{})
	tests := []struct{ name, value, code string }{
		{"X", "a\r\nHost: b", "invalid_header"},
		{"X", "a\nb", "invalid_header"},
		{"X", "a\rb", "invalid_header"},
		{"X", "a\x00b", "invalid_header"},
		{"X", "a\x7f", "invalid_header"},
		{"X", "\x1b[31m", "invalid_header"},
		{"", "a", "invalid_header"},
		{"X Y", "a", "invalid_header"},
		{"X:", "a", "invalid_header"},
		{"X\r\nY", "a", "invalid_header"},
		{"X\x00", "a", "invalid_header"},
		{"Ü", "a", "invalid_header"},
		{":authority", "a", "invalid_header"},
		{"Trailer:X", "a", "invalid_header"},
		{"Host", "internal", "reserved_header"},
		{"host", "internal", "reserved_header"},
		{"Content-Length", "0", "reserved_header"},
		{"Content_Length", "0", "reserved_header"},
		{"Transfer-Encoding", "chunked", "reserved_header"},
		{"transfer_encoding", "chunked", "reserved_header"},
		{"Connection", "close", "reserved_header"},
		{"Keep-Alive", "1", "reserved_header"},
		{"Proxy-Authorization", "a", "reserved_header"},
		{"Proxy-Connection", "a", "reserved_header"},
		{"TE", "trailers", "reserved_header"},
		{"Trailer", "X", "reserved_header"},
		{"Upgrade", "websocket", "reserved_header"},
		{"Expect", "100-continue", "reserved_header"},
		{"HTTP2-Settings", "a", "reserved_header"},
		{"X", strings.Repeat("x", 16<<10), "header_too_large"},
	}
	for _, tt := range tests {
		e := refusedBy(t, c, action(`{"url":"https://a.example/","headers":{"%s":"%s"}}`, tt.name, tt.value))
		assert.Equal(t, tt.code, e.Code, "%q: %q", tt.name, tt.value)
		_, err := c.Do(t.Context(), httprequest.Request{URL: "https://a.example/", Header: http.Header{tt.name: {"", tt.value}}})
		assert.Equal(t, tt.code, typed(t, err).Code, "%q: %q", tt.name, tt.value)
	}
	for _, config := range []string{
		`"headers":{"X-A":"1","x-a":"2"}`,
		`"headers":{"X-A":"1"},"secret_headers":{"x-a":"s"}`,
		`"secret_headers":{"X-A":"r","x-a":"s"}`,
	} {
		e := refusedBy(t, c, action(`{"url":"https://a.example/",`+config+`}`))
		assert.Equal(t, "duplicate_header", e.Code, config)
	}
	e := refusedBy(t, c, action(`{"url":"https://a.example/","secret_headers":{"Host":"s"}}`))
	assert.Equal(t, "reserved_header", e.Code)
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for url, code := range map[string]string{
		"https://a.example":                                "",
		"HTTPS://A.Example:443/x?y=z":                      "",
		"http://8.8.8.8/":                                  "",
		"https://[2606:4700:4700::1111]/":                  "",
		"https://a.example//x":                             "",
		"https://a.example/?a=1&&b":                        "",
		"https://" + strings.Repeat("a", 63) + ".example/": "",

		"a.example/x":                     "invalid_url",
		"//a.example/":                    "invalid_url",
		"/x":                              "invalid_url",
		"https:a.example":                 "invalid_url",
		"https:///x":                      "invalid_url",
		"https://:443/":                   "invalid_url",
		"ftp://a.example/":                "invalid_url",
		"file:///etc/passwd":              "invalid_url",
		"gopher://a.example:70/":          "invalid_url",
		"javascript:alert(1)":             "invalid_url",
		"https://u@a.example/":            "invalid_url",
		"https://u:p@a.example/":          "invalid_url",
		"https://@a.example/":             "invalid_url",
		"https://a.example\\@10.0.0.1/":   "invalid_url",
		"https://a.example/#x":            "invalid_url",
		"https://a.example/#":             "invalid_url",
		" https://a.example/":             "invalid_url",
		"https://a.example/ ":             "invalid_url",
		"https://a.example/a b":           "invalid_url",
		"https://a.example/?a=b HTTP/1.1": "invalid_url",
		"https://a.example/?a\r\nX: 1":    "invalid_url",
		"https://a.example/\x00":          "invalid_url",
		"https://a.example/ü":             "invalid_url",
		"https://a.example/?ü":            "invalid_url",
		"https://ä.example/":              "invalid_url",
		"https://a.example/%zz":           "invalid_url",
		"https://a%2eexample/":            "invalid_url",
		"https://a.example:x/":            "invalid_url",
		"https://[::1/":                   "invalid_url",
		"https://a.example/" + strings.Repeat("x", 8<<10): "invalid_url",

		"https://a.example:22/":    "url_refused",
		"https://a.example:8443/":  "url_refused",
		"https://a.example:0/":     "url_refused",
		"https://a.example:0443/":  "url_refused",
		"https://a.example:99999/": "url_refused",
		"https://2130706433/":      "url_refused",
		"https://0x7f.1/":          "url_refused",
		"https://0x7f000001/":      "url_refused",
		"https://0177.0.0.1/":      "url_refused",
		"https://127.1/":           "url_refused",
		"https://a..example/":      "url_refused",
		"https://a(b).example/":    "url_refused",

		"https://localhost/":                        "unreachable",
		"https://a.localhost./":                     "unreachable",
		"https://127.0.0.1/":                        "unreachable",
		"https://0.0.0.0/":                          "unreachable",
		"https://10.1.2.3/":                         "unreachable",
		"https://169.254.169.254/latest/meta-data/": "unreachable",
		"https://168.63.129.16/":                    "unreachable",
		"https://[::1]/":                            "unreachable",
		"https://[::]/":                             "unreachable",
		"https://[::ffff:127.0.0.1]/":               "unreachable",
		"https://[::ffff:7f00:1]/":                  "unreachable",
		"https://[64:ff9b::7f00:1]/":                "unreachable",
		"https://[2002:7f00:1::]/":                  "unreachable",
		"https://[fe80::1%25eth0]/":                 "unreachable",
		"https://[2606:4700::1%25eth0]/":            "unreachable",
		"https://[fd00:ec2::254]/":                  "unreachable",
	} {
		c := unused(t, httprequest.Config{})
		if code == "" {
			_, err := c.Plan(t.Context(), action(`{"url":"%s"}`, url))
			require.NoError(t, err, url)
			continue
		}
		e := refusedBy(t, c, action(`{"url":"%s"}`, url))
		assert.Equal(t, code, e.Code, url)
		if code == "unreachable" {
			assert.Equal(t, "the host cannot be reached", e.Message)
		}
		if code == "invalid_url" {
			assert.Equal(t, connectors.KindInvalid, e.Kind)
		} else {
			assert.Equal(t, connectors.KindBlocked, e.Kind)
		}
	}
}
