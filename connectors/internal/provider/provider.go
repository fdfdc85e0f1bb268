// Package provider holds what the connectors of providers share.
package provider

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/internal/httpx"
)

// MaxRetryAfter bounds what a receiver can make callers wait.
const MaxRetryAfter = time.Hour

// ParseHook parses the URL of a webhook as [ParseURL] does. Its host must be one of
// hosts, or a loopback address, unless anyHost is set.
func ParseHook(what, raw string, anyHost bool, hosts ...string) (*url.URL, error) {
	u, err := ParseURL(what, raw)
	if err != nil {
		return nil, err
	}
	if host := strings.ToLower(u.Hostname()); !anyHost && !loopback(host) && !slices.Contains(hosts, host) {
		return nil, errors.New(what + " has a foreign host; Config.AnyHost permits it")
	}
	return u, nil
}

// ParseURL parses a URL that is, or may hold, a credential. It must be https, or
// http to a loopback address: a test, a sidecar. The error begins with what, such
// as "slack: the webhook URL", and does not contain the URL.
func ParseURL(what, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New(what + " is empty")
	case err != nil:
		return nil, errors.New(what + " is malformed; look for spaces and line ends")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New(what + " must begin with https://")
	case u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New(what + " must have a host, and neither user information nor a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New(what + " must be https, or http to a loopback address")
	}
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Named returns err, which is not nil, as a [*connectors.Error] with what only the
// connector knows. Of an error of another type nothing is kept.
func Named(connector, op, host string, err error) *connectors.Error {
	e, ok := errors.AsType[*connectors.Error](err)
	if !ok {
		e = &connectors.Error{Kind: connectors.KindNetwork, Message: "the call failed"}
	}
	named := *e
	named.Connector, named.Op, named.Host = connector, op, host
	return &named
}

// Invalid is the error of an action or a message that was not sent, since it can
// only be refused.
func Invalid(code, message string) *connectors.Error {
	return &connectors.Error{Kind: connectors.KindInvalid, Code: code, Message: message, Unsent: true}
}

// RetryAfter is what the header of an answer asks to wait (RFC 9110 section
// 10.2.3), seconds or a date, at most [MaxRetryAfter]. It is 0 without the header,
// and when nothing can be made of it.
func RetryAfter(header http.Header) time.Duration {
	wait, _ := retryAfter(header)
	return wait
}

// retryAfter is [RetryAfter], and whether the header names a time.
func retryAfter(header http.Header) (time.Duration, bool) {
	wait, ok := httpx.RetryAfter(header)
	if !ok {
		return 0, false
	}
	return min(wait, MaxRetryAfter), true
}
