package httprequest

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bracework/bracework/connectors"
)

const mask = "***"

// Plan validates an action and returns the request that Execute would make. The
// guard judges the text of the URL; no name is looked up, no credential either,
// and nothing is signed. What is masked is said in the package comment.
//
// In an action that is not rendered, a method, URL or value of a header with { or
// < in it is not validated, except for scheme and host of a URL in front of the
// placeholders. Other limits apply to the text as it stands.
func (c *Connector) Plan(ctx context.Context, a connectors.Action) (connectors.Plan, error) {
	const op = "plan"
	open := never
	if a.Unrendered {
		open = isOpen
	}
	conf, e := parse(a.Config, open)
	if e != nil {
		return connectors.Plan{}, named(op, "", e)
	}
	p, e := c.check(conf.request, open)
	if e != nil {
		return connectors.Plan{}, named(op, e.Host, e)
	}
	p.media = conf.media
	address := c.shown(p.url)
	summary := "would " + p.method + " " + strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	if len(p.body) > 0 {
		summary += ": " + strconv.Itoa(len(p.body)) + " bytes"
	}
	return connectors.Plan{
		Method: p.method, URL: address, Header: c.plannedHeader(ctx, p), Body: string(p.body),
		Warnings: c.warnings(conf, p, open), Summary: summary,
	}, nil
}

// shown is a URL without what may be a credential in it, which can be the whole
// path. The constant part of one with placeholders has a path of one slash.
func (c *Connector) shown(u *url.URL) string {
	if u == nil {
		return "(the URL depends on the payload)"
	}
	shown := u.Scheme + "://" + u.Host
	if !c.cfg.ShowPath || u.Path == "/" && u.RawQuery == "" {
		return shown + "/..."
	}
	var out strings.Builder
	out.WriteString(shown + u.EscapedPath())
	separator := "?"
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		// A name without a value can be the credential itself.
		field, _, ok := strings.Cut(pair, "=")
		switch {
		case ok:
			out.WriteString(separator + field + "=" + mask)
		case pair != "":
			out.WriteString(separator + mask)
		default:
			continue
		}
		separator = "&"
	}
	return out.String()
}

func (c *Connector) plannedHeader(ctx context.Context, p *checked) http.Header {
	header := p.header.Clone()
	if p.media != "" && !p.has(contentType) {
		header.Set(contentType, p.media)
	}
	if !idempotent(p.method) && !p.has(c.cfg.IdempotencyHeader) {
		key := connectors.IdempotencyKey(ctx)
		if key == "" {
			key = "(random)"
		}
		header.Set(c.cfg.IdempotencyHeader, key)
	}
	for field, values := range header {
		if looksSecret(field) && !strings.EqualFold(field, c.cfg.IdempotencyHeader) {
			for i := range values {
				values[i] = mask
			}
		}
	}
	for field := range p.secrets {
		header.Set(field, mask)
	}
	return header
}

// warnings says what is permitted and may be a mistake.
func (c *Connector) warnings(conf *config, p *checked, open func(string) bool) []string {
	var warnings []string
	for _, member := range conf.unknown {
		warnings = append(warnings, strconv.Quote(member)+" has no meaning in this action")
	}
	if p.url != nil && p.url.Scheme == "http" {
		warnings = append(warnings, "the URL is not https: whoever is on the way can read and change the request")
	}
	if len(p.body) > 0 && conf.media != mediaJSON && isJSON(p.header.Get(contentType)) && !open(string(p.body)) && !json.Valid(p.body) {
		warnings = append(warnings, "the body is not valid JSON, which its Content-Type promises")
	}
	if c.cfg.Sign != nil {
		warnings = append(warnings, "a signature is added when the request is sent")
	}
	return warnings
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == mediaJSON || strings.HasSuffix(media, "+json"))
}
