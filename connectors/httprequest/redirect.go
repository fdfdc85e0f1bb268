package httprequest

import (
	"io"
	"net/http"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// maxDrain is how much of an answer that nobody needs is read, so that its
// connection can be used again.
const maxDrain = 16 << 10

// follow makes a call, and those to which it is redirected.
func (c *Connector) follow(r *http.Request) (*http.Response, error) {
	var via []*http.Request
	for {
		resp, err := c.client.Call(r, connectors.CallOptions{Idempotent: c.cfg.Idempotent})
		if err == nil && !c.follows(r, resp) {
			return resp, nil
		}
		var e *connectors.Error
		if err != nil {
			e = c.alike(err)
		} else {
			drain(resp)
			via = append(via, r)
			r, e = c.hop(r, resp.Header.Get("Location"), via)
		}
		if e != nil {
			e.Unsent = e.Unsent && len(via) == 0 // the first receiver has seen it
			return nil, e
		}
	}
}

func (c *Connector) follows(r *http.Request, resp *http.Response) bool {
	if !c.cfg.FollowRedirects || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	default:
		return false
	}
}

// hop returns the request to which a redirect leads.
func (c *Connector) hop(r *http.Request, location string, via []*http.Request) (*http.Request, *connectors.Error) {
	target, err := r.URL.Parse(location)
	if err != nil {
		return nil, provider.Invalid("redirect", "the receiver redirects to a malformed URL")
	}
	target.Fragment, target.RawFragment = "", ""
	u, e := c.parseURL(target.String())
	if e != nil {
		return nil, e
	}
	next := r.Clone(r.Context())
	next.URL, next.Host = u, ""
	if err := c.guard.CheckRedirect(next, via); err != nil {
		return nil, refused(err, u.Host)
	}
	return next, nil
}

func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	_ = resp.Body.Close()
}
