package connectors

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/bracework/bracework/connectors/netguard"
)

// ClientConfig configures a [Client]. The zero value of each field is the
// default that its comment names.
type ClientConfig struct {
	// Timeout bounds a call from its start to the end of its body, all attempts
	// and the waits between them included. Default: 10 s. It cannot be switched
	// off.
	Timeout time.Duration
	// MaxBody is the largest answer in bytes, counted after decompression.
	// Default: 1 MiB. It cannot be switched off.
	MaxBody int64
	// Attempts is how often a call is made at most, the first time included.
	// Default: 3. Negative: once, as with 1.
	Attempts int
	// RetryBudget is the share of the calls that may be repeated, besides one
	// repetition a second, so that an outage of the receiver is not multiplied.
	// Up to ten repetitions are saved; a new Client has as many as one call may
	// use. A call beyond the budget ends as it stands. Default: 0.1. Negative: no
	// budget.
	RetryBudget float64
	// UserAgent is sent with requests that have none. Default: the library's
	// name and address.
	UserAgent string
	// Guard keeps calls out of the networks that only the operator may reach: set
	// it when customers choose the URLs. The URL is checked before anything else,
	// each address when it is connected to; what is refused is [KindBlocked] and
	// Unsent. The proxy of the environment is not used then.
	//
	// What an attempt meets before it has a connection looks the same to a
	// customer: an address that is refused, a host that does not exist, does not
	// listen or does not answer have the Message "the host cannot be reached" and
	// the Code "unreachable", and [errors.Is] finds nothing below. Only Kind
	// differs, and what follows from it, as [Error.Permanent]: it is for the
	// program, not for the customer. [Event.Detail] says what happened. The time
	// tells a little, as it always does: a refusal is as fast as the lookup of
	// the name and is not repeated, while an attempt to connect is. Default: none.
	Guard *netguard.Guard
	// Wrap gets the transport and returns the one to use: a circuit breaker, a
	// tracer. It sees each attempt. What it returns must obey the context of a
	// request, as [http.RoundTripper] asks, and follow no redirect; if it does not
	// use the transport it got, Guard does not see its connections, and no attempt
	// is cut short in favor of the next. Of its errors only the types count. One that has a method RetryDelay() time.Duration and
	// comes without the transport having been called is [KindOpen]; an [*Error] is
	// passed on. Default: none.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Observer is told of each call when its outcome is known. It is called
	// concurrently, on the goroutine of the call, which waits for it. A panic of
	// it is dropped. Default: none.
	Observer func(context.Context, Event)
}

// Client makes HTTP calls with a bound on everything, and repeats those that can
// be repeated; the package comment lists the bounds and the rules. A Timeout over
// 10 s grants the header of the answer four fifths of it. There are at most 128
// connections to a host, of which 32 stay open idle for 90 s.
//
// Without [ClientConfig.Guard], a Client calls every address, those of the local
// network included, and uses the proxy of the environment
// ([http.ProxyFromEnvironment]). Its URLs must then be the operator's, not a
// customer's. It may be used concurrently.
type Client struct {
	cfg       ClientConfig
	transport *http.Transport
	base      http.RoundTripper // the transport, traced
	chain     http.RoundTripper // base, with what Wrap put around it
	budget    *budget
}

// NewClient returns a Client with a connection pool of its own. The error names
// the field of cfg that is wrong.
func NewClient(cfg ClientConfig) (*Client, error) {
	switch {
	case cfg.Timeout < 0:
		return nil, errors.New("connectors: ClientConfig.Timeout is negative; a call always has a limit")
	case cfg.MaxBody < 0:
		return nil, errors.New("connectors: ClientConfig.MaxBody is negative; an answer always has a limit")
	case math.IsNaN(cfg.RetryBudget):
		return nil, errors.New("connectors: ClientConfig.RetryBudget is not a number")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	cfg.MaxBody = min(cfg.MaxBody, math.MaxInt64-1) // one more can be counted
	if cfg.Attempts == 0 {
		cfg.Attempts = 3
	}
	cfg.Attempts = max(cfg.Attempts, 1)
	if cfg.RetryBudget == 0 {
		cfg.RetryBudget = 0.1
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "Bracework (https://github.com/bracework/bracework)"
	}
	t := newTransport(cfg.Timeout)
	if cfg.Guard != nil {
		t = cfg.Guard.Transport(t)
	}
	c := &Client{cfg: cfg, transport: t, base: traced{t}, budget: newBudget(cfg.RetryBudget, cfg.Attempts-1)}
	c.chain = c.base
	if cfg.Wrap != nil {
		if c.chain = cfg.Wrap(c.base); c.chain == nil {
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

// Timeout is [ClientConfig.Timeout] with its default.
func (c *Client) Timeout() time.Duration { return c.cfg.Timeout }

// Attempts is [ClientConfig.Attempts] with its default.
func (c *Client) Attempts() int { return c.cfg.Attempts }

// Do is [Client.Call] with the zero options.
func (c *Client) Do(r *http.Request) (*http.Response, error) { return c.Call(r, CallOptions{}) }

// Guard returns [ClientConfig.Guard], or nil.
func (c *Client) Guard() *netguard.Guard { return c.cfg.Guard }
