package connectors

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// The limits of each phase of a call.
const (
	dialTimeout   = 3 * time.Second
	tlsTimeout    = 3 * time.Second
	headerTimeout = 8 * time.Second
	maxHeader     = 64 << 10
)

// newTransport returns the transport below everything else. Calls of one client
// go to few hosts, many at a time: net/http's two idle connections for each host
// would be opened and closed all the time.
func newTransport(total time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  max(headerTimeout, total/5*4),
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    32,
		MaxConnsPerHost:        128,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true, // a DialContext of one's own switches it off otherwise
	}
}

// flight is one attempt of a call, and what is known about how far it got.
type flight struct {
	host    string
	guarded bool
	once    bool                    // net/http must not repeat it once it is written
	caller  context.Context         //nolint:containedctx // of the call that this belongs to
	ctx     context.Context         //nolint:containedctx // of the attempt
	cancel  context.CancelCauseFunc // ends ctx
	free    func() bool             // leaves the body of the answer to the end of ctx no more

	entered   atomic.Bool // the transport has the request: no wrapper answered in its place
	wanted    atomic.Bool // the transport found it valid and asked for a connection
	connected atomic.Bool // it got one
	http2     atomic.Bool // the last of them is of HTTP/2
	written   atomic.Int32
	stopped   atomic.Bool // net/http was about to write the request once too often

	detail string // of the guard, once scrubbed
}

// unsent reports whether the receiver has certainly seen nothing. Of a request
// that a foreign transport took, nothing is known.
func (f *flight) unsent() bool { return f.entered.Load() && !f.connected.Load() }

type flightKey struct{}

// traced is a transport that notes in the [flight] of a request how far it got.
type traced struct{ next http.RoundTripper }

func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		f.entered.Store(true)
		f.written.Store(0) // a wrapper that repeats by itself is not net/http
		r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GetConn:      func(string) { f.wanted.Store(true) },
			GotConn:      func(info httptrace.GotConnInfo) { f.gotConn(info.Conn) },
			WroteHeaders: f.wroteHeaders,
		}))
		if f.once && !hasBody(r) {
			r.Header = hideKeys(r.Header)
		}
	}
	return t.next.RoundTrip(r)
}

// hideKeys writes the names of idempotency keys in a form that is the same on the
// wire (RFC 9110 section 5.1) and that net/http does not look for: it repeats a
// request without a body that has one.
func hideKeys(h http.Header) http.Header {
	if !hasKey(h) {
		return h
	}
	h = h.Clone()
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = append(values, h[strings.ToLower(name)]...)
		}
	}
	return h
}

func (t traced) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type noNetworkKey struct{}

// withoutNetwork returns a context under which every [Client] uses [noNetwork].
func withoutNetwork(ctx context.Context) context.Context {
	return context.WithValue(ctx, noNetworkKey{}, true)
}

func hasNetwork(ctx context.Context) bool { return ctx.Value(noNetworkKey{}) == nil }

// noNetwork is the transport of a dry run: it only fails.
type noNetwork struct{}

func (noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	closeBody(r)
	return nil, &Error{Kind: KindBlocked, Code: "dry_run", Message: "a dry run opens no connection", Unsent: true}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}
