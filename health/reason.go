package health

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
)

// Degraded returns err as the error of a check that works with a limitation:
// its outcome is degraded, and neither readiness nor the status code of
// /health suffers. Degraded(nil) is nil.
func Degraded(err error) error {
	if err == nil {
		return nil
	}
	return &degradedError{err}
}

type degradedError struct{ err error }

func (e *degradedError) Error() string { return e.err.Error() }
func (e *degradedError) Unwrap() error { return e.err }

// Reason returns err with a reason code that is safe to show to others. The
// codes are a closed set, so that neither a secret nor an unbounded label can
// pass for one; any other becomes other:
//
//	refused         nobody listens there
//	dns             a name does not resolve, or not in time
//	timeout         no answer in time
//	tls             no handshake, or a certificate that is bad or expires soon
//	status          an unexpected status code
//	pool_exhausted  every connection of the pool is in use
//	locked          another connection to the database is in the way
//	disk_full       no space left
//	stuck           the checker has not returned from a run that is over
//	exited          what should run has ended
//	panic           the checker panicked, or ended its goroutine
//	other           none of these
//
// Reason(code, nil) is nil. The outermost code counts. An error without one is
// looked at: those of [net], [crypto/tls], [context] and a full disk are known.
func Reason(code string, err error) error {
	if err == nil {
		return nil
	}
	if !slices.Contains(reasonCodes(), code) {
		code = reasonOther
	}
	return &reasonError{code, err}
}

const (
	reasonRefused       = "refused"
	reasonDNS           = "dns"
	reasonTimeout       = "timeout"
	reasonTLS           = "tls"
	reasonStatus        = "status"
	reasonPoolExhausted = "pool_exhausted"
	reasonLocked        = "locked"
	reasonDiskFull      = "disk_full"
	reasonStuck         = "stuck"
	reasonExited        = "exited"
	reasonPanic         = "panic"
	reasonOther         = "other"
)

func reasonCodes() []string {
	return []string{
		reasonRefused, reasonDNS, reasonTimeout, reasonTLS, reasonStatus, reasonPoolExhausted,
		reasonLocked, reasonDiskFull, reasonStuck, reasonExited, reasonPanic, reasonOther,
	}
}

type reasonError struct {
	code string
	err  error
}

func (e *reasonError) Error() string { return e.err.Error() }
func (e *reasonError) Unwrap() error { return e.err }

// classify turns what a checker returned into an outcome and a reason code.
// late tells that the deadline of the run has passed.
func classify(err error, late bool) (Outcome, string) {
	if err == nil {
		return OutcomeOK, ""
	}
	code, overdue := reasonOf(err, late)
	if isDegraded(err) {
		return OutcomeDegraded, code
	}
	if overdue {
		return OutcomeTimeout, code
	}
	return OutcomeFailed, code
}

// reasonOf returns the code of err, and whether time ran out. A lookup that
// does not end is the usual face of a broken resolver, so it keeps the code dns.
// isDegraded reports whether err says so, and all errors that it joins.
func isDegraded(err error) bool {
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // this is the walk of errors.As, with another rule for joined errors
		case *degradedError:
			return true
		case interface{ Unwrap() []error }:
			joined := e.Unwrap()
			return len(joined) > 0 && !slices.ContainsFunc(joined, func(err error) bool { return err != nil && !isDegraded(err) })
		}
		err = errors.Unwrap(err)
	}
	return false
}

func reasonOf(err error, late bool) (code string, overdue bool) {
	if e, ok := errors.AsType[*reasonError](err); ok {
		return e.code, e.code == reasonTimeout
	}
	overdue = late || errors.Is(err, context.DeadlineExceeded)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		overdue = true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return reasonDNS, overdue
	}
	if overdue {
		return reasonTimeout, true
	}
	if badTLS(err) {
		return reasonTLS, false
	}
	if code := errnoReason(err); code != "" {
		return code, false
	}
	return reasonOther, false
}

// badTLS reports whether err says that the other side was reached and TLS did
// not come about.
func badTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}
