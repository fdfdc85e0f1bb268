package httprequest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// Response is an answer.
type Response struct {
	Status int
	// Header is that of the answer without Set-Cookie: it is kept for later
	// steps, and a session is a credential.
	Header http.Header
	// Body is not more than the client's [connectors.ClientConfig.MaxBody].
	Body []byte
	// Truncated says that there was more.
	Truncated bool
}

// Do sends a request and returns the answer. The error is a [*connectors.Error].
// When the status is not 2xx, or reading the body failed, there are both, an
// error and what came of the answer.
func (c *Connector) Do(ctx context.Context, req Request) (*Response, error) {
	const op = "do"
	ctx, cancel := context.WithTimeout(ctx, c.client.Timeout())
	defer cancel()
	p, e := c.check(req, never)
	if e != nil {
		return nil, named(op, e.Host, e)
	}
	if len(p.body) > 0 {
		p.media = mediaJSON
	}
	resp, err := c.send(ctx, p)
	if err != nil {
		return nil, named(op, p.url.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	out := &Response{Status: resp.StatusCode, Header: resp.Header.Clone(), Body: body}
	out.Header.Del("Set-Cookie")
	if e := judge(resp); e != nil {
		return out, named(op, p.url.Host, e)
	}
	if err == nil {
		return out, nil
	}
	if e, ok := errors.AsType[*connectors.Error](err); ok && e.Kind == connectors.KindTooLarge {
		out.Truncated = true // the request has arrived: nothing is gained by a failure
		return out, nil
	}
	return out, named(op, p.url.Host, err)
}

// send makes the call, the redirects included. The caller closes the body.
func (c *Connector) send(ctx context.Context, p *checked) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, p.method, p.url.String(), bytes.NewReader(p.body))
	if err != nil {
		return nil, provider.Invalid("invalid_request", "the request cannot be made")
	}
	if r.Header = p.header.Clone(); p.media != "" && !p.has(contentType) {
		r.Header.Set(contentType, p.media)
	}
	if key := c.key(ctx, p); key != "" {
		if !isValue(key) {
			return nil, provider.Invalid("invalid_key", "the idempotency key is not the value of a header field")
		}
		r.Header.Set(c.cfg.IdempotencyHeader, key)
	}
	if e := c.addSecrets(r, p); e != nil {
		return nil, e
	}
	if c.cfg.Sign != nil {
		if err := c.cfg.Sign(r, p.body); err != nil {
			return nil, failedHook(ctx, err, "sign_failed", "the request could not be signed")
		}
	}
	return c.follow(r)
}

// key returns the idempotency key that a request is to get, or nothing when it
// has one or needs none.
func (c *Connector) key(ctx context.Context, p *checked) string {
	if idempotent(p.method) || p.has(c.cfg.IdempotencyHeader) {
		return ""
	}
	if key := connectors.IdempotencyKey(ctx); key != "" {
		return key
	}
	return rand.Text()
}

// idempotent reports whether to repeat a request is harmless by its method
// (RFC 9110, section 9.2.2).
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	default:
		return false
	}
}

func (c *Connector) addSecrets(r *http.Request, p *checked) *connectors.Error {
	host := strings.ToLower(p.url.Hostname())
	for field, of := range p.secrets {
		secret, err := c.cfg.Secret(r.Context(), of, host)
		switch {
		case err != nil:
			return failedHook(r.Context(), err, "secret_unavailable", "a credential could not be looked up")
		case secret.IsZero():
			return provider.Invalid("unknown_secret", "there is no credential of that name for this host")
		case !isValue(secret.Reveal()):
			return provider.Invalid("invalid_secret", "a credential is not the value of a header field; look for line ends")
		}
		r.Header.Set(field, secret.Reveal())
	}
	return nil
}

// failedHook is the error of a function of [Config]. The text of err is not
// shown.
func failedHook(ctx context.Context, err error, code, message string) *connectors.Error {
	if own, ok := errors.AsType[*connectors.Error](err); ok {
		return own
	}
	if ctx.Err() != nil {
		return connectors.ContextError(ctx)
	}
	return &connectors.Error{Kind: connectors.KindNetwork, Code: code, Message: message, Unsent: true}
}
