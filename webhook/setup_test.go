package webhook_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

// secrets that are strong enough, and made up.
const (
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret    = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	textSecret     = "8f742231b10e8888abcd99yyyzzz85a5"
)

// keyPair returns an Ed25519 key of which each byte of the seed is b.
func keyPair(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func whpk(key ed25519.PrivateKey) string {
	return "whpk_" + base64.StdEncoding.EncodeToString(key[ed25519.SeedSize:])
}

func whsk(key ed25519.PrivateKey) string {
	return "whsk_" + base64.StdEncoding.EncodeToString(key)
}

// party is a scheme with a secret for either side.
type party struct {
	scheme    webhook.Scheme
	verifying string
	signing   string
}

// parties are all schemes.
func parties() []party {
	discord := keyPair(7)
	return []party{
		{webhook.StandardWebhooks, standardSecret, standardSecret},
		{webhook.StandardWebhooks, whpk(keyPair(1)), whsk(keyPair(1))},
		{webhook.Svix, standardSecret, standardSecret},
		{webhook.Slack, textSecret, textSecret},
		{webhook.GitHub, textSecret, textSecret},
		{webhook.Stripe, textSecret, textSecret},
		{webhook.Shopify, textSecret, textSecret},
		{webhook.Discord, hex.EncodeToString(discord[ed25519.SeedSize:]), hex.EncodeToString(discord)},
		{webhook.Twilio, textSecret, textSecret},
		{paddle(), textSecret, textSecret},
		{hubspot(), textSecret, textSecret},
	}
}

func paddle() webhook.Custom {
	return webhook.Custom{
		Name: "paddle", SignatureHeader: "Paddle-Signature", Separator: ";", TimestampTag: "ts=", Prefix: "h1=",
		Content: "{timestamp}:{body}",
	}
}

func hubspot() webhook.Custom {
	return webhook.Custom{
		Name: "hubspot", SignatureHeader: "X-HubSpot-Signature-v3", TimestampHeader: "X-HubSpot-Request-Timestamp",
		TimestampUnit: time.Millisecond, Content: "{method}{url}{body}{timestamp}", Encoding: webhook.Base64,
	}
}

func (p party) verifier(tb testing.TB, cfg webhook.Config) *webhook.Verifier {
	tb.Helper()
	return verifier(tb, p.scheme, cfg, p.verifying)
}

func (p party) signer(tb testing.TB) *webhook.Signer {
	tb.Helper()
	s, err := webhook.NewSigner(p.scheme, []string{p.signing})
	require.NoError(tb, err)
	return s
}

// request returns a request that p has signed now.
func (p party) request(tb testing.TB, body string) *http.Request {
	tb.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://receiver.example/hooks?a=1", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Idempotency-Key", "msg_1")
	require.NoError(tb, p.signer(tb).SignRequest(r, []byte(body)))
	return r
}

func verifier(tb testing.TB, scheme webhook.Scheme, cfg webhook.Config, secrets ...string) *webhook.Verifier {
	tb.Helper()
	v, err := webhook.New(scheme, secrets, cfg)
	require.NoError(tb, err)
	return v
}

// sleepUntil lets the clock of a bubble show that Unix time, unless it is past.
func sleepUntil(unix int64) { time.Sleep(time.Until(time.Unix(unix, 0))) }

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}
