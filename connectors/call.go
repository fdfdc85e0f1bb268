package connectors

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bracework/bracework/connectors/netguard"
)

// CallOptions says how a call may be treated. The zero value is careful.
type CallOptions struct {
	// Idempotent says that the receiver takes a request with the same
	// Idempotency-Key for the same request, so that to repeat one whose end is
	// unclear is harmless. It counts for requests that have the header
	// Idempotency-Key or X-Idempotency-Key.
	Idempotent bool
	// Refusals returns an answer of 429 or 503 to the caller instead of repeating
	// the call, for one that keeps the pauses of its receiver itself.
	Refusals bool
}

// Call makes a call, and makes it again as the package comment says. A status is
// never an error, a redirect is an answer like any other. The error, and that of
// reading the body, is an [*Error] without Connector and Op, that of the last
// attempt; it is Unsent only if every attempt was. A body that breaks is not
// repeated. The caller must close the body; the timeout runs until then.
//
// User information in the URL is refused: net/http prints it in its errors. So is
// an answer of 101, whose body no limit of net/http ends.
//
// A request that may not be repeated is not repeated by net/http either, unless
// nothing of it was written. Of those that may, net/http repeats some by itself, a
// few times at most within an attempt of [ClientConfig.Attempts]: over HTTP/1.1 when
// a reused connection breaks (GET, HEAD, OPTIONS, TRACE, and without a body any with
// a key), over HTTP/2 when the receiver says that it did not process them.
//
// r is not modified, and its body is always closed: at the end of the call at the
// latest, also while net/http still reads it, so that a body that stalls holds the
// call no longer than its Close lets it. The bodies of answers are treated alike,
// those of a transport of [ClientConfig.Wrap] too.
func (c *Client) Call(r *http.Request, opts CallOptions) (*http.Response, error) {
	k := c.newCall(r, opts)
	if e := k.check(); e != nil {
		closeBody(r)
		k.report(0, e)
		return nil, e
	}
	if !k.dry && !k.probe {
		c.budget.earn()
	}
	ctx, cancel := context.WithTimeout(r.Context(), c.cfg.Timeout)
	k.cancel = cancel
	for {
		resp, f, e := k.attempt(ctx)
		wait, again := k.again(ctx, resp, e)
		if again {
			discard(resp, f)
			if e = k.pause(ctx, wait); e == nil {
				continue
			}
		}
		if e != nil {
			cancel()
			e.Unsent = e.Unsent && !k.sent
			k.report(e.Status, e)
			return nil, e
		}
		resp.Body = &answer{body: resp.Body, call: k, flight: f, status: resp.StatusCode, left: c.cfg.MaxBody}
		return resp, nil
	}
}

// call is one [Client.Call] over all its attempts.
type call struct {
	client  *Client
	chain   http.RoundTripper
	request *http.Request
	body    io.ReadCloser // of the next attempt
	start   time.Time
	caller  context.Context //nolint:containedctx // of the call that this is
	cancel  context.CancelFunc

	harmless bool // to repeat it after an unclear end
	refusals bool // are the caller's
	dry      bool // in a dry run, without network
	probe    bool

	left     int // attempts
	made     int
	sent     bool // by one of them at least
	detail   string
	reported atomic.Bool
}

func (c *Client) newCall(r *http.Request, opts CallOptions) *call {
	caller := r.Context()
	k := &call{
		client: c, chain: c.chain, request: r, body: r.Body, start: time.Now(), caller: caller,
		harmless: idempotent(r.Method) || opts.Idempotent && keyed(r.Header),
		refusals: opts.Refusals, left: c.cfg.Attempts,
	}
	switch {
	case !hasNetwork(caller):
		k.dry, k.chain, k.left = true, noNetwork{}, 1
	case caller.Value(probeKey{}) != nil:
		k.probe, k.chain, k.left = true, c.base, 1
	}
	if hasBody(r) && r.GetBody == nil {
		k.left = 1
	}
	return k
}

// check refuses what must not, or cannot, be sent.
func (k *call) check() *Error {
	r, e := k.request, &Error{Kind: KindInvalid, Host: host(k.request), Unsent: true}
	if guard := k.client.cfg.Guard; guard != nil {
		if err, ok := errors.AsType[*netguard.Error](guard.CheckURL(r.URL)); ok {
			k.detail = err.Detail()
			e.Kind, e.Code, e.Message = KindBlocked, "blocked", blockedURL(err)
			if e.Message == unreachable {
				e.Code = "unreachable"
			}
			return e
		}
	}
	switch {
	case r.URL == nil || r.URL.Host == "":
		e.Message = "the request has no host"
	case r.URL.Scheme != "https" && r.URL.Scheme != "http":
		e.Message = "the scheme of the URL is neither https nor http"
	case r.URL.User != nil:
		e.Message = "the URL contains user information"
	default:
		return nil
	}
	return e
}

// attempt makes the call once. It returns an answer or an error.
func (k *call) attempt(ctx context.Context) (*http.Response, *flight, *Error) {
	f := &flight{host: k.request.URL.Host, guarded: k.client.cfg.Guard != nil, once: !k.harmless, caller: k.caller}
	ctx, expired := f.begin(ctx, k.limit(ctx))
	k.left--
	k.made++
	r := k.prepare(context.WithValue(ctx, flightKey{}, f), f)
	free := closeAtEnd(ctx, r.Body)
	resp, err := k.chain.RoundTrip(r)
	free()
	switch {
	case expired() && err == nil:
		err = endedError{}
	case err == nil && resp == nil:
		err = errors.New("neither answer nor error")
	case err == nil && resp.StatusCode == http.StatusSwitchingProtocols:
		err = &Error{Kind: KindServer, Code: "switching_protocols", Message: "the receiver switches protocols, which was not asked for", Status: resp.StatusCode}
	}
	if err == nil {
		k.sent, k.detail = true, ""
		noBody(resp)
		f.free = closeAtEnd(ctx, resp.Body)
		return resp, f, nil
	}
	e := f.scrub(err) // before cancel, which would look like the end of the call
	f.cancel(nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	k.sent, k.detail = k.sent || !e.Unsent, f.detail
	return nil, f, e
}

// closeAtEnd closes a body at the end of ctx: net/http reads that of a request, and
// a foreign transport that of an answer, without regard to it. The function that
// it returns takes this back.
func closeAtEnd(ctx context.Context, body io.Closer) func() bool {
	if body == nil || body == http.NoBody {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { _ = body.Close() })
}

// prepare returns the request to send: a copy, since a RoundTripper and the
// caller may both hold on to theirs.
func (k *call) prepare(ctx context.Context, f *flight) *http.Request {
	r := k.request.Clone(ctx)
	r.Body = k.body
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", k.client.cfg.UserAgent)
	}
	switch {
	case hasKey(r.Header):
		r.GetBody = nil // without it net/http cannot send the body a second time
	case f.once && r.GetBody != nil:
		r.GetBody = f.unlessWritten(r.GetBody)
	}
	return r
}

// keyed reports whether a request has an idempotency key.
func keyed(h http.Header) bool {
	return h.Get("Idempotency-Key") != "" || h.Get("X-Idempotency-Key") != ""
}

// hasKey reports whether net/http takes a request for one with a key. To it a field
// without a value is one.
func hasKey(h http.Header) bool {
	_, key := h["Idempotency-Key"]
	_, xKey := h["X-Idempotency-Key"]
	return key || xKey
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

func host(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	return r.URL.Host
}

// method returns the method with its default.
func method(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}
