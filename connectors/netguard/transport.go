package netguard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

const dialTimeout = 3 * time.Second

// DialContext connects to an address of the form "host:port", as
// [net.Dialer.DialContext] does, if [Guard.Control] permits it; it fits
// [http.Transport.DialContext] and the like. Port and form of the host are checked
// before a name is looked up. Of a name with several addresses, those that are
// permitted are tried. The network must be tcp, tcp4 or tcp6.
//
// Lookup and connection together take 3 s at most. Every error is an [*Error],
// also that of a host that does not exist or does not answer.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if !isTCP(network) {
		return nil, refuse(unreachable, "network %q is not TCP", network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, refuse(badHost, "address %q", address)
	}
	if err := g.checkHost(host, port); err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: dialTimeout, Resolver: g.resolver, ControlContext: g.Control}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		// Within the dialer's error, Control's would say its public text only.
		if refusal, ok := errors.AsType[*Error](err); ok {
			err = refusal.cause()
		}
		return nil, newError(unreachable, fmt.Errorf("%s: %w", address, err))
	}
	return conn, nil
}

// Transport returns a copy of base whose connections all are made by
// [Guard.DialContext]. Proxy, Dial, DialTLS and DialTLSContext are nil in it, since
// a proxy, or a dialer of TLS, would connect past the guard, and HTTP/2 that was
// configured from outside of net/http is replaced by that of net/http, since it
// may hold connections of base. Protocols that were registered with base are not.
// The rest is kept; base is not changed.
//
// A nil base stands for a transport with limits: 3 s for TLS, 8 s for the header
// of the answer, which has 64 KiB at most; 128 connections to a host, of which
// 32 may idle, for 90 s; and HTTP/2.
//
// The scheme and user information of a request are not seen by what dials. Pass
// the URL of the first request to [Guard.CheckURL]; those of redirects pass
// through [Guard.CheckRedirect].
func (g *Guard) Transport(base *http.Transport) *http.Transport {
	if base == nil {
		base = defaultTransport()
	}
	t := base.Clone()
	if len(t.TLSNextProto) > 0 {
		t.TLSNextProto = nil
	}
	// A DialContext switches HTTP/2 off unless it is asked for. That base would
	// use it shows in what it offers to servers.
	if t.TLSClientConfig != nil && slices.Contains(t.TLSClientConfig.NextProtos, "h2") {
		t.ForceAttemptHTTP2 = true
	}
	t.Proxy = nil
	t.Dial, t.DialTLS = nil, nil //nolint:staticcheck // they are still called where they are set
	t.DialTLSContext = nil
	t.DialContext = g.DialContext
	return t
}

func defaultTransport() *http.Transport {
	return &http.Transport{
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  8 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    32,
		MaxConnsPerHost:        128,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}
