package connectors

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/bracework/bracework/connectors/netguard"
)

// scrub turns an error of a transport, or of a body, into an [*Error]. It reads
// the types of err and shows none of its text, since that names URLs.
func (f *flight) scrub(err error) *Error {
	if own, ok := errors.AsType[*Error](err); ok {
		e := *own // a Wrap's: it may be shared
		if e.Host == "" {
			e.Host = f.host
		}
		return &e
	}
	e := &Error{Host: f.host, Unsent: f.unsent(), is: func(target error) bool { return errors.Is(err, target) }}
	switch {
	case errors.Is(f.caller.Err(), context.Canceled):
		e.Kind, e.Message = KindCanceled, "canceled by the caller"
		e.is = endedBy(err, context.Canceled)
	case f.stopped.Load():
		e.Kind, e.Message, e.is = KindNetwork, "connection broken", nil
	case f.hidden(err, e):
		e.Message, e.Code, e.is = unreachable, "unreachable", nil
	case f.late(err):
		e.Kind, e.Message = KindTimeout, "no answer in time"
		e.is = endedBy(err, context.DeadlineExceeded)
	case f.refused(err, e):
		e.Kind, e.Message, e.Unsent = KindOpen, "the circuit is open", true
	case f.entered.Load() && !f.wanted.Load() && !f.connected.Load():
		e.Kind, e.Message = KindInvalid, "the request, or the setting of the proxy, is not valid"
	case tooMuchHeader(err):
		e.Kind, e.Message = KindTooLarge, "the header of the answer is too large"
	default:
		e.Kind, e.Message = KindNetwork, network(err, e.Unsent)
	}
	return e
}

// tooMuchHeader reports whether an answer had more header than [maxHeader].
// net/http has no type for that, so this one text is read.
func tooMuchHeader(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if text := err.Error(); strings.HasPrefix(text, "net/http: server response headers exceeded ") ||
			strings.HasSuffix(text, "http2: response header list larger than advertised limit") {
			return true
		}
	}
	return false
}

// unreachable is the message of all that a guarded call can meet before it has a
// connection. It is netguard's too.
const unreachable = "the host cannot be reached"

// hidden reports whether err could tell a customer what there is in the network,
// and sets the kind, which only the operator sees. A deadline that ends during
// the lookup or the dial is such an error too, and a stall of TLS looks alike.
func (f *flight) hidden(err error, e *Error) bool {
	if !f.guarded || !e.Unsent {
		return false
	}
	refusal, ok := errors.AsType[*netguard.Error](err)
	if ok {
		f.detail = refusal.Detail()
	}
	switch {
	case ok && errors.Is(refusal, netguard.ErrBlocked):
		e.Kind = KindBlocked
	case f.late(err):
		e.Kind = KindTimeout
	default:
		e.Kind = KindNetwork
		return ok
	}
	return true
}

// blockedURL is the message of a refusal, whose text is fixed.
func blockedURL(err *netguard.Error) string { return strings.TrimPrefix(err.Error(), "netguard: ") }

// late reports whether an attempt ended by a limit.
func (f *flight) late(err error) bool {
	return f.caller.Err() != nil || errors.Is(f.ctx.Err(), context.DeadlineExceeded) || isTimeout(err)
}

// endedBy makes an error answer for the end of its context, however the
// transport reported it.
func endedBy(err, end error) func(error) bool {
	return func(target error) bool { return target == end || errors.Is(err, target) } //nolint:errorlint // end is a sentinel
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
}

// refused reports whether a wrapper refused the call without trying it and says
// how long to wait, as circuit breakers do.
func (f *flight) refused(err error, e *Error) bool {
	var wait interface{ RetryDelay() time.Duration }
	if f.entered.Load() || !errors.As(err, &wait) {
		return false
	}
	e.RetryAfter = max(wait.RetryDelay(), 0)
	return true
}

func network(err error, unsent bool) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "host not found"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate is not valid"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case unsent:
		return "no connection"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "connection broken"
	default:
		return "the call failed"
	}
}
