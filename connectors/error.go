package connectors

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind classifies an [Error].
type Kind string

// The kinds of an [Error].
const (
	KindAuth        Kind = "auth"         // the credential is wrong, or may not do this
	KindNotFound    Kind = "not_found"    // the receiver does not exist
	KindGone        Kind = "gone"         // the receiver is no more
	KindInvalid     Kind = "invalid"      // the message, or the configuration
	KindRateLimited Kind = "rate_limited" // the receiver asks to wait
	KindTimeout     Kind = "timeout"      // a limit of this side, or the deadline of the caller
	KindCanceled    Kind = "canceled"     // by the caller
	KindNetwork     Kind = "network"      // no connection, or a broken one
	KindBlocked     Kind = "blocked"      // by a rule of this side
	KindTooLarge    Kind = "too_large"    // the message, or the answer
	KindServer      Kind = "server"       // the receiver failed, or did not answer as documented
	KindOpen        Kind = "open"         // a circuit breaker refused the call
)

// Error is the failure of a call. It holds no URL, no header and no body, and no
// error that does: there is nothing to unwrap. [errors.Is] still finds what lies
// below it, such as [context.Canceled], [context.DeadlineExceeded],
// [io.ErrUnexpectedEOF] or the sentinel of a breaker.
type Error struct {
	Connector  string        // such as "slack"; empty from a bare Client
	Op         string        // such as "send"
	Host       string        // of the receiver, with the port if the URL has one
	Code       string        // stable: the provider's, or one of the connector; empty where Kind says it all
	Message    string        // for people; a fixed sentence
	Status     int           // HTTP status, or 0 without an answer
	RetryAfter time.Duration // how long the receiver, or a breaker, asked to wait; or 0
	Kind       Kind
	// Global says that a limit of the rate holds for all calls of the
	// credential, not only for this one's.
	Global bool
	// Unsent says that no connection was handed to the request. The receiver
	// has seen nothing of it, so that to send it again cannot double it.
	Unsent bool

	// A function for the same reason as in Secret: what is below may hold the URL.
	is func(target error) bool
}

// Error returns what is known, in one line.
func (e *Error) Error() string {
	parts := make([]string, 0, 5)
	if e.Connector == "" {
		parts = append(parts, "connectors")
	}
	for _, part := range []string{e.Connector, e.Op, e.Host} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Status != 0 {
		parts = append(parts, "status "+strconv.Itoa(e.Status))
	}
	text := e.Message
	if text == "" {
		text = string(e.Kind)
	}
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return strings.Join(append(parts, text), ": ")
}

// Is reports whether target is the error below this one, or one that it wraps.
// A timeout is also [context.DeadlineExceeded] when a limit of this side caused
// it.
func (e *Error) Is(target error) bool { return e.is != nil && e.is(target) }

// Retryable reports whether the same call may succeed later. It does not say
// that to repeat it is safe: see [Error.Unsent].
func (e *Error) Retryable() bool {
	switch e.Kind {
	case KindRateLimited, KindTimeout, KindNetwork, KindServer, KindOpen:
		return true
	default:
		return false
	}
}

// Permanent reports whether the same call can only fail again. A canceled call
// is neither permanent nor retryable: nobody wants it any more.
func (e *Error) Permanent() bool { return !e.Retryable() && e.Kind != KindCanceled }

// Unclear reports whether the call may have had its effect: something was sent, and
// no answer says what became of it. To make it again may do it twice, unless the
// receiver knows an idempotency key. Tell your own client so, and keep that answer
// under its key: see docs/connectors.md.
func (e *Error) Unclear() bool {
	if e.Unsent {
		return false
	}
	switch e.Kind {
	case KindTimeout, KindNetwork, KindCanceled, KindServer:
		return true
	case KindTooLarge: // of the answer, whose header did not fit; a refused message has a status
		return e.Status == 0
	default:
		return false
	}
}

// RetryDelay returns [Error.RetryAfter]. Queues that do not know this package
// find it through an interface.
func (e *Error) RetryDelay() time.Duration { return e.RetryAfter }

// describe returns what a [Result] shows of err.
func describe(err error) (message, code string) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return "the call failed", "failed"
	}
	message, code = e.Message, e.Code
	if message == "" {
		message = "the call failed"
	}
	if code == "" {
		code = string(e.Kind)
	}
	return message, code
}

// KindOfStatus classifies an HTTP status that is no success.
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
