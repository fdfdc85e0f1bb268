package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// message returns what of r is signed, besides what the headers claim.
func (l *layout) message(r *http.Request, public string, body []byte) (message, error) {
	m := message{body: body}
	if !l.content.ofRequest {
		return m, nil
	}
	m.method, m.url = r.Method, urlOf(r, public)
	if !l.twilio {
		return m, nil
	}
	var err error
	m.form, err = twilioForm(r, body)
	return m, err
}

// urlOf returns the URL that the sender of r has called, or calls if r is one of
// ours. What a router has cut off is in the request line.
func urlOf(r *http.Request, public string) string {
	if public != "" {
		if r.URL.RawQuery == "" {
			return public
		}
		return public + "?" + r.URL.RawQuery
	}
	if r.RequestURI == "" && r.URL.Host != "" {
		u := *r.URL
		u.Fragment, u.RawFragment = "", ""
		return u.String()
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI()
	}
	if r.TLS != nil {
		return "https://" + r.Host + target
	}
	return "http://" + r.Host + target
}

// otherPort adds the port of the scheme to a URL without one, and removes the
// port of one that has it.
func otherPort(full string) string {
	scheme, rest, _ := strings.Cut(full, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, target := rest[:end], rest[end:]
	if name, _, err := net.SplitHostPort(host); err == nil {
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		return scheme + "://" + name + target
	}
	if scheme == "https" {
		return scheme + "://" + host + ":443" + target
	}
	return scheme + "://" + host + ":80" + target
}

// twilioForm returns names and values of a form as Twilio signs them. A body that
// is none must be the one whose digest is in the signed URL.
func twilioForm(r *http.Request, body []byte) ([]byte, error) {
	if sum := r.URL.Query().Get("bodySHA256"); sum != "" {
		if own := sha256.Sum256(body); hex.EncodeToString(own[:]) != sum {
			return nil, ErrBodyUncovered
		}
		return nil, nil
	}
	if len(body) == 0 {
		return nil, nil
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded") {
		return nil, ErrBodyUncovered
	}
	return appendForm(make([]byte, 0, len(body)), body)
}

// appendForm appends the names in order, each with each of its values.
func appendForm(dst, body []byte) ([]byte, error) {
	pairs := make([][2]string, 0, bytes.Count(body, []byte("&"))+1)
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		var p [2]string
		var errName, errValue error
		p[0], errName = url.QueryUnescape(name)
		p[1], errValue = url.QueryUnescape(value)
		if errName != nil || errValue != nil || strings.Contains(pair, ";") { // as url.ParseQuery has it
			return nil, ErrBodyUncovered
		}
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if n := strings.Compare(a[0], b[0]); n != 0 {
			return n
		}
		return strings.Compare(a[1], b[1])
	})
	for _, p := range slices.Compact(pairs) {
		dst = append(append(dst, p[0]...), p[1]...)
	}
	return dst, nil
}
