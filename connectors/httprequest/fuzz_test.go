package httprequest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/httprequest"
	"github.com/bracework/bracework/connectors/netguard"
)

// Whatever a configuration says: what is sent is one message that a server reads
// as it was meant, to a host that the guard permits, and what is planned.
func FuzzConfig(f *testing.F) {
	for _, config := range []string{
		`{"url":"https://a.example/x?y=z","method":"put","headers":{"X":"1","Y":2.50},"body":{"a":1.10}}`,
		`{"url":"https://a.example","body":"text","headers":{"Content-Type":"a/b"}}`,
		`{"url":"http://8.8.8.8/%2F","method":"GET","headers":{"Cookie":"` + "ü" + `"}}`,
		`{"url":"https://a.example/{{x}}","headers":{"X":"{{y}}"},"body":"{{z}}"}`,
		`{"url":"https://a.example/?a b","headers":{"X":"a\r\nHost: b","Host":"b","transfer_encoding":"chunked"}}`,
		`{"url":"https://[::1]/","secret_headers":{"Authorization":"a"}}`,
		`{"url":"https://a.example//@10.0.0.1/","headers":null,"body":[]}`,
		`[]`, `null`, `{"url":`,
	} {
		f.Add([]byte(config))
	}
	guard, err := netguard.New(netguard.Config{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, config []byte) {
		var sent *http.Request
		var body []byte
		c, err := httprequest.New(httprequest.Config{
			Secret: secret,
			Client: client(t, connectors.ClientConfig{Guard: guard, Wrap: func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if err := guard.CheckURL(r.URL); err != nil {
						t.Error("the guard does not permit it: ", err)
					}
					var wire bytes.Buffer
					if err := r.Write(&wire); err != nil {
						t.Error("the message cannot be written: ", err)
						return nil, io.EOF
					}
					in := bufio.NewReader(&wire)
					var err error
					if sent, err = http.ReadRequest(in); err != nil {
						t.Error("the message cannot be read: ", err)
						return nil, io.EOF
					}
					body, _ = io.ReadAll(sent.Body)
					_, err = in.ReadByte()
					assert.Equal(t, io.EOF, err, "something follows the message")
					assert.Equal(t, r.URL.RequestURI(), sent.RequestURI)
					assert.Equal(t, strings.TrimSuffix(r.URL.Host, ":"), sent.Host)
					return &http.Response{StatusCode: 204, Body: http.NoBody, Header: http.Header{}}, nil
				})
			}}),
		})
		require.NoError(t, err)
		open := connectors.Action{Config: config, Unrendered: true}
		if _, err := c.Plan(t.Context(), open); err != nil {
			typed(t, err)
		}
		plan, planErr := c.Plan(t.Context(), connectors.Action{Config: config})
		_, err = c.Execute(t.Context(), connectors.Action{Config: config})
		if planErr != nil {
			assert.Equal(t, typed(t, planErr).Code, typed(t, err).Code)
			assert.Nil(t, sent)
			return
		}
		require.NoError(t, err)
		require.NotNil(t, sent)
		assert.Equal(t, plan.Method, sent.Method)
		assert.Equal(t, plan.Body, string(body))
		for field := range sent.Header {
			switch field {
			case "Content-Length", "User-Agent":
			default:
				assert.Contains(t, plan.Header, field)
			}
		}
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(config, &members))
		if raw := members["body"]; len(raw) > 0 && raw[0] != '"' && string(raw) != "null" {
			assert.Equal(t, string(raw), string(body))
		}
	})
}
