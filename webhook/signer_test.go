package webhook_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/webhook"
)

func TestSignSetsHeaders(t *testing.T) {
	t.Parallel()
	names := map[string][]string{
		"standard-webhooks": {"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"},
		"svix":              {"Svix-Id", "Svix-Timestamp", "Svix-Signature"},
		"slack":             {"X-Slack-Request-Timestamp", "X-Slack-Signature"},
		"github":            {"X-Github-Delivery", "X-Hub-Signature-256"},
		"stripe":            {"Stripe-Signature"},
		"shopify":           {"X-Shopify-Webhook-Id", "X-Shopify-Hmac-Sha256"},
		"discord":           {"X-Signature-Timestamp", "X-Signature-Ed25519"},
		"paddle":            {"Paddle-Signature"},
	}
	for _, p := range parties() {
		h := http.Header{}
		for _, name := range names[p.scheme.String()] {
			h[name] = []string{"old", "older"}
		}
		err := p.signer(t).Sign(h, "msg_1", time.Now(), []byte("{}"))
		if p.scheme == webhook.Twilio || p.scheme == hubspot() {
			require.ErrorContains(t, err, "use VerifyRequest or SignRequest")
			continue
		}
		require.NoError(t, err)
		assert.Len(t, h, len(names[p.scheme.String()]), p.scheme)
		for _, name := range names[p.scheme.String()] {
			assert.Len(t, h[name], 1, name)
			assert.NotEqual(t, "old", h[name][0], name)
		}
		d, err := p.verifier(t, webhook.Config{}).Verify(h, []byte("{}"))
		require.NoError(t, err, p.scheme)
		if timed(p.scheme) {
			assert.WithinDuration(t, time.Now(), d.Timestamp, 2*time.Second)
		} else {
			assert.Zero(t, d.Timestamp)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	s := parties()[0].signer(t)
	for _, id := range []string{"", "msg.1", "msg 1", "msg\n1", "é", strings.Repeat("m", 256)} {
		h := http.Header{}
		require.ErrorContains(t, s.Sign(h, id, time.Now(), nil), "the id", "%q", id)
		assert.Empty(t, h)
	}
	for _, at := range []time.Time{{}, time.Unix(-1, 0)} {
		h := http.Header{}
		require.ErrorContains(t, s.Sign(h, "msg_1", at, nil), "the timestamp")
		assert.Empty(t, h)
	}
	github := parties()[4].signer(t)
	require.NoError(t, github.Sign(http.Header{}, "", time.Time{}, nil), "neither is signed")
	require.ErrorContains(t, github.Sign(http.Header{}, "a b", time.Time{}, nil), "the id")
}

// Each receiver who knows one of the secrets is content, and hears which one.
func TestRotation(t *testing.T) {
	t.Parallel()
	next, old := keyPair(1), keyPair(2)
	s, err := webhook.NewSigner(webhook.StandardWebhooks, []string{standardSecret, otherSecret, whsk(next), whsk(old)})
	require.NoError(t, err)
	h := http.Header{}
	require.NoError(t, s.Sign(h, "msg_1", time.Now(), []byte("{}")))
	assert.Len(t, strings.Fields(h.Get("Webhook-Signature")), 4)
	stranger := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24))
	for _, tt := range []struct {
		secrets []string
		want    int
	}{
		{[]string{standardSecret}, 0},
		{[]string{otherSecret}, 0},
		{[]string{stranger, otherSecret}, 1},
		{[]string{whpk(old)}, 0},
		{[]string{whpk(keyPair(3)), stranger, whpk(next)}, 2},
	} {
		d, err := verifier(t, webhook.StandardWebhooks, webhook.Config{}, tt.secrets...).Verify(h, []byte("{}"))
		require.NoError(t, err)
		assert.Equal(t, tt.want, d.Secret)
	}
	_, err = verifier(t, webhook.StandardWebhooks, webhook.Config{}, stranger, whpk(keyPair(3))).Verify(h, []byte("{}"))
	require.ErrorIs(t, err, webhook.ErrNoMatch)

	// Of schemes with one signature, too, the verifier may know several secrets.
	for _, p := range parties()[3:] {
		if p.scheme == webhook.Discord {
			continue
		}
		d, err := verifier(t, p.scheme, webhook.Config{}, strings.Repeat("x", 32), p.verifying).VerifyRequest(p.request(t, "a=b"), []byte("a=b"))
		require.NoError(t, err, p.scheme)
		assert.Equal(t, 1, d.Secret, p.scheme)
	}
}

// A request that is sent again has the same id.
func TestSignRequestID(t *testing.T) {
	t.Parallel()
	s := parties()[0].signer(t)
	id := func(key string) string {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		require.NoError(t, s.SignRequest(r, nil))
		_, err := parties()[0].verifier(t, webhook.Config{}).VerifyRequest(r, nil)
		require.NoError(t, err)
		return r.Header.Get("Webhook-Id")
	}
	assert.Equal(t, "order-7", id("order-7"))
	assert.Regexp(t, "^msg_[0-9a-f]{64}$", id("order.7"), "a full stop cannot be signed")
	first := id("order.7")
	assert.Equal(t, first, id("order.7"))
	assert.NotEqual(t, first, id("order.8"))
	assert.Regexp(t, "^msg_[A-Z2-7]{26}$", id(""))
	first = id("")
	assert.NotEqual(t, first, id(""))
}

func TestSignRequestSignsNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1234567 * time.Second)
		r := parties()[3].request(t, "")
		assert.Equal(t, strconv.Itoa(946684800+1234567), r.Header.Get("X-Slack-Request-Timestamp"))
	})
}

// Discord has published no vector: the signature is that of Ed25519 over time and
// body.
func TestDiscordSignature(t *testing.T) {
	t.Parallel()
	p := parties()[7]
	h := http.Header{}
	require.NoError(t, p.signer(t).Sign(h, "", time.Unix(now, 0), []byte(`{"type":1}`)))
	sig, err := hex.DecodeString(h.Get("X-Signature-Ed25519"))
	require.NoError(t, err)
	assert.True(t, ed25519.Verify(ed25519.PublicKey(keyPair(7)[32:]), []byte(`1614265330{"type":1}`), sig))

	synctest.Test(t, func(t *testing.T) {
		sleepUntil(now)
		v := p.verifier(t, webhook.Config{})
		_, err := v.Verify(h, []byte(`{"type":1}`))
		require.NoError(t, err)
		good := h.Get("X-Signature-Ed25519")
		for _, bad := range []string{"", strings.ToUpper(good), good[:126], good + "00", strings.Repeat("0", 128), strings.Repeat("g", 128), good + " "} {
			h.Set("X-Signature-Ed25519", bad)
			_, err := v.Verify(h, []byte(`{"type":1}`))
			require.Error(t, err, "%q", bad)
		}
		h.Set("X-Signature-Ed25519", good)
		h.Set("X-Signature-Timestamp", "161426533")
		_, err = v.Verify(h, []byte(`0{"type":1}`))
		assert.ErrorIs(t, err, webhook.ErrTooOld, "a digit of the time, moved into the body")
	})
}
