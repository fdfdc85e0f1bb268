package breaker

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// DefaultMaxRetryAfter is the default of [TransportConfig.MaxRetryAfter].
const DefaultMaxRetryAfter = 5 * time.Minute

// TransportConfig is the behaviour of a [Transport]. Its zero value is the documented default.
type TransportConfig struct {
	// Key names the breaker of a request within the group. Nil means scheme and host in lower case, and the port if it is
	// not the scheme's own: "https://api.example.com", "http://[::1]:8080". A request with the key "" is not guarded. The
	// names must be few, or bounded like hosts are: an identifier in a path is no key.
	Key func(*http.Request) string

	// Classify judges an answer by its header; errors are judged by [Config.Classify]. Nil means: a [Failure] are 408 and
	// all statuses from 500 on but 501 and 505, which say that the server knows what it cannot do; 429 is [Neutral];
	// everything else, 404 included, is a [Success]. It must not read the body. It is called concurrently.
	Classify func(*http.Response) Outcome

	// MaxRetryAfter limits the pause that an upstream asks for with Retry-After in a 429 or 503, in seconds or as a date
	// (RFC 9110 section 10.2.3): the circuit opens for that long, however Classify judges the answer, and then takes a
	// probe. A date counts from the answer's own Date. The pause is not jittered; it makes an open period longer, never
	// shorter, and one of less than a millisecond is none. What calls ask for that were running when the circuit opened
	// changes nothing. Zero means five minutes, and more than a year means a year; negative ignores the header.
	MaxRetryAfter time.Duration

	// IgnoreBody judges calls by their header alone: a body that breaks is then no failure, and is not wrapped.
	IgnoreBody bool

	// Fallback, if not nil, answers a request that its circuit refuses, in place of the [*OpenError], which it gets. It
	// is not called for calls that fail. It has the duties of [http.RoundTripper], among them to close the body of the
	// request.
	Fallback func(*http.Request, error) (*http.Response, error)
}

// Transport returns an [http.RoundTripper] that guards base by a circuit for each upstream, out of g. A nil base is
// [http.DefaultTransport]; a nil g is a group of its own with the defaults.
//
// A request that its circuit refuses has the error [*OpenError], wrapped by [http.Client], and is not sent. The outcome
// of others is known when the answer has ended: a body that breaks, by an error other than [io.EOF] and not because the
// caller cancelled, is a [Failure] like a connection that breaks before the header; closing it early is a [Success]. A
// call is slow or not by the time to its header, and a probe succeeds with the header; should its body break, that is a
// failure beside it. An answer whose body is never closed is not counted.
//
// Bodies are passed on as they are read, without a buffer; those of requests are not touched. Answers of status 101
// keep their [io.ReadWriteCloser], and the bodies of text/event-stream are left alone: both count by their header, since
// streams end by breaking off.
//
// Errors that net/http has before it sends anything, for a malformed header for example, are failures too, unless
// [Config.Classify] knows better. A request without a host is passed on unguarded, and so are requests while the group is
// full. Retries and redirects that [http.Client] makes are calls of their own. The RoundTripper has a method
// CloseIdleConnections, which [http.Client] uses.
func Transport(base http.RoundTripper, g *Group, cfg TransportConfig) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport //nolint:forbidigo // what http.Client itself falls back to
	}
	if g == nil {
		g = defaultGroup()
	}
	if cfg.Classify == nil {
		cfg.Classify = judgeAnswer
	}
	if cfg.MaxRetryAfter == 0 {
		cfg.MaxRetryAfter = DefaultMaxRetryAfter
	}
	cfg.MaxRetryAfter = min(cfg.MaxRetryAfter, 365*24*time.Hour)
	return &transport{base: base, group: g, cfg: cfg}
}

type transport struct {
	base  http.RoundTripper
	group *Group
	cfg   TransportConfig
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	b := t.breaker(r)
	if b == nil {
		return t.base.RoundTrip(r)
	}
	ctx := r.Context()
	admitted, refused := b.enter(ctx)
	if refused != nil {
		return t.refused(r, refused)
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover()
		b.leave(ctx, admitted, fell(p))
		if p != nil {
			panic(p)
		}
	}()
	resp, err := t.base.RoundTrip(r)
	outcome, pause := Failure, time.Duration(0)
	switch {
	case err != nil:
		outcome = b.judge(ctx, admitted, err)
	case resp != nil: // a transport that has neither is broken
		outcome, pause = t.cfg.Classify(resp), t.pause(resp)
	}
	returned = true
	if outcome != Success || pause > 0 || !t.watches(resp) {
		b.leaveFor(ctx, admitted, outcome, pause)
		return resp, err
	}
	body := &watchedBody{ReadCloser: resp.Body, call: call{b: b, ctx: ctx, t: admitted}}
	body.call.answered()
	resp.Body = body
	return resp, nil
}

// CloseIdleConnections closes those of the transport below.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *transport) refused(r *http.Request, refused *OpenError) (*http.Response, error) {
	if t.cfg.Fallback != nil {
		return t.cfg.Fallback(r, refused)
	}
	if r.Body != nil {
		_ = r.Body.Close() // a RoundTripper always does
	}
	return nil, refused
}

// pause is what the upstream asks for, within the limit.
func (t *transport) pause(resp *http.Response) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	if t.cfg.MaxRetryAfter < 0 {
		return 0
	}
	wait, _ := httpx.RetryAfter(resp.Header)
	if wait = min(wait, t.cfg.MaxRetryAfter); wait < time.Millisecond {
		return 0
	}
	return wait
}

// watches reports whether the end of the answer is awaited.
func (t *transport) watches(resp *http.Response) bool {
	if resp == nil || t.cfg.IgnoreBody || resp.Body == nil || resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
		return false
	}
	if _, connection := resp.Body.(io.Writer); connection {
		return false
	}
	const stream = "text/event-stream"
	media := resp.Header.Get("Content-Type")
	return len(media) < len(stream) || !strings.EqualFold(media[:len(stream)], stream)
}

// maxHost is longer than any name that resolves (RFC 1035 section 2.3.4), and bounds what a key costs to keep.
const maxHost = 300

// breaker returns that of the request, or nil if it is not guarded.
func (t *transport) breaker(r *http.Request) *Breaker {
	if t.cfg.Key != nil {
		key := t.cfg.Key(r)
		if key == "" {
			return nil
		}
		return t.group.lookup(key)
	}
	if r.URL == nil || r.URL.Host == "" || len(r.URL.Host)+len(r.URL.Scheme) > maxHost {
		return nil
	}
	var room [128]byte
	return t.group.lookupBytes(appendOrigin(room[:0], r.URL))
}

// appendOrigin appends scheme and host in lower case, and the port unless it is the scheme's own.
func appendOrigin(dst []byte, u *url.URL) []byte {
	dst = appendLower(dst, u.Scheme)
	scheme := len(dst)
	dst = append(dst, "://"...)
	dst = trimSuffix(appendLower(dst, u.Host), ":")
	switch string(dst[:scheme]) {
	case "http":
		dst = trimSuffix(dst, ":80")
	case "https":
		dst = trimSuffix(dst, ":443")
	}
	return dst
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func trimSuffix(b []byte, suffix string) []byte {
	if n := len(b) - len(suffix); n >= 0 && string(b[n:]) == suffix {
		return b[:n]
	}
	return b
}
