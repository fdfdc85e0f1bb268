package netguard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxRedirects = 3

// CheckRedirect refuses a redirect that must not be followed, and takes from the
// request what must not go along; it fits [http.Client.CheckRedirect]. Refused
// are the fourth redirect in a row, what [Guard.CheckURL] refuses, and https to
// http. Names are checked when they are dialled. The error is an [*Error] that is
// [ErrBlocked].
//
// Referer is removed: it is the URL before, and the URL of a webhook is often its
// only credential. Once a redirect has left the host and port of the first
// request, only those headers go along that describe the content and what is
// accepted: net/http by itself withholds Authorization and Cookie, but no header
// with an API key.
//
// The body goes along with a redirect of status 307 or 308, also to another
// host. A client that must not let this happen has to follow no redirect.
func (g *Guard) CheckRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return refuse(tooMany, "more than %d redirects", maxRedirects)
	}
	if err := g.CheckURL(r.URL); err != nil {
		return err
	}
	if len(via) == 0 {
		return nil
	}
	if via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme == "http" {
		return refuse(badDowngrade, "redirect from https to http at host %q", r.URL.Host)
	}
	r.Header.Del("Referer")
	first := via[0].URL
	left := func(v *http.Request) bool { return !sameHost(v.URL, first) }
	if left(r) || slices.ContainsFunc(via, left) {
		for name := range r.Header {
			if !travels(name) {
				delete(r.Header, name)
			}
		}
	}
	return nil
}

// sameHost ignores the scheme of default ports: from http to https of a host is
// an upgrade, not another host.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && otherPort(a) == otherPort(b)
}

// otherPort returns the port, unless it is that of the scheme.
func otherPort(u *url.URL) string {
	switch port := effectivePort(u); {
	case u.Scheme == "https" && port == "443", u.Scheme == "http" && port == "80":
		return ""
	default:
		return port
	}
}

// travels reports whether a header says nothing about who sends it.
func travels(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Accept", "Accept-Encoding", "Accept-Language", "Content-Encoding", "Content-Language",
		"Content-Type", "User-Agent":
		return true
	default:
		return false
	}
}
