package connectors

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"time"
)

// ClientConfig configures a [Client]. The zero value of each field is the
// default that its comment names.
type ClientConfig struct {
	// Timeout bounds a call from its start to the end of its body.
	// Default: 10 s. It cannot be switched off.
	Timeout time.Duration
	// MaxBody is the largest answer in bytes, counted after decompression.
	// Default: 1 MiB. It cannot be switched off.
	MaxBody int64
	// UserAgent is sent with requests that have none. Default: the library's
	// name and address.
	UserAgent string
	// Wrap gets the transport and returns the one to use: a circuit breaker, a
	// tracer. What it returns must obey the context of a request, as
	// [http.RoundTripper] asks, and follow no redirect. Of its errors only the
	// types count. One that has a method RetryDelay() time.Duration and comes
	// without the transport having been called is [KindOpen]; an [*Error] is
	// passed on. Default: none.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Client makes HTTP calls with a bound on everything; the package comment lists
// the bounds. A Timeout over 10 s grants the header of the answer four fifths of
// it. There are at most 128 connections to a host, of which 32 stay open idle for
// 90 s.
//
// A Client calls every address, those of the local network included, and uses the
// proxy of the environment ([http.ProxyFromEnvironment]). Its URLs must be the
// operator's, not a customer's. It may be used concurrently.
type Client struct {
	cfg       ClientConfig
	transport *http.Transport
	chain     http.RoundTripper
}

// NewClient returns a Client with a connection pool of its own. The error names
// the field of cfg that is wrong.
func NewClient(cfg ClientConfig) (*Client, error) {
	switch {
	case cfg.Timeout < 0:
		return nil, errors.New("connectors: ClientConfig.Timeout is negative; a call always has a limit")
	case cfg.MaxBody < 0:
		return nil, errors.New("connectors: ClientConfig.MaxBody is negative; an answer always has a limit")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	cfg.MaxBody = min(cfg.MaxBody, math.MaxInt64-1) // one more can be counted
	if cfg.UserAgent == "" {
		cfg.UserAgent = "Bracework (https://github.com/bracework/bracework)"
	}
	t := newTransport(cfg.Timeout)
	c := &Client{cfg: cfg, transport: t, chain: traced{t}}
	if cfg.Wrap != nil {
		if c.chain = cfg.Wrap(c.chain); c.chain == nil {
			return nil, errors.New("connectors: ClientConfig.Wrap returned nil")
		}
	}
	return c, nil
}

// Close closes idle connections. It returns nil and may be called more than
// once. Calls work after it too.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Do makes one call. A status is never an error, a redirect is an answer like
// any other. The error, and that of reading the body, is an [*Error] without
// Connector, Op and Code. The caller must close the body; the timeout runs until
// then.
//
// User information in the URL is refused: net/http prints it in its errors.
// A request with the header Idempotency-Key or X-Idempotency-Key is not repeated
// by net/http either, which does so after some failures of a reused connection; it
// still repeats a GET or HEAD then, and what certainly was not sent. r is not
// modified, and its body is always closed.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	if e := check(r); e != nil {
		closeBody(r)
		return nil, e
	}
	caller := r.Context()
	ctx, cancel := context.WithTimeout(caller, c.cfg.Timeout)
	f := &flight{host: r.URL.Host, caller: caller, ctx: ctx}
	chain := c.chain
	if !hasNetwork(caller) {
		chain = noNetwork{}
	}
	resp, err := chain.RoundTrip(c.prepare(context.WithValue(ctx, flightKey{}, f), r))
	if err == nil && resp == nil {
		err = errors.New("neither answer nor error")
	}
	if err != nil {
		e := f.scrub(err) // before cancel, which would look like the end of the call
		cancel()
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		return nil, e
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	resp.Body = &answer{body: resp.Body, flight: f, cancel: cancel, left: c.cfg.MaxBody}
	return resp, nil
}

func check(r *http.Request) *Error {
	e := &Error{Kind: KindInvalid, Unsent: true}
	switch {
	case r.URL == nil || r.URL.Host == "":
		e.Message = "the request has no host"
	case r.URL.Scheme != "https" && r.URL.Scheme != "http":
		e.Message, e.Host = "the scheme of the URL is neither https nor http", r.URL.Host
	case r.URL.User != nil:
		e.Message, e.Host = "the URL contains user information", r.URL.Host
	default:
		return nil
	}
	return e
}

// prepare returns the request to send: a copy, since a RoundTripper and the
// caller may both hold on to theirs.
func (c *Client) prepare(ctx context.Context, r *http.Request) *http.Request {
	r = r.Clone(ctx)
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	if r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != "" {
		r.GetBody = nil // without it net/http cannot send the body a second time
	}
	return r
}

// answer is the body of a response, bounded in size and time.
type answer struct {
	body   io.ReadCloser
	flight *flight
	cancel context.CancelFunc
	left   int64 // negative once there was more than allowed
}

func (a *answer) Read(p []byte) (int, error) {
	if a.left < 0 {
		return 0, a.tooLarge()
	}
	if int64(len(p)) > a.left+1 {
		p = p[:a.left+1] // one more than allowed tells the end from too much
	}
	n, err := a.body.Read(p)
	if a.left -= int64(n); a.left < 0 {
		return n - 1, a.tooLarge()
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, a.flight.scrub(err)
}

func (a *answer) tooLarge() error {
	return &Error{Host: a.flight.host, Kind: KindTooLarge, Message: "the answer is too large"}
}

// Close ends the call. What it could say has no use for the caller.
func (a *answer) Close() error {
	a.cancel()
	_ = a.body.Close()
	return nil
}
