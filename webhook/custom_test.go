package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// signHubspot signs as HubSpot documents it for its version 3.
func signHubspot(r *http.Request, at time.Time, body string) {
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	h := hmac.New(sha256.New, []byte(textSecret))
	h.Write([]byte(r.Method + "https://receiver.example/hooks?a=1" + body + timestamp))
	r.Header.Set("X-HubSpot-Request-Timestamp", timestamp)
	r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(h.Sum(nil)))
}

func TestCustomSignsMethodAndURL(t *testing.T) {
	t.Parallel()
	v := verifier(t, hubspot(), webhook.Config{}, textSecret)
	request := func(method, target string) *http.Request {
		r := httptest.NewRequest(method, target, nil)
		signHubspot(r, time.Now(), "{}")
		return r
	}
	_, err := v.VerifyRequest(request(http.MethodPost, "https://receiver.example/hooks?a=1"), []byte("{}"))
	require.NoError(t, err)
	for _, r := range []*http.Request{
		request(http.MethodPost, "http://receiver.example/hooks?a=1"),
		request(http.MethodPost, "https://receiver.example/hooks?a=2"),
		request(http.MethodPost, "https://receiver.example/hooks"),
		request(http.MethodPost, "https://other.example/hooks?a=1"),
	} {
		_, err := v.VerifyRequest(r, []byte("{}"))
		require.ErrorIs(t, err, webhook.ErrNoMatch, r.URL)
	}
	put := request(http.MethodPost, "https://receiver.example/hooks?a=1")
	put.Method = http.MethodPut
	_, err = v.VerifyRequest(put, []byte("{}"))
	require.ErrorIs(t, err, webhook.ErrNoMatch)
	_, err = v.Verify(put.Header, []byte("{}"))
	require.ErrorContains(t, err, "use VerifyRequest")
}

// Behind a proxy that ends TLS and changes host and path.
func TestConfigURL(t *testing.T) {
	t.Parallel()
	v := verifier(t, hubspot(), webhook.Config{URL: "https://receiver.example/hooks"}, textSecret)
	for target, ok := range map[string]bool{
		"http://10.0.0.7:8080/internal?a=1":  true,
		"http://receiver.example/hooks?a=1":  true,
		"http://10.0.0.7:8080/internal?a=2":  false,
		"http://10.0.0.7:8080/internal":      false,
		"http://10.0.0.7:8080/internal?a=1&": false,
	} {
		r := httptest.NewRequest(http.MethodPost, target, nil)
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Host", "receiver.example")
		signHubspot(r, time.Now(), "{}")
		_, err := v.VerifyRequest(r, []byte("{}"))
		assert.Equal(t, ok, err == nil, target)

		_, err = verifier(t, hubspot(), webhook.Config{}, textSecret).VerifyRequest(r, []byte("{}"))
		assert.Error(t, err, "what a client says of a proxy is not read")
	}
}

// What a router has cut off the path was signed.
func TestSignedURLBehindARouter(t *testing.T) {
	t.Parallel()
	var next seen
	r := httptest.NewRequest(http.MethodPost, "/hooks?a=1", strings.NewReader("{}"))
	r.Host, r.TLS = "receiver.example", &tls.ConnectionState{}
	signHubspot(r, time.Now(), "{}")
	h := http.StripPrefix("/hooks", verifier(t, hubspot(), webhook.Config{}, textSecret).Handler(&next))
	assert.Equal(t, http.StatusNoContent, serve(h, r).Code)
}

func TestCustomContent(t *testing.T) {
	t.Parallel()
	base := webhook.Custom{SignatureHeader: "S", IDHeader: "I", TimestampHeader: "T"}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	for content, signed := range map[string]string{
		"{id}.{timestamp}.{body}": "msg_1." + timestamp + ".{}",
		"{body}{timestamp}":       "{}" + timestamp,
		"{timestamp}\n{body}\n":   timestamp + "\n{}\n",
		"v9:{timestamp}:{body}":   "v9:" + timestamp + ":{}",
		"é{body}|{timestamp}|ü":   "é{}|" + timestamp + "|ü",
	} {
		c := base
		c.Content = content
		h := header("S", hex.EncodeToString(mac(textSecret, signed)), "I", "msg_1", "T", timestamp)
		d, err := verifier(t, c, webhook.Config{}, textSecret).Verify(h, []byte("{}"))
		require.NoError(t, err, content)
		assert.Equal(t, "msg_1", d.ID)
		assert.Equal(t, strings.Contains(content, "{id}"), d.IDSigned)
		_, err = verifier(t, c, webhook.Config{}, textSecret).Verify(h, []byte("[]"))
		require.ErrorIs(t, err, webhook.ErrNoMatch, content)
	}
}

// An id that holds the text behind it could be divided at another place.
func TestSignedIDCannotHoldItsSeparator(t *testing.T) {
	t.Parallel()
	c := webhook.Custom{SignatureHeader: "S", IDHeader: "I", Content: "{id}::{body}"}
	v := verifier(t, c, webhook.Config{}, textSecret)
	sum := hex.EncodeToString(mac(textSecret, "a::b::c"))
	_, err := v.Verify(header("S", sum, "I", "a"), []byte("b::c"))
	require.NoError(t, err)
	_, err = v.Verify(header("S", sum, "I", "a::b"), []byte("c"))
	require.ErrorIs(t, err, webhook.ErrHeaderInvalid)
	s, err := webhook.NewSigner(c, []string{textSecret})
	require.NoError(t, err)
	require.Error(t, s.Sign(http.Header{}, "a::b", time.Now(), nil))
	require.NoError(t, s.Sign(http.Header{}, "a:b", time.Now(), nil))
}

func TestCustomRefuses(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]webhook.Custom{
		"SignatureHeader is empty":              {},
		"Name is not":                           {SignatureHeader: "S", Name: "a b"},
		"exclude each other":                    {SignatureHeader: "S", TimestampHeader: "T", TimestampTag: "t=", Separator: ",", Prefix: "v=", Content: "{timestamp}{body}"},
		"TimestampTag needs a Separator":        {SignatureHeader: "S", TimestampTag: "t=", Prefix: "v=", Content: "{timestamp}{body}"},
		"and a Prefix":                          {SignatureHeader: "S", TimestampTag: "t=", Separator: ",", Content: "{timestamp}{body}"},
		"Separator is in Prefix":                {SignatureHeader: "S", Separator: ",", Prefix: "v,"},
		"TimestampUnit":                         {SignatureHeader: "S", TimestampUnit: time.Minute},
		"Algorithm is unknown":                  {SignatureHeader: "S", Algorithm: 9},
		"Encoding is unknown":                   {SignatureHeader: "S", Encoding: 9},
		"KeyEncoding is unknown":                {SignatureHeader: "S", KeyEncoding: 9},
		"text for an Ed25519 key":               {SignatureHeader: "S", Algorithm: webhook.Ed25519},
		"lacks {body}":                          {SignatureHeader: "S", Content: "{id}", IDHeader: "I"},
		"has {body} twice":                      {SignatureHeader: "S", Content: "{body}{body}"},
		"there is no IDHeader":                  {SignatureHeader: "S", Content: "{id}.{body}"},
		"there is no TimestampHeader":           {SignatureHeader: "S", Content: "{timestamp}.{body}"},
		"lacks {timestamp}":                     {SignatureHeader: "S", TimestampHeader: "T"},
		"a { that begins none of":               {SignatureHeader: "S", Content: "{Body}"},
		"a } without its {":                     {SignatureHeader: "S", Content: "}{body}"},
		"a { that begins none of {id}, {time":   {SignatureHeader: "S", Content: "{body}{"},
		"begins none of {id}, {timestamp}, {me": {SignatureHeader: "S", Content: "{body"},
	} {
		_, err := webhook.New(c, []string{textSecret}, webhook.Config{})
		assert.ErrorContains(t, err, want)
	}
}
