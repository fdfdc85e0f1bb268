package connectors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Kind classifies an [Error].
type Kind string

// The kinds of an error.
const (
	KindAuth        Kind = "auth"         // the credential is wrong
	KindNotFound    Kind = "not_found"    // the receiver does not exist
	KindGone        Kind = "gone"         // the receiver is no more
	KindInvalid     Kind = "invalid"      // the request, or its configuration
	KindRateLimited Kind = "rate_limited" // too many
	KindTimeout     Kind = "timeout"
	KindCanceled    Kind = "canceled" // by the caller
	KindNetwork     Kind = "network"
	KindBlocked     Kind = "blocked"   // by a rule on this side
	KindTooLarge    Kind = "too_large" // the message, or the answer
	KindServer      Kind = "server"    // the receiver failed
)

// Error is the failure of a call. It never holds the URL, a header or the
// body, nor an error that does.
type Error struct {
	Connector  string // such as "slack"; empty from a bare Client
	Op         string // such as "send"
	Host       string
	Code       string        // of the provider, or of this package; stable
	Message    string        // for people
	Status     int           // HTTP status, 0 without an answer
	RetryAfter time.Duration // what the receiver asked for, or 0
	Kind       Kind
	// Unsent says that nothing of the request has reached the receiver, so
	// that to send it again cannot double it.
	Unsent bool

	cause error // context.Canceled, context.DeadlineExceeded or nil
}

// Error returns what is known, in one line.
func (e *Error) Error() string {
	parts := []string{"connectors"}
	if e.Connector != "" {
		parts[0] = e.Connector
	}
	if e.Op != "" {
		parts = append(parts, e.Op)
	}
	if e.Host != "" {
		parts = append(parts, e.Host)
	}
	text := e.Message
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Status != 0 {
		text = fmt.Sprintf("status %d: %s", e.Status, text)
	}
	return strings.Join(append(parts, text), ": ")
}

// Unwrap returns the context's error when the call ended by it.
func (e *Error) Unwrap() error { return e.cause }

// Retryable reports whether the same call may succeed later: it was
// rate_limited, or ended by timeout, network or server. It does not say that a
// retry is safe: unless Unsent, or the receiver is idempotent, it may do twice
// what the first call did.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case KindRateLimited, KindTimeout, KindNetwork, KindServer:
		return true
	default:
		return false
	}
}

// Permanent reports whether the same call can only fail again: auth,
// not_found, gone, invalid, blocked or too_large. A canceled call is neither.
func (e *Error) Permanent() bool {
	switch e.Kind {
	case KindAuth, KindNotFound, KindGone, KindInvalid, KindBlocked, KindTooLarge:
		return true
	default:
		return false
	}
}

// RetryDelay returns how long the receiver asked to wait, or 0.
func (e *Error) RetryDelay() time.Duration { return e.RetryAfter }

// describe returns the text and code of an error for a [Result].
func describe(err error) (message, code string) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return "the call failed", "failed"
	}
	code = e.Code
	if code == "" {
		code = string(e.Kind)
	}
	return e.Message, code
}

// scrub turns an error of net/http into an [*Error] that keeps only what is
// safe: the errors of net/http name the URL.
func scrub(ctx context.Context, host string, err error) *Error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	e := &Error{Host: host, Kind: KindNetwork, Message: "no connection"}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		e.Unsent = op.Op == "dial"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		e.Unsent, e.Message = true, "host not found"
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Kind, e.Message, e.cause = KindCanceled, "canceled by the caller", context.Canceled
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		e.Kind, e.Message, e.cause = KindTimeout, "no answer in time", context.DeadlineExceeded
	case !e.Unsent:
		e.Message = "connection broken"
	}
	return e
}

// KindOfStatus classifies a status that is not 2xx.
func KindOfStatus(status int) Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return KindAuth
	case status == http.StatusNotFound:
		return KindNotFound
	case status == http.StatusGone:
		return KindGone
	case status == http.StatusRequestEntityTooLarge:
		return KindTooLarge
	case status == http.StatusTooManyRequests:
		return KindRateLimited
	case status == http.StatusRequestTimeout:
		return KindTimeout
	case status >= 500:
		return KindServer
	default:
		return KindInvalid
	}
}
