package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

const (
	twilioToken = "12345"
	form        = "application/x-www-form-urlencoded"
	jsonBody    = `{"property": "value", "boolean": true}`
	jsonSum     = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
)

func twilioSignature(content string) string {
	h := hmac.New(sha1.New, []byte(twilioToken))
	h.Write([]byte(content))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestTwilio(t *testing.T) {
	t.Parallel()
	const (
		target = "https://mycompany.com/myapp.php?foo=1&bar=2"
		params = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
		signed = "CallSidCA1234567890ABCDECaller+14158675309Digits1234From+14158675309To+18005551212"
	)
	for name, tt := range map[string]struct {
		target, media, body, content string
		want                         error
	}{
		"form":                            {target, form, params, target + signed, nil},
		"parameters of the media type":    {target, "Application/X-WWW-Form-Urlencoded; charset=utf-8", params, target + signed, nil},
		"in another order":                {target, form, "To=%2B18005551212&" + strings.TrimSuffix(params, "&To=%2B18005551212"), target + signed, nil},
		"spelled otherwise":               {target, form, strings.ReplaceAll(params, "1234&", "12%334&"), target + signed, nil},
		"host as it is spelled":           {strings.Replace(target, "mycompany", "MyCompany", 1), form, params, strings.Replace(target, "mycompany", "MyCompany", 1) + signed, nil},
		"host in another case":            {strings.Replace(target, "mycompany", "MyCompany", 1), form, params, target + signed, webhook.ErrNoMatch},
		"port that was signed":            {target, form, params, strings.Replace(target, ".com", ".com:443", 1) + signed, nil},
		"port that was not":               {strings.Replace(target, ".com", ".com:1234", 1), form, params, target + signed, nil},
		"port of an address of version 6": {"https://[::1]:8443/a", form, "", "https://[::1]/a", nil},
		"port of http":                    {"http://mycompany.com?a=1", form, "", "http://mycompany.com:80/?a=1", nil},
		"another port":                    {target, form, params, strings.Replace(target, ".com", ".com:444", 1) + signed, webhook.ErrNoMatch},
		"a name twice":                    {target, form, "a=2&a=1&a=2", target + "a1a2", nil},
		"names by their bytes":            {target, form, "b=2&B=1&a=3", target + "B1a3b2", nil},
		"no value":                        {target, form, "a&b=&=c", target + "cab", nil},
		"space and plus":                  {target, form, "a=x+y%2Bz", target + "ax y+z", nil},
		"no body":                         {target, "", "", target, nil},
		"a parameter more":                {target, form, params + "&x=y", target + signed, webhook.ErrNoMatch},
		"a parameter less":                {target, form, params[:40], target + signed, webhook.ErrNoMatch},
		"the query is signed":             {target + "&x=y", form, params, target + signed, webhook.ErrNoMatch},
		"a body that is no form":          {target, "application/json", jsonBody, target, webhook.ErrBodyUncovered},
		"a form that says it is none":     {target, "application/json", params, target + signed, webhook.ErrBodyUncovered},
		"no media type":                   {target, "", params, target + signed, webhook.ErrBodyUncovered},
		"a form of many parts":            {target, "multipart/form-data; boundary=x", params, target + signed, webhook.ErrBodyUncovered},
		"a form that is broken":           {target, form, "a=%zz", target + "a%zz", webhook.ErrBodyUncovered},
		"a form with semicolons":          {target, form, "a=1;b=2", target + "a1b2", webhook.ErrBodyUncovered},
		"JSON":                            {target + "&bodySHA256=" + jsonSum, "application/json", jsonBody, target + "&bodySHA256=" + jsonSum, nil},
		"other JSON":                      {target + "&bodySHA256=" + jsonSum, "application/json", "{}", target + "&bodySHA256=" + jsonSum, webhook.ErrBodyUncovered},
		"a form in place of the JSON":     {target + "&bodySHA256=" + jsonSum, form, "a=b", target + "&bodySHA256=" + jsonSum + "ab", webhook.ErrBodyUncovered},
		"JSON, digest not signed":         {target + "&bodySHA256=" + jsonSum, "application/json", jsonBody, target, webhook.ErrNoMatch},
		"digest of nothing":               {target + "&bodySHA256=", "application/json", jsonBody, target + "&bodySHA256=", webhook.ErrBodyUncovered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, tt.target, strings.NewReader(tt.body))
			r.Header.Set("X-Twilio-Signature", twilioSignature(tt.content))
			if tt.media != "" {
				r.Header.Set("Content-Type", tt.media)
			}
			v := verifier(t, webhook.Twilio, webhook.Config{AllowWeakKeys: true}, twilioToken)
			d, err := v.VerifyRequest(r, []byte(tt.body))
			if tt.want != nil {
				assert.ErrorIs(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			assert.Len(t, d.Key(), 64)
		})
	}
}

// The vector of Twilio's libraries with a host in mixed case.
func TestTwilioMixedCaseHost(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "https://MyCompany.com/myapp.php?foo=1&bar=2", nil)
	r.Header.Set("Content-Type", form)
	body := []byte("CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212")
	r.Header.Set("X-Twilio-Signature", "g9IN/x4Cft2g517EjYvEvM/W7LU=")
	_, err := verifier(t, webhook.Twilio, webhook.Config{AllowWeakKeys: true}, twilioToken).VerifyRequest(r, body)
	assert.NoError(t, err)
}

func TestTwilioSigner(t *testing.T) {
	t.Parallel()
	s, err := webhook.NewSigner(webhook.Twilio, []string{textSecret})
	require.NoError(t, err)
	v := verifier(t, webhook.Twilio, webhook.Config{URL: "https://receiver.example/hooks"}, textSecret)
	for _, tt := range []struct{ target, media, body string }{
		{"https://receiver.example/hooks", form, "b=1&a=2"},
		{"https://receiver.example/hooks?x=%20y#fragment", form, "b=1&a=2"},
		{"https://receiver.example/hooks?bodySHA256=" + jsonSum, "application/json", jsonBody},
	} {
		out, err := http.NewRequest(http.MethodPost, tt.target, strings.NewReader(tt.body))
		require.NoError(t, err)
		out.Header.Set("Content-Type", tt.media)
		require.NoError(t, s.SignRequest(out, []byte(tt.body)))
		in := httptest.NewRequest(http.MethodPost, "http://10.0.0.7/?"+out.URL.RawQuery, bytes.NewReader([]byte(tt.body)))
		in.Header = out.Header
		_, err = v.VerifyRequest(in, []byte(tt.body))
		require.NoError(t, err, tt.target)
	}
	out, err := http.NewRequest(http.MethodPost, "https://receiver.example/hooks", strings.NewReader(jsonBody))
	require.NoError(t, err)
	assert.ErrorIs(t, s.SignRequest(out, []byte(jsonBody)), webhook.ErrBodyUncovered)
}

// sortedForm is a form as Twilio's libraries write it: names in order, and of each
// its different values in order.
func sortedForm(values url.Values) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		of := slices.Sorted(slices.Values(values[name]))
		for _, value := range slices.Compact(of) {
			b.WriteString(name + value)
		}
	}
	return b.String()
}
