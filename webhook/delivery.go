package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"
)

// Delivery is a webhook whose sender is proven. It holds on to the body.
type Delivery struct {
	// Scheme is the name of the scheme.
	Scheme string
	// ID is the id that the sender gave the delivery, of at most 255 visible ASCII
	// characters: from a header, or from the body with Stripe, Discord and the events
	// of Slack. It is empty if there is none.
	ID string
	// IDSigned says that the signature covers ID. Where it does not, whoever replays
	// the delivery can have changed it.
	IDSigned bool
	// Timestamp is when it was sent, as the signature covers it; with a scheme that
	// signs no time it is zero.
	Timestamp time.Time
	// Secret is the index of the secret that proved it, of those that [New] got.
	Secret int

	layout  *layout
	message message
}

// Key returns what tells the delivery from others, also when it is sent again:
// ID if that is signed, else the SHA-256 of the scheme and of all that is signed, in
// hexadecimal digits. It is empty for a Delivery that no Verifier has made.
//
// Where that is only the body, two deliveries with equal bodies are one; where it
// has a time and no id, as with the commands of Slack, each attempt has its own.
func (d Delivery) Key() string {
	switch {
	case d.layout == nil:
		return ""
	case d.IDSigned:
		return d.ID
	}
	h := sha256.New()
	_, _ = h.Write(d.message.append([]byte(d.Scheme+"\x00"), d.layout.content.before))
	if d.layout.content.body {
		_, _ = h.Write(d.message.body)
	}
	_, _ = h.Write(d.message.append(nil, d.layout.content.after))
	return hex.EncodeToString(h.Sum(nil))
}

type contextKey struct{}

// requestContext is context.WithValue in one allocation.
type requestContext struct {
	context.Context //nolint:containedctx // it is one

	delivery Delivery
}

func (c *requestContext) Value(key any) any {
	if key == (contextKey{}) {
		return &c.delivery
	}
	return c.Context.Value(key)
}

// FromContext returns the delivery that a Handler has verified, the innermost one.
// ok is false outside of [Verifier.Handler].
func FromContext(ctx context.Context) (d Delivery, ok bool) {
	found, ok := ctx.Value(contextKey{}).(*Delivery)
	if !ok {
		return Delivery{}, false
	}
	return *found, true
}

// ErrNotVerified is returned by [DeliveryID] for a request that has come past no
// [Verifier].
var ErrNotVerified = errors.New("webhook: the request is not behind a verifier")

// DeliveryID returns the [Delivery.Key] of a verified request. It is made for the
// KeyFunc of the idempotency middleware, behind the verifier.
func DeliveryID(r *http.Request) (string, error) {
	d, ok := FromContext(r.Context())
	if !ok {
		return "", ErrNotVerified
	}
	return d.Key(), nil
}
