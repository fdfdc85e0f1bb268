// Package webhook proves who sent a webhook, and signs those that you send.
//
// [New] makes a verifier of a [Scheme] and its secrets; [Verifier.Handler] wraps
// any [http.Handler], [Verifier.VerifyRequest] and [Verifier.Verify] only decide.
// [NewSigner] is the other side. No function of this package starts a goroutine.
//
// # Model
//
// A sender signs the body, with most schemes together with an id and the time of
// sending, under a secret that both sides know, or with a private key of which the
// receiver has the public half. The schemes are [StandardWebhooks] (v1 and v1a of
// the specification 1.0.0), [Svix], [Slack], [GitHub], [Stripe], [Shopify],
// [Discord] for interactions, [Twilio], and [Custom] for others.
//
// A request is examined in this order, and refused at the first fault:
//
//	size        a body over Config.MaxBody, 1 MiB by default    413
//	headers     each one there, once, and well formed           401
//	time        within Config.Tolerance, before and after now   401
//	signatures  at most 32 of them                              401
//	proof       one of them by one of the secrets               401
//
// All of a refusal with 401 is the same whatever was wrong, so that nobody can ask
// the verifier for help; the reason goes to [Config.Observer] and [Config.Logger].
// It is application/problem+json (RFC 9457). All signatures of a request are
// compared in constant time, with each secret, before it is refused.
//
// Behind the handler, the body can be read again from its start, byte for byte,
// and [FromContext] returns the [Delivery].
//
// # Secrets
//
// Several secrets are for rotation: each of them proves, and [Delivery.Secret]
// tells which did. New fails closed: no secret, an empty one, one with white space
// around it, one that is not encoded as the scheme says, one shorter than 24 bytes,
// and a public key under which anybody can sign are errors. [Config.AllowWeakKeys]
// admits short ones.
//
// # Replays
//
// A signature does not keep anybody from sending the request again, and with
// GitHub and Shopify, which sign no time, it never expires. Put the idempotency
// middleware behind the verifier, with KeyFunc: webhook.DeliveryID: a delivery then
// counts as seen when its handler has succeeded, and the same one is answered by
// replay. [DeliveryID] never trusts an id that the signature does not cover.
//
// The order in a chain is verifier, limiter, idempotency: a forged request then
// takes no token of the tenant that it names and leaves no record.
//
// # Limits
//
//   - A signature has one spelling: hexadecimal digits in lower case, base64 with
//     its padding and no stray bits. Others are refused.
//   - Only what the scheme signs is proven. Header fields are not, but for the id
//     and the time: with GitHub and Shopify, whoever replays a delivery can change
//     the name of its event.
//   - Slack's url_verification and Discord's PING are for the handler to answer.
//   - SHA-1 signatures of GitHub (X-Hub-Signature) and HTTP Message Signatures
//     (RFC 9421) are not supported.
//
// The page docs/webhook.md of the repository has the wiring of each scheme.
package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Verifier verifies deliveries of one scheme. Its methods may be called
// concurrently.
type Verifier struct {
	layout *layout
	keys   []*key
	cfg    Config
	claims sync.Pool
}

const maxSecrets = 16 // each costs a forged request an HMAC

// New returns a Verifier that takes the signatures of each of secrets, of which
// there are 1 to 16. They are written as the sender shows them: see the schemes.
// All misconfigurations are reported, in one error, which repeats no secret.
func New(scheme Scheme, secrets []string, cfg Config) (*Verifier, error) {
	cfg, cfgErr := cfg.withDefaults()
	layout, keys, err := open(scheme, secrets, keyUse{weak: cfg.AllowWeakKeys})
	if err := errors.Join(cfgErr, err); err != nil {
		return nil, err
	}
	return &Verifier{layout: layout, keys: keys, cfg: cfg}, nil
}

// open is what verifiers and signers begin with.
func open(scheme Scheme, secrets []string, use keyUse) (*layout, []*key, error) {
	if scheme == nil {
		return nil, nil, errors.New("webhook: scheme is nil")
	}
	layout, err := scheme.layout()
	if err != nil {
		return nil, nil, err
	}
	if len(secrets) == 0 || len(secrets) > maxSecrets {
		return nil, nil, fmt.Errorf("webhook: %d secrets, want 1 to %d", len(secrets), maxSecrets)
	}
	keys := make([]*key, len(secrets))
	var errs []error
	for i, secret := range secrets {
		if keys[i], err = layout.key(secret, use); err != nil {
			errs = append(errs, fmt.Errorf("webhook: %s secret %d %w", layout.name, i, err))
		}
	}
	return layout, keys, errors.Join(errs...)
}

// The reasons to refuse a delivery, as errors of Verify and VerifyRequest. They
// are for you: what a client sees is the same for all.
var (
	// ErrHeaderMissing says that a header that the scheme needs is not there.
	ErrHeaderMissing = errors.New("webhook: a header is missing")
	// ErrHeaderInvalid says that there is more than one value of a header, or one
	// that is too long or not of the form that the scheme gives it.
	ErrHeaderInvalid = errors.New("webhook: a header is doubled or malformed")
	// ErrTooOld says that the delivery was sent longer ago than the tolerance.
	ErrTooOld = errors.New("webhook: sent too long ago")
	// ErrTooNew says that its time is further ahead than the tolerance.
	ErrTooNew = errors.New("webhook: sent in the future")
	// ErrTooManySignatures says that there are more than 32.
	ErrTooManySignatures = errors.New("webhook: more than 32 signatures")
	// ErrBodyUncovered says that the signature does not cover the body, as with a
	// body that is no form, and without bodySHA256, for Twilio.
	ErrBodyUncovered = errors.New("webhook: the body is not what was signed")
	// ErrNoMatch says that no signature is that of the delivery by any secret.
	ErrNoMatch = errors.New("webhook: no signature matches")
)

// errURLSigned is a mistake of the caller, and so no reason of those above.
var errURLSigned = errors.New("webhook: the scheme signs the URL or the method: use VerifyRequest or SignRequest")

// Verify verifies a delivery that came by other ways than a handler. Body is as it
// was received; the returned Delivery holds on to it. Names in header are canonical
// ([http.CanonicalHeaderKey]). The error is one of those above; schemes that sign
// the URL have an error of their own. [Config.MaxBody] does not apply.
func (v *Verifier) Verify(header http.Header, body []byte) (Delivery, error) {
	if v.layout.content.ofRequest {
		return Delivery{}, errURLSigned
	}
	c := v.claim()
	defer v.release(c)
	if err := v.read(header, c); err != nil {
		return Delivery{}, err
	}
	return v.prove(c, message{body: body})
}

// VerifyRequest is [Verifier.Verify] for a request whose body the caller has read.
// It does not touch r.Body.
func (v *Verifier) VerifyRequest(r *http.Request, body []byte) (Delivery, error) {
	c := v.claim()
	defer v.release(c)
	if err := v.read(r.Header, c); err != nil {
		return Delivery{}, err
	}
	return v.proveRequest(c, r, body)
}

func (v *Verifier) proveRequest(c *claim, r *http.Request, body []byte) (Delivery, error) {
	m, err := v.layout.message(r, v.cfg.URL, body)
	if err != nil {
		return Delivery{}, err
	}
	return v.prove(c, m)
}

// read takes what the headers claim, and judges what can be judged without the
// body.
func (v *Verifier) read(h http.Header, c *claim) error {
	if err := v.layout.read(h, c); err != nil {
		return err
	}
	if c.timestamp == "" || v.cfg.Tolerance < 0 {
		return nil
	}
	switch age := time.Since(c.time); {
	case age > v.cfg.Tolerance:
		return ErrTooOld
	case age < -v.cfg.Tolerance:
		return ErrTooNew
	}
	return nil
}

// prove looks for a signature of m by one of the keys.
func (v *Verifier) prove(c *claim, m message) (Delivery, error) {
	m.id, m.timestamp = c.id, c.timestamp
	secret := v.layout.find(v.keys, c, &m)
	if secret < 0 {
		return Delivery{}, ErrNoMatch
	}
	d := Delivery{
		Scheme: v.layout.name, ID: c.id, IDSigned: v.layout.content.id,
		Timestamp: c.time, Secret: secret,
		layout: v.layout, message: m,
	}
	if v.layout.bodyID != nil {
		d.ID = v.layout.bodyID(m.body)
		d.IDSigned = d.ID != ""
	}
	return d, nil
}
