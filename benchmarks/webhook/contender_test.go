package webhook_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bracework/bracework/webhook"
	"github.com/bwmarrin/discordgo"
	"github.com/google/go-github/v83/github"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripe "github.com/stripe/stripe-go/v85/webhook"
	svix "github.com/svix/svix-webhooks/go"
	twilio "github.com/twilio/twilio-go/client"
)

const (
	ours   = "bracework"
	floor  = "bare"
	reused = "bare-reused"

	whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	text  = "8f742231b10e8888abcd99yyyzzz85a5"
	form  = "application/x-www-form-urlencoded"
	url   = "https://mycompany.com/myapp.php?foo=1&bar=2"
)

// delivery is what a sender has sent.
type delivery struct {
	header http.Header
	body   []byte
}

// contender says whether a delivery is proven.
type contender struct {
	name   string
	verify func(d delivery) bool
	// sign, unless nil, is the peer's own.
	sign func(body []byte) delivery
}

// contest is a scheme with those who know it.
type contest struct {
	name       string
	scheme     webhook.Scheme
	verifying  string
	signing    string
	newHash    func() hash.Hash // nil: Ed25519
	body       func(size int) []byte
	contenders []contender
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func contests() []contest {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	public := key[ed25519.SeedSize:]
	b64 := base64.StdEncoding.EncodeToString
	return []contest{
		{name: "Standard Webhooks v1", scheme: webhook.StandardWebhooks, verifying: whsec, signing: whsec, newHash: sha256.New, contenders: []contender{withStandard(), withSvix("webhook-")}},
		{name: "Svix", scheme: webhook.Svix, verifying: whsec, signing: whsec, newHash: sha256.New, contenders: []contender{withSvix("svix-")}},
		{name: "Stripe", scheme: webhook.Stripe, verifying: text, signing: text, newHash: sha256.New, contenders: []contender{withStripe()}},
		{name: "Slack", scheme: webhook.Slack, verifying: text, signing: text, newHash: sha256.New, body: slackEvent, contenders: []contender{withSlack()}},
		{name: "GitHub", scheme: webhook.GitHub, verifying: text, signing: text, newHash: sha256.New, contenders: []contender{withGitHub()}},
		{name: "Shopify", scheme: webhook.Shopify, verifying: text, signing: text, newHash: sha256.New},
		{name: "Twilio", scheme: webhook.Twilio, verifying: text, signing: text, newHash: sha1.New, body: twilioForm, contenders: []contender{withTwilio()}},
		{name: "Standard Webhooks v1a", scheme: webhook.StandardWebhooks, verifying: "whpk_" + b64(public), signing: "whsk_" + b64(key)},
		{name: "Discord", scheme: webhook.Discord, verifying: hex.EncodeToString(public), signing: hex.EncodeToString(key), contenders: []contender{withDiscord(ed25519.PublicKey(public))}},
	}
}

// payload returns a body of that size, an event like Stripe's.
func (c contest) payload(size int) []byte {
	if c.body != nil {
		return c.body(size)
	}
	return fill(`{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","object":"event","data":{"text":"`, `"},"type":"invoice.paid"}`, size)
}

func slackEvent(size int) []byte {
	return fill(`{"token":"x","team_id":"T1DC2JH3J","event":{"type":"message","text":"`,
		`"},"type":"event_callback","event_id":"Ev0PV52K21","event_time":1234567890,"authorizations":[{"team_id":"T1DC2JH3J"}]}`, size)
}

func fill(before, behind string, size int) []byte {
	return []byte(before + strings.Repeat("x", size-len(before)-len(behind)) + behind)
}

// twilioForm has the usual parameters, and a text for the rest.
func twilioForm(size int) []byte {
	return fill("CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212&Body=", "", size)
}

// sign signs as our signer does.
func (c contest) sign(body []byte) delivery {
	s := must(webhook.NewSigner(c.scheme, []string{c.signing}))
	r := must(http.NewRequest(http.MethodPost, url, nil))
	r.Header.Set("Content-Type", form)
	if err := s.SignRequest(r, body); err != nil {
		panic(err)
	}
	return delivery{r.Header, body}
}

// all are the floors, we, and the peers.
func (c contest) all() []contender {
	v := must(webhook.New(c.scheme, []string{c.verifying}, webhook.Config{}))
	we := contender{name: ours, verify: func(d delivery) bool {
		_, err := v.Verify(d.header, d.body)
		return err == nil
	}}
	if c.scheme == webhook.Twilio {
		v = must(webhook.New(c.scheme, []string{c.verifying}, webhook.Config{URL: "https://mycompany.com/myapp.php"}))
		r := must(http.NewRequest(http.MethodPost, url, nil))
		we.verify = func(d delivery) bool {
			r.Header = d.header
			_, err := v.VerifyRequest(r, d.body)
			return err == nil
		}
	}
	if c.newHash == nil {
		return append([]contender{bareEd25519(), we}, c.contenders...)
	}
	return append([]contender{c.bare(), c.bareReused(), we}, c.contenders...)
}

func (c contest) bare() contender {
	secret, sum := []byte(text), make([]byte, 0, 64)
	return contender{name: floor, verify: func(d delivery) bool {
		h := hmac.New(c.newHash, secret)
		h.Write(d.body)
		return len(h.Sum(sum)) > 0
	}}
}

func (c contest) bareReused() contender {
	h, sum := hmac.New(c.newHash, []byte(text)), make([]byte, 0, 64)
	return contender{name: reused, verify: func(d delivery) bool {
		h.Reset()
		h.Write(d.body)
		return len(h.Sum(sum)) > 0
	}}
}

func bareEd25519() contender {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	public := ed25519.PublicKey(key[ed25519.SeedSize:])
	signatures := map[int][]byte{}
	return contender{name: floor, verify: func(d delivery) bool {
		if signatures[len(d.body)] == nil {
			signatures[len(d.body)] = ed25519.Sign(key, d.body)
		}
		return ed25519.Verify(public, d.body, signatures[len(d.body)])
	}}
}

func withStandard() contender {
	wh := must(standardwebhooks.NewWebhook(whsec))
	return contender{
		name: "standard-webhooks", verify: func(d delivery) bool { return wh.Verify(d.body, d.header) == nil },
		sign: func(body []byte) delivery { return standard("webhook-", body, wh.Sign) },
	}
}

func withSvix(prefix string) contender {
	wh := must(svix.NewWebhook(whsec))
	return contender{
		name: "svix", verify: func(d delivery) bool { return wh.Verify(d.body, d.header) == nil },
		sign: func(body []byte) delivery { return standard(prefix, body, wh.Sign) },
	}
}

func standard(prefix string, body []byte, sign func(id string, at time.Time, body []byte) (string, error)) delivery {
	now := time.Now()
	h := http.Header{}
	h.Set(prefix+"id", "msg_1")
	h.Set(prefix+"timestamp", unix(now))
	h.Set(prefix+"signature", must(sign("msg_1", now, body)))
	return delivery{h, body}
}

func withStripe() contender {
	return contender{
		name: "stripe-go",
		verify: func(d delivery) bool {
			return stripe.ValidatePayload(d.body, d.header.Get("Stripe-Signature"), text) == nil
		},
		sign: func(body []byte) delivery {
			signed := stripe.GenerateTestSignedPayload(&stripe.UnsignedPayload{Payload: body, Secret: text})
			return delivery{http.Header{"Stripe-Signature": {signed.Header}}, body}
		},
	}
}

func withSlack() contender {
	return contender{name: "slack-go", verify: func(d delivery) bool {
		v, err := slack.NewSecretsVerifier(d.header, text)
		if err != nil {
			return false
		}
		_, _ = v.Write(d.body)
		return v.Ensure() == nil
	}}
}

func withGitHub() contender {
	secret := []byte(text)
	return contender{name: "go-github", verify: func(d delivery) bool {
		return github.ValidateSignature(d.header.Get(github.SHA256SignatureHeader), d.body, secret) == nil
	}}
}

func withTwilio() contender {
	v := twilio.NewRequestValidator(text)
	return contender{name: "twilio-go", verify: func(d delivery) bool {
		return v.ValidateBody(url, d.body, d.header.Get("X-Twilio-Signature"))
	}}
}

func withDiscord(public ed25519.PublicKey) contender {
	return contender{name: "discordgo", verify: func(d delivery) bool {
		r := http.Request{Header: d.header, Body: io.NopCloser(bytes.NewReader(d.body))}
		return discordgo.VerifyInteraction(&r, public)
	}}
}
