package webhook

import "time"

// Scheme is a way to sign webhooks: a [Preset] or a [Custom].
type Scheme interface {
	// String returns the name of the scheme, for logs.
	String() string
	layout() (*layout, error)
}

// Preset is the scheme of one vendor, or of a specification.
type Preset uint8

// The presets. A time is Unix time in seconds.
const (
	// StandardWebhooks is the specification Standard Webhooks 1.0.0: headers
	// Webhook-Id, Webhook-Timestamp and Webhook-Signature, with any number of v1
	// (HMAC-SHA256) and v1a (Ed25519) signatures over "id.timestamp.body".
	//
	// Secrets are whsec_ and 24 to 64 bytes in base64, or whpk_ and a public key;
	// a signer has whsk_ and the secret key of 64 bytes in place of whpk_, which a
	// verifier refuses. Both kinds may be mixed.
	StandardWebhooks Preset = iota + 1
	// Svix is StandardWebhooks with the headers Svix-Id, Svix-Timestamp and
	// Svix-Signature; a request that has none of them may have those of
	// StandardWebhooks.
	Svix
	// Slack is version v0 of its signing secrets: X-Slack-Signature over
	// "v0:timestamp:body", and X-Slack-Request-Timestamp. The secret is text. The id
	// is the event_id of an event; other requests have none.
	Slack
	// GitHub has X-Hub-Signature-256 over the body, and no time. The secret is text.
	// The id, X-GitHub-Delivery, is not signed.
	GitHub
	// Stripe has Stripe-Signature with a time and any number of v1 signatures over
	// "timestamp.body". The secret is text, whsec_ included. The id is that of the
	// event.
	Stripe
	// Shopify has X-Shopify-Hmac-Sha256 over the body, and no time. The secret is
	// text. The id, X-Shopify-Webhook-Id, is not signed.
	Shopify
	// Discord is that of interactions: X-Signature-Ed25519 over the timestamp and
	// the body, and X-Signature-Timestamp. The key is the public one of the
	// application in hexadecimal digits; a signer has the 64 bytes of seed and
	// public key. The id is that of the interaction.
	Discord
	// Twilio has X-Twilio-Signature (HMAC-SHA1) over the URL and the form, or over
	// a URL with the parameter bodySHA256 and that body, and no time. The secret is
	// the auth token, as text. A signature is taken with and without the port, as
	// Twilio's own libraries do. Of a name with several values, each different
	// one is signed once, in order. See [Config.URL].
	//
	// Names and values are signed without anything between them, so who has one
	// signed form can divide its text otherwise.
	Twilio
)

// String returns the name, in lower case.
func (p Preset) String() string {
	switch p {
	case StandardWebhooks:
		return "standard-webhooks"
	case Svix:
		return "svix"
	case Slack:
		return "slack"
	case GitHub:
		return "github"
	case Stripe:
		return "stripe"
	case Shopify:
		return "shopify"
	case Discord:
		return "discord"
	case Twilio:
		return "twilio"
	default:
		return "unknown"
	}
}

func (p Preset) layout() (*layout, error) {
	l := &layout{name: p.String(), unit: time.Second}
	text := []keyFormat{{algorithm: HMACSHA256, encoding: KeyText}}
	switch p {
	case StandardWebhooks, Svix:
		standard := headers{id: "Webhook-Id", timestamp: "Webhook-Timestamp", signature: "Webhook-Signature"}
		l.headers = []headers{standard}
		if p == Svix {
			l.headers = []headers{{id: "Svix-Id", timestamp: "Svix-Timestamp", signature: "Svix-Signature"}, standard}
		}
		l.list = list{separator: " ", tags: []tag{{"v1,", HMACSHA256}, {"v1a,", Ed25519}}}
		l.encoding = Base64
		l.content = mustContent("{id}.{timestamp}.{body}")
		l.keys = []keyFormat{
			{algorithm: HMACSHA256, encoding: KeyBase64, prefix: "whsec_", most: 64},
			{algorithm: Ed25519, encoding: KeyBase64, prefix: "whpk_", private: "whsk_"},
		}
	case Slack:
		l.headers = []headers{{timestamp: "X-Slack-Request-Timestamp", signature: "X-Slack-Signature"}}
		l.list = list{tags: []tag{{"v0=", HMACSHA256}}}
		l.content, l.keys, l.bodyID = mustContent("v0:{timestamp}:{body}"), text, slackEventID
	case GitHub:
		l.headers = []headers{{id: "X-Github-Delivery", signature: "X-Hub-Signature-256"}}
		l.list = list{tags: []tag{{"sha256=", HMACSHA256}}}
		l.content, l.keys = mustContent("{body}"), text
	case Stripe:
		l.headers = []headers{{signature: "Stripe-Signature"}}
		l.list = list{separator: ",", timestamp: "t=", tags: []tag{{"v1=", HMACSHA256}}}
		l.content, l.keys, l.bodyID = mustContent("{timestamp}.{body}"), text, objectID
	case Shopify:
		l.headers = []headers{{id: "X-Shopify-Webhook-Id", signature: "X-Shopify-Hmac-Sha256"}}
		l.list, l.encoding = list{tags: []tag{{"", HMACSHA256}}}, Base64
		l.content, l.keys = mustContent("{body}"), text
	case Discord:
		l.headers = []headers{{timestamp: "X-Signature-Timestamp", signature: "X-Signature-Ed25519"}}
		l.list = list{tags: []tag{{"", Ed25519}}}
		l.content, l.bodyID = mustContent("{timestamp}{body}"), objectID
		l.keys = []keyFormat{{algorithm: Ed25519, encoding: KeyHex}}
	case Twilio:
		l.headers = []headers{{id: "I-Twilio-Idempotency-Token", signature: "X-Twilio-Signature"}}
		l.list, l.encoding = list{tags: []tag{{"", HMACSHA1}}}, Base64
		l.content, l.twilio = content{before: []part{{kind: partURL}, {kind: partForm}}, ofRequest: true}, true
		l.keys = []keyFormat{{algorithm: HMACSHA1, encoding: KeyText}}
	default:
		return nil, errUnknownPreset
	}
	return l, nil
}
