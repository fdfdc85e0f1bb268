package netguard

import (
	"errors"
	"fmt"
)

// ErrBlocked is what every refusal of a [Guard] is, by [errors.Is], also within
// a [*net.OpError] or [*url.Error].
var ErrBlocked = errors.New("netguard: blocked")

// The texts of errors. All that could tell one address from another has the same.
const (
	unreachable  = "netguard: the host cannot be reached"
	badPort      = "netguard: the port is not permitted"
	badHost      = "netguard: the host is neither a name nor an IP address in its usual form"
	badScheme    = "netguard: the scheme of the URL is neither https nor http"
	badUser      = "netguard: the URL contains user information"
	badURL       = "netguard: the URL is not a usual one"
	tooMany      = "netguard: too many redirects"
	badDowngrade = "netguard: the redirect leads from https to http"
)

// Error is a refusal, or a failure to connect. Its text tells nothing about the
// network and may be shown to the customer; so may everything that formats or
// encodes it. There is nothing to unwrap, but [errors.Is] finds what lies below:
// [ErrBlocked], [context.DeadlineExceeded], [syscall.ECONNREFUSED].
type Error struct {
	text string
	// A function, so that neither %#v nor an encoder finds the address below.
	cause func() error
}

func refuse(text, format string, args ...any) *Error {
	return newError(text, fmt.Errorf("%w: "+format, append([]any{ErrBlocked}, args...)...))
}

func newError(text string, cause error) *Error {
	return &Error{text: text, cause: func() error { return cause }}
}

// Error returns a fixed sentence.
func (e *Error) Error() string { return e.text }

// Is reports whether target is below e.
func (e *Error) Is(target error) bool { return e.cause != nil && errors.Is(e.cause(), target) }

// Timeout reports whether connecting took too long.
func (e *Error) Timeout() bool {
	if e.cause == nil {
		return false
	}
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.cause())
	return ok && timeout.Timeout()
}

// Detail returns what happened, with names and addresses of your network, for
// your log. Never show it to a customer.
func (e *Error) Detail() string {
	if e.cause == nil {
		return e.text
	}
	return e.cause().Error()
}
