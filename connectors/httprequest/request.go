package httprequest

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// maxURL is more than the 8,000 octets that all should support (RFC 9110,
// section 4.1).
const maxURL = 8 << 10

// unreachable is the message for every call that reached nobody; it is netguard's.
const unreachable = "the host cannot be reached"

// Request is what [Connector.Do] sends. The rules of the package comment hold for
// its fields.
type Request struct {
	Method string // default: POST
	URL    string
	Header http.Header
	// Secrets are the names of credentials, by the header field that carries them.
	Secrets map[string]string
	// Body is sent as it is. Without a Content-Type it is application/json.
	Body []byte
}

// checked is a request that may be sent.
type checked struct {
	method  string
	url     *url.URL // nil if it depends on placeholders
	header  http.Header
	secrets map[string]string
	body    []byte
	media   string // the Content-Type if header has none; may be empty
}

// has reports whether the action sets a header field. One without a value does
// not.
func (p *checked) has(field string) bool {
	return p.header.Get(field) != "" || p.secrets[http.CanonicalHeaderKey(field)] != ""
}

// check says why a request cannot be sent. Strings that are open hold
// placeholders, and are not looked at.
func (c *Connector) check(req Request, open func(string) bool) (*checked, *connectors.Error) {
	p := &checked{method: req.Method, body: req.Body}
	if p.method == "" {
		p.method = http.MethodPost
	}
	if !open(p.method) {
		p.method = strings.ToUpper(p.method)
	}
	if !c.methods[p.method] && !open(p.method) {
		return nil, provider.Invalid("invalid_method", "the method is not one that is permitted")
	}
	raw := req.URL
	if open(raw) {
		raw = constant(raw)
	}
	var e *connectors.Error
	if raw != "" || req.URL == "" {
		if p.url, e = c.parseURL(raw); e != nil {
			return nil, e
		}
	}
	if p.header, p.secrets, e = checkHeader(req.Header, req.Secrets, open); e != nil {
		return nil, e
	}
	switch {
	case len(p.secrets) > 0 && c.cfg.Secret == nil:
		return nil, provider.Invalid("secrets_unsupported", "there are no credentials to name")
	case len(p.secrets) > 0 && p.url != nil && p.url.Scheme != "https" && !loopback(p.url.Hostname()):
		return nil, provider.Invalid("secret_needs_https", "a credential is sent over https only")
	case int64(len(p.body)) > c.cfg.MaxRequestBody:
		return nil, &connectors.Error{Kind: connectors.KindTooLarge, Code: "body_too_large", Message: "the body is too large", Unsent: true}
	case len(p.body) > 0 && (p.method == http.MethodGet || p.method == http.MethodHead):
		return nil, provider.Invalid("body_not_allowed", "GET and HEAD have no body")
	}
	return p, nil
}

// parseURL returns a URL that may be called, as far as its text tells.
func (c *Connector) parseURL(raw string) (*url.URL, *connectors.Error) {
	switch {
	case raw == "":
		return nil, provider.Invalid("no_url", "the URL is missing")
	case len(raw) > maxURL:
		return nil, provider.Invalid("invalid_url", "the URL has more than 8 KiB")
	case !isPrintable(raw):
		return nil, provider.Invalid("invalid_url", "the URL contains spaces or other characters that have to be percent-encoded")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, provider.Invalid("invalid_url", "the URL is malformed")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, provider.Invalid("invalid_url", "the URL must begin with https:// or http://")
	case u.Hostname() == "":
		return nil, provider.Invalid("invalid_url", "the URL has no host")
	case u.User != nil:
		return nil, provider.Invalid("invalid_url", "the URL contains user information; send it as a header")
	case strings.Contains(raw, "#"):
		return nil, provider.Invalid("invalid_url", "the URL has a fragment, which is never sent")
	}
	if c.guard == nil {
		return u, nil
	}
	if err := c.guard.CheckURL(u); err != nil {
		return nil, refused(err, u.Host)
	}
	return u, nil
}

// refused is the error of what the guard refuses before a connection. Its text is
// made to be shown.
func refused(err error, host string) *connectors.Error {
	e := &connectors.Error{
		Kind: connectors.KindBlocked, Code: "url_refused", Host: host, Unsent: true,
		Message: strings.TrimPrefix(err.Error(), "netguard: "),
	}
	if e.Message == unreachable {
		e.Code = "unreachable"
	}
	return e
}

// isPrintable reports whether s is ASCII without spaces. net/http writes a query
// as it is: a space in it would end the target of the request line.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// isOpen reports whether a string of a configuration that is not rendered may
// become another. No method, URL or header field needs these characters.
func isOpen(s string) bool { return strings.ContainsAny(s, "{<") }

// never is isOpen of what is rendered.
func never(string) bool { return false }

// constant returns scheme and authority of a URL that has placeholders behind
// them, which cannot change these, and otherwise nothing.
func constant(raw string) string {
	fixed := raw[:strings.IndexAny(raw, "{<")]
	scheme, rest, ok := strings.Cut(fixed, "://")
	end := strings.IndexAny(rest, "/?")
	if !ok || end < 0 {
		return ""
	}
	return scheme + "://" + rest[:end] + "/"
}
