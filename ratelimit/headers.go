package ratelimit

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// HeaderSet is a set of response headers.
type HeaderSet uint8

// The headers. They are not sent for unlimited tiers and shadowed requests.
const (
	// XRateLimit is X-RateLimit-Limit and X-RateLimit-Remaining, on admitted
	// and on refused responses. With several limits they are those of the limit
	// that decided: the one that refuses for longest, or that leaves the least.
	XRateLimit HeaderSet = 1 << iota
	// RetryAfter is Retry-After (RFC 9110 section 10.2.3), on refusals that a
	// wait can cure: whole seconds, rounded up, at least 1.
	RetryAfter
	// NoHeaders is none. It cannot be combined.
	NoHeaders
	// IETFDraft11 is RateLimit-Policy and RateLimit as in
	// draft-ietf-httpapi-ratelimit-headers-11, with an item for each limit: q is
	// the burst and w the seconds to refill it, r the tokens left and t the
	// seconds until there is one more. Later drafts may rename these; they will
	// have a name of their own here.
	IETFDraft11

	allHeaders = XRateLimit | RetryAfter | NoHeaders | IETFDraft11
)

// The canonical forms, in which net/http stores and finds them.
const (
	headerLimit      = "X-Ratelimit-Limit"
	headerRemaining  = "X-Ratelimit-Remaining"
	headerRetryAfter = "Retry-After"
	headerIETFPolicy = "Ratelimit-Policy"
	headerIETF       = "Ratelimit"
	headerExpose     = "Access-Control-Expose-Headers"
)

// Names are the names of the headers, for the list of exposed headers of a CORS
// layer.
func (s HeaderSet) Names() []string {
	var names []string
	if s&XRateLimit != 0 {
		names = append(names, "X-RateLimit-Limit", "X-RateLimit-Remaining")
	}
	if s&RetryAfter != 0 {
		names = append(names, headerRetryAfter)
	}
	if s&IETFDraft11 != 0 {
		names = append(names, "RateLimit-Policy", "RateLimit")
	}
	return names
}

// setHeaders tells the client what v found. values is room for the two of
// X-RateLimit.
func (l *Limiter) setHeaders(h http.Header, v *ruling, values *[2]string) {
	if v.shadow {
		return
	}
	if l.exposed != "" {
		expose(h, l.exposed)
	}
	d := &v.decision
	bucket := d.Burst > 0 || d.RetryAfter == Never // a blocked tier has none, and leaves nothing
	if !bucket {
		return
	}
	if l.cfg.Headers&XRateLimit != 0 && !stricter(h, d) {
		values[0], values[1] = l.limitText(v, d.Limit), strconv.Itoa(d.Remaining)
		h[headerLimit], h[headerRemaining] = values[0:1:1], values[1:2:2]
	}
	if l.cfg.Headers&IETFDraft11 != 0 {
		l.setIETF(h, v)
	}
}

// limitText is the decimal form of limit, which rarely changes.
func (l *Limiter) limitText(v *ruling, limit int) string {
	if limit >= 100 { // strconv has the smaller ones at hand
		if known := l.paces.known(&v.decider().Tier); known != nil && known.tier.limit() == limit {
			return known.limit
		}
	}
	return strconv.Itoa(limit)
}

// stricter reports whether h carries stricter values than those of d: less
// remaining, or as much of a smaller limit. A refusal prevails over equals.
func stricter(h http.Header, d *Decision) bool {
	v := h[headerRemaining]
	if len(v) != 1 {
		return false
	}
	remaining, err := strconv.ParseUint(v[0], 10, 63)
	ours := uint64(d.Remaining) //nolint:gosec // not negative
	if err != nil || remaining != ours || !d.Allowed {
		return err == nil && remaining < ours
	}
	limit, err := strconv.ParseUint(h.Get(headerLimit), 10, 63)
	return err == nil && limit <= uint64(d.Limit) //nolint:gosec // not negative
}

// setIETF adds an item for each bucket to the lists.
func (l *Limiter) setIETF(h http.Header, v *ruling) {
	var policies, quotas []byte
	add := func(t *Take, d *Decision) {
		p, err := l.paces.of(&t.Tier)
		if err != nil || d.Burst == 0 {
			return
		}
		policies = appendItem(policies, d.Policy, ";q=", int64(d.Burst))
		policies = appendParameter(policies, ";w=", seconds(p.tau))
		quotas = appendItem(quotas, d.Policy, ";r=", int64(d.Tokens))
		if d.Tokens < d.Burst {
			next := int64(d.ResetAfter) - int64(d.Burst-d.Tokens-1)*p.interval
			quotas = appendParameter(quotas, ";t=", seconds(next))
		}
	}
	if v.takes == nil {
		add(&v.take, &v.decision)
	}
	for i := range v.decisions {
		add(&v.takes[i], &v.decisions[i])
	}
	if len(policies) > 0 {
		mergeList(h, headerIETFPolicy, string(policies))
		mergeList(h, headerIETF, string(quotas))
	}
}

func seconds(ns int64) int64 { return httpx.RetryAfterSeconds(time.Duration(ns)) }

// appendItem appends a string item (RFC 9651 section 3.3.3) with a parameter.
// Names of policies need no escape.
func appendItem(list []byte, name, parameter string, value int64) []byte {
	if len(list) > 0 {
		list = append(list, ", "...)
	}
	list = append(append(append(list, '"'), name...), '"')
	return appendParameter(list, parameter, value)
}

func appendParameter(list []byte, parameter string, value int64) []byte {
	return strconv.AppendInt(append(list, parameter...), value, 10)
}

// mergeList appends to a list in h, as one line.
func mergeList(h http.Header, name, list string) {
	if outer := h.Values(name); len(outer) > 0 {
		list = strings.Join(outer, ", ") + ", " + list
	}
	h[name] = []string{list}
}

// expose adds names to the exposed ones, unless they are there.
func expose(h http.Header, names string) {
	outer := h.Values(headerExpose)
	for _, line := range outer {
		if strings.Contains(line, names) {
			return
		}
	}
	mergeList(h, headerExpose, names)
}
