package webhook_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// FuzzStandardWebhooks checks that what is accepted has a signature among those in
// the header that is right to the byte, and that one added to any others is found.
func FuzzStandardWebhooks(f *testing.F) {
	f.Add("msg_1", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", []byte("{}"), false)
	f.Add("msg_1", "1614265330", "v1,x v1a,y v2,z", []byte(""), true)
	f.Add("a.b", "-1", "v1a,", []byte("."), true)
	f.Add(" ", "0", strings.Repeat("v1, ", 40), []byte("\x00"), true)
	f.Add("é", "99999999999999999", "v1", []byte("\xff"), false)
	f.Add("msg_1", "1e9", "v1,\r\n v1,", []byte("x"), true)
	f.Fuzz(func(t *testing.T, id, timestamp, signatures string, body []byte, sign bool) {
		right := v1(standardSecret, id+"."+timestamp+"."+string(body))
		if sign {
			signatures = right + " " + signatures
		}
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signatures}}
		for _, scheme := range []webhook.Scheme{webhook.StandardWebhooks, webhook.Svix} {
			v := verifier(t, scheme, webhook.Config{Tolerance: -1}, standardSecret, whpk(keyPair(1)))
			d, err := v.Verify(h, body)
			elements := strings.Split(signatures, " ")
			_, timeErr := strconv.ParseUint(timestamp, 10, 53)
			plain := timeErr == nil && (timestamp == "0" || timestamp[0] != '0') && len(timestamp) <= 16 && isPlain(id) && !strings.Contains(id, ".")
			want := plain && len(elements) <= 32 && len(signatures) <= 8<<10 && slices.Contains(elements, right)
			require.Equal(t, want, err == nil, "%v", err)
			if err == nil {
				assert.Equal(t, id, d.ID)
				assert.Equal(t, timestamp, strconv.FormatInt(d.Timestamp.Unix(), 10))
			}
		}
	})
}

func isPlain(id string) bool {
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return id != "" && len(id) <= 255
}

// FuzzStripeSignature checks the grammar of the one header against a reading of the
// documentation.
func FuzzStripeSignature(f *testing.F) {
	f.Add("t=1614265330,v1=00,v0=11", []byte("{}"))
	f.Add("t=1,t=2,v1=", []byte(""))
	f.Add("v1=00,t=1614265330,=,,t", []byte("{\"id\":\"evt_1\"}"))
	f.Add(strings.Repeat("v1=,", 40), []byte("\xff"))
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		v := verifier(t, webhook.Stripe, webhook.Config{Tolerance: -1}, textSecret)
		_, err := v.Verify(http.Header{"Stripe-Signature": {value}}, body)
		require.Error(t, err, "nobody guesses a signature")

		const timestamp = "1614265330"
		signature := ",v1=" + hex.EncodeToString(mac(textSecret, timestamp+"."+string(body)))
		value = "t=" + timestamp + signature + "," + value
		_, err = v.Verify(http.Header{"Stripe-Signature": {value}}, body)
		times, signatures := 0, 0
		for element := range strings.SplitSeq(value, ",") {
			if strings.HasPrefix(element, "t=") {
				times++
			} else {
				signatures++
			}
		}
		require.Equal(t, times == 1 && signatures <= 32 && len(value) <= 8<<10, err == nil, "%v", err)
	})
}

// FuzzSingleSignatures: of schemes with one signature, exactly one text is right.
func FuzzSingleSignatures(f *testing.F) {
	f.Add("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", "1614265330", []byte("Hello, World!"))
	f.Add("v0=", "0", []byte(""))
	f.Add("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "+1", []byte("a=b&c=%zz"))
	f.Add(strings.Repeat("0", 128), "01", []byte("\x00"))
	f.Fuzz(func(t *testing.T, value, timestamp string, body []byte) {
		content := string(body)
		right := map[webhook.Scheme]string{
			webhook.GitHub:  "sha256=" + hex.EncodeToString(mac(textSecret, content)),
			webhook.Slack:   "v0=" + hex.EncodeToString(mac(textSecret, "v0:"+timestamp+":"+content)),
			webhook.Shopify: base64.StdEncoding.EncodeToString(mac(textSecret, content)),
		}
		for _, p := range parties()[3:8] {
			h := http.Header{}
			for _, name := range []string{"X-Slack-Signature", "X-Hub-Signature-256", "X-Shopify-Hmac-Sha256", "X-Signature-Ed25519", "Stripe-Signature"} {
				h.Set(name, value)
			}
			h.Set("X-Slack-Request-Timestamp", timestamp)
			h.Set("X-Signature-Timestamp", timestamp)
			v := p.verifier(t, webhook.Config{Tolerance: -1})
			_, err := v.Verify(h, body)
			if value != right[p.scheme] || right[p.scheme] == "" {
				require.Error(t, err, p.scheme)
			}
		}
	})
}

// FuzzTwilioForm checks the form against url.ParseQuery.
func FuzzTwilioForm(f *testing.F) {
	f.Add([]byte("CallSid=CA1&To=%2B18005551212&a=x+y"), "a=1")
	f.Add([]byte("b&a=&=c&a=1&a=1"), "")
	f.Add([]byte("a=%zz;b"), "bodySHA256=x")
	f.Add([]byte("%61=1&a=2&\xff=\x00"), "%zz")
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		r := httptest.NewRequest(http.MethodPost, "https://mycompany.com/myapp", nil)
		r.URL.RawQuery = query
		r.RequestURI = "/myapp?" + query
		r.Header.Set("Content-Type", form)
		values, err := url.ParseQuery(string(body))
		content := "https://mycompany.com/myapp?" + query + sortedForm(values)
		r.Header.Set("X-Twilio-Signature", twilioSignature(content))
		_, got := verifier(t, webhook.Twilio, webhook.Config{AllowWeakKeys: true}, twilioToken).VerifyRequest(r, body)
		if r.URL.Query().Get("bodySHA256") != "" {
			return
		}
		require.Equal(t, err == nil, got == nil, "%v, %v", err, got)
	})
}

// FuzzBodyID checks the ids of bodies against encoding/json, where that reads
// them, and that there is none in what is no object.
func FuzzBodyID(f *testing.F) {
	f.Add([]byte(`{"id":"evt_1","event_id":"Ev1"}`))
	f.Add([]byte(`{"data":{"id":"a","event_id":"b"},"x":"\"id\":\"c\"","y":"\\","id":"evt_1","event_id":"Ev1","z":["id"]}`))
	f.Add([]byte(`{"id`))
	f.Add([]byte(`{"event_id":"\u0041"}`))
	f.Add([]byte("}\"\\\"{"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for party, name := range map[int]string{5: "id", 3: "event_id"} {
			p := parties()[party]
			h := http.Header{}
			require.NoError(t, p.signer(t).Sign(h, "", time.Now(), body))
			d, err := p.verifier(t, webhook.Config{}).Verify(h, body)
			require.NoError(t, err)
			assert.Equal(t, d.ID != "", d.IDSigned)
			if d.ID != "" {
				assert.True(t, isPlain(d.ID))
			}
			var members map[string]json.RawMessage
			if json.Unmarshal(body, &members) != nil || strings.Count(string(body), `\u`) > 0 || strings.Count(string(body), `"`+name+`"`) > 1 {
				continue
			}
			var want string
			_ = json.Unmarshal(members[name], &want)
			if !isPlain(want) || strings.Contains(string(members[name]), `\`) {
				want = ""
			}
			require.Equal(t, want, d.ID, name)
		}
	})
}

// FuzzCustomContent checks that a template that is taken signs what it says.
func FuzzCustomContent(f *testing.F) {
	for _, content := range []string{"{id}.{timestamp}.{body}", "{body}", "v0:{timestamp}:{body}:", "{", "}", "{}", "{body}{body}", "{id", "{url}{method}{body}", "é{body}"} {
		f.Add(content, "msg_1", "b")
	}
	f.Fuzz(func(t *testing.T, content, id, body string) {
		c := webhook.Custom{SignatureHeader: "S", IDHeader: "I", Content: content}
		if strings.Contains(content, "{timestamp}") {
			c.TimestampHeader = "T"
		}
		v, err := webhook.New(c, []string{textSecret}, webhook.Config{})
		if err != nil {
			return
		}
		timestamp := strconv.FormatInt(time.Now().Unix(), 10)
		r := httptest.NewRequest(http.MethodPut, "https://mycompany.com/a?b=c", nil)
		signed := strings.NewReplacer("{id}", id, "{timestamp}", timestamp, "{body}", body, "{method}", "PUT", "{url}", "https://mycompany.com/a?b=c").Replace(content)
		if content == "" {
			signed = body
		}
		r.Header = http.Header{"S": {hex.EncodeToString(mac(textSecret, signed))}, "I": {id}, "T": {timestamp}}
		_, err = v.VerifyRequest(r, []byte(body))
		_, behind, hasID := strings.Cut(content, "{id}")
		behind, _, _ = strings.Cut(behind, "{")
		want := isPlain(id) && (behind == "" || !strings.Contains(id, behind)) || id == "" && !hasID
		require.Equal(t, want, err == nil, "%q: %v", content, err)
	})
}

// FuzzSecrets checks that no secret makes New panic or is repeated in its error, and
// that what both sides take works.
func FuzzSecrets(f *testing.F) {
	for _, secret := range []string{"", " ", "whsec_", standardSecret, whpk(keyPair(1)), whsk(keyPair(1)), "whsk_AA==", textSecret, strings.Repeat("ab", 32), "whpk_" + strings.Repeat("A", 43) + "="} {
		f.Add(secret)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		for _, p := range parties() {
			_, err := webhook.New(p.scheme, []string{secret}, webhook.Config{})
			if err != nil && len(secret) > 12 && !strings.Contains("does not begin with whsec_ or whpk_ has white space around it", secret) {
				assert.NotContains(t, err.Error(), secret)
			}
			s, err := webhook.NewSigner(p.scheme, []string{secret})
			if err != nil || p.scheme == webhook.Discord || strings.HasPrefix(secret, "whsk_") {
				continue
			}
			v := verifier(t, p.scheme, webhook.Config{}, secret)
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			require.NoError(t, s.SignRequest(r, nil))
			_, err = v.VerifyRequest(r, nil)
			assert.NoError(t, err)
		}
	})
}
