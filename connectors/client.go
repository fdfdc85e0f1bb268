package connectors

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// ClientConfig configures a [Client]. The zero value of each field is the
// default that its comment names.
type ClientConfig struct {
	// Timeout bounds a call from its start to the end of its body.
	// Default: 10 s.
	Timeout time.Duration
	// MaxBody is the largest answer, in bytes after decompression.
	// Default: 1 MiB.
	MaxBody int64
	// UserAgent is sent unless the request has one. Default: Bracework's.
	UserAgent string
	// Wrap, when set, gets the transport and returns the one to use: a circuit
	// breaker, a tracer. It must not follow redirects.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Client makes HTTP calls with bounds on everything: 3 s to connect, 3 s for
// TLS, 8 s for the header of the answer, 64 KiB of header, and what
// [ClientConfig] says. It follows no redirect: with one, net/http would send
// the URL, which may be a secret, to the target as Referer. It uses the proxy
// of the environment. It may be used concurrently.
type Client struct {
	cfg       ClientConfig
	transport *http.Transport
	rt        http.RoundTripper
}

// NewClient returns a Client with a connection pool of its own.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Timeout < 0 || cfg.MaxBody < 0 {
		return nil, errors.New("connectors: ClientConfig.Timeout and MaxBody cannot be switched off")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "Bracework (https://github.com/bracework/bracework)"
	}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  8 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    32,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
	c := &Client{cfg: cfg, transport: t, rt: t}
	if cfg.Wrap != nil {
		if c.rt = cfg.Wrap(t); c.rt == nil {
			return nil, errors.New("connectors: ClientConfig.Wrap returned nil")
		}
	}
	return c, nil
}

// Close closes idle connections. It returns nil and may be called more than
// once; calls still work after it.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Do makes one call. A status is never an error. The error, and that of
// reading the body, is an [*Error]; the caller must close the body.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	if r.URL == nil {
		return nil, &Error{Kind: KindInvalid, Message: "no URL", Unsent: true}
	}
	host := r.URL.Host
	if r.Context().Value(noNetworkKey{}) != nil {
		return nil, &Error{Host: host, Kind: KindBlocked, Code: "dry_run", Message: "a dry run opens no connection", Unsent: true}
	}
	caller := r.Context()
	ctx, cancel := context.WithTimeout(caller, c.cfg.Timeout)
	r = r.Clone(ctx)
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	resp, err := c.rt.RoundTrip(r)
	if err != nil {
		err := scrub(ctx, host, err)
		cancel()
		return nil, err
	}
	resp.Body = &answer{body: resp.Body, ctx: ctx, cancel: cancel, host: host, left: c.cfg.MaxBody}
	return resp, nil
}

// answer is the body of a response: bounded in size and time, with clean
// errors.
type answer struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // of the call that the body belongs to
	cancel context.CancelFunc
	host   string
	left   int64
}

func (a *answer) Read(p []byte) (int, error) {
	if a.left < 0 {
		return 0, a.tooLarge()
	}
	if int64(len(p)) > a.left+1 {
		p = p[:a.left+1] // one more than allowed, to tell the end from too much
	}
	n, err := a.body.Read(p)
	if a.left -= int64(n); a.left < 0 {
		return n - 1, a.tooLarge()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, scrub(a.ctx, a.host, err)
	}
	return n, err
}

func (a *answer) tooLarge() error {
	return &Error{Host: a.host, Kind: KindTooLarge, Message: "the answer is too large"}
}

func (a *answer) Close() error {
	err := a.body.Close()
	a.cancel()
	if err != nil {
		return scrub(a.ctx, a.host, err)
	}
	return nil
}
