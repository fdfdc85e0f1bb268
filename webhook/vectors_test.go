package webhook_test

import (
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// vector is a delivery that somebody else has published.
type vector struct {
	name   string // where
	scheme webhook.Scheme
	secret string
	header http.Header
	body   string
	url    string // where it is signed
	at     int64
	weak   bool
	id     string
}

const standardBody = `{"test": 2432232314}`

func vectors() []vector {
	standard := func(signature string) http.Header {
		return header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp", "1614265330", "webhook-signature", signature)
	}
	const (
		v1      = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
		v1a     = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
		message = "msg_p5jXN8AQM9LWM0D4loKWxJek"
		public  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	)
	return []vector{
		{
			name: "Standard Webhooks, v1", scheme: webhook.StandardWebhooks, secret: standardSecret,
			header: standard(v1), body: standardBody, at: 1614265330, id: message,
		},
		{
			name: "Standard Webhooks, several signatures", scheme: webhook.StandardWebhooks, secret: standardSecret,
			header: standard("v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= " + v1 + " v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="),
			body:   standardBody, at: 1614265330, id: message,
		},
		{
			name: "Standard Webhooks, v1a", scheme: webhook.StandardWebhooks, secret: public,
			header: standard(v1a), body: standardBody, at: 1614265330, id: message,
		},
		{
			name: "Svix with headers of the standard", scheme: webhook.Svix, secret: standardSecret,
			header: standard(v1), body: standardBody, at: 1614265330, id: message,
		},
		{
			name: "Svix", scheme: webhook.Svix, secret: public,
			header: header("svix-id", message, "svix-timestamp", "1614265330", "svix-signature", v1a),
			body:   standardBody, at: 1614265330, id: message,
		},
		{
			name: "Slack, verifying requests", scheme: webhook.Slack, secret: "8f742231b10e8888abcd99yyyzzz85a5",
			header: header("X-Slack-Request-Timestamp", "1531420618", "X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
			body:   "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
			at:     1531420618,
		},
		{
			name: "GitHub, validating webhook deliveries", scheme: webhook.GitHub, secret: "It's a Secret to Everybody",
			header: header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), body: "Hello, World!",
		},
		{
			name: "octokit", scheme: webhook.GitHub, secret: "mysecret", weak: true,
			header: header("X-Hub-Signature-256", "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3", "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
			body:   `{"foo":"bar"}`, id: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
		},
		{
			name: "Twilio, form", scheme: webhook.Twilio, secret: "12345", weak: true,
			url: "https://mycompany.com/myapp.php?foo=1&bar=2", header: header("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "Content-Type", "application/x-www-form-urlencoded"),
			body: "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
		},
		{
			name: "RFC 9421 B.2.5", scheme: webhook.Custom{SignatureHeader: "Signature", Encoding: webhook.Base64, KeyEncoding: webhook.KeyBase64},
			secret: "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
			header: header("Signature", "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="),
			body: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
		},
		{
			name: "RFC 9421 B.2.6", scheme: webhook.Custom{SignatureHeader: "Signature", Encoding: webhook.Base64, KeyEncoding: webhook.KeyBase64, Algorithm: webhook.Ed25519},
			secret: "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=",
			header: header("Signature", "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="),
			body: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
		},
		{
			name: "RFC 4231 case 2", scheme: webhook.Custom{SignatureHeader: "S"}, secret: "Jefe", weak: true,
			header: header("S", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), body: "what do ya want for nothing?",
		},
		{
			name: "RFC 4231 case 2, SHA-512", scheme: webhook.Custom{SignatureHeader: "S", Algorithm: webhook.HMACSHA512}, secret: "Jefe", weak: true,
			header: header("S", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
			body:   "what do ya want for nothing?",
		},
		{
			name: "RFC 8032 section 7.1, test 3", scheme: webhook.Custom{SignatureHeader: "S", Algorithm: webhook.Ed25519, KeyEncoding: webhook.KeyHex},
			secret: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
			header: header("S", "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
			body:   "\xaf\x82",
		},
	}
}

func (v vector) verify(t *testing.T, h http.Header, body, target, secret string) (webhook.Delivery, error) {
	t.Helper()
	verifier, err := webhook.New(v.scheme, []string{secret}, webhook.Config{AllowWeakKeys: v.weak})
	require.NoError(t, err)
	r := &http.Request{Method: http.MethodPost, Header: h}
	if target != "" {
		r = httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
		r.Header = h
	}
	return verifier.VerifyRequest(r, []byte(body))
}

func TestPublicVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sleepUntil(v.at)
				d, err := v.verify(t, v.header, v.body, v.url, v.secret)
				require.NoError(t, err)
				assert.Equal(t, v.id, d.ID)
				assert.Equal(t, v.scheme.String(), d.Scheme)
				if v.at == 0 {
					assert.Zero(t, d.Timestamp)
				} else {
					assert.Equal(t, time.Unix(v.at, 0), d.Timestamp)
				}
			})
		})
	}
}

// What is proven has no bit that could be another one.
func TestVectorsWithOneBitFlipped(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sleepUntil(v.at)
				for i := range 8 * len(v.body) {
					if v.scheme == webhook.Twilio && sameForm(v.body, flip(v.body, i)) {
						continue // %2b for %2B: Twilio signs what the form says
					}
					_, err := v.verify(t, v.header, flip(v.body, i), v.url, v.secret)
					require.Error(t, err, "bit %d of the body", i)
				}
				for _, name := range slices.Sorted(maps.Keys(v.header)) {
					if name == "Content-Type" || name == "X-Github-Delivery" || strings.Contains(v.header.Get(name), " ") {
						continue // not signed, or not the only one
					}
					for i := range 8 * len(v.header.Get(name)) {
						h := v.header.Clone()
						h.Set(name, flip(v.header.Get(name), i))
						_, err := v.verify(t, h, v.body, v.url, v.secret)
						assert.Error(t, err, "bit %d of %s", i, name)
					}
				}
			})
		})
	}
}

func sameForm(a, b string) bool {
	x, errX := url.ParseQuery(a)
	y, errY := url.ParseQuery(b)
	return errX == nil && errY == nil && assert.ObjectsAreEqual(x, y)
}

func flip(s string, bit int) string {
	b := []byte(s)
	b[bit/8] ^= 1 << (bit % 8)
	return string(b)
}

// The other key of the same form proves nothing.
func TestVectorsUnderAnotherSecret(t *testing.T) {
	t.Parallel()
	others := map[string]string{
		"whsec_": otherSecret, "whpk_1": whpk(keyPair(9)), "JrQLj5": strings.TrimPrefix(whpk(keyPair(9)), "whpk_"),
		"uzvJfB": "AAvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
		"fc51cd": hex.EncodeToString(keyPair(9)[32:]),
	}
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			other, ok := others[(v.secret + "      ")[:6]]
			if !ok {
				other = v.secret + "x"
			}
			synctest.Test(t, func(t *testing.T) {
				sleepUntil(v.at)
				_, err := v.verify(t, v.header, v.body, v.url, other)
				assert.ErrorIs(t, err, webhook.ErrNoMatch)
			})
		})
	}
}

// What we sign is what they have published.
func TestSignerMakesTheVectors(t *testing.T) {
	t.Parallel()
	const private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	for _, tt := range []struct {
		vector int
		secret string
	}{{0, standardSecret}, {2, private}, {5, textSecret}, {6, "It's a Secret to Everybody"}} {
		v := vectors()[tt.vector]
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s, err := webhook.NewSigner(v.scheme, []string{tt.secret})
			require.NoError(t, err)
			h := http.Header{}
			require.NoError(t, s.Sign(h, v.id, time.Unix(v.at, 0), []byte(v.body)))
			assert.Equal(t, v.header, h)
		})
	}
}
