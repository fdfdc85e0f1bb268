package health

import (
	"context"
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
// pass for one: refused, dns, timeout, tls, status, pool_exhausted, locked,
// disk_full, stuck, exited, panic, other. Any other code becomes other.
// Reason(code, nil) is nil. The outermost code counts.
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
	reasonTimeout       = "timeout"
	reasonRefused       = "refused"
	reasonPoolExhausted = "pool_exhausted"
	reasonDiskFull      = "disk_full"
	reasonStuck         = "stuck"
	reasonPanic         = "panic"
	reasonOther         = "other"
)

func reasonCodes() []string {
	return []string{
		reasonRefused, "dns", reasonTimeout, "tls", "status", reasonPoolExhausted,
		"locked", reasonDiskFull, reasonStuck, "exited", reasonPanic, reasonOther,
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
	code := reasonOf(err, late)
	if _, ok := errors.AsType[*degradedError](err); ok {
		return OutcomeDegraded, code
	}
	if code == reasonTimeout {
		return OutcomeTimeout, code
	}
	return OutcomeFailed, code
}

func reasonOf(err error, late bool) string {
	if e, ok := errors.AsType[*reasonError](err); ok {
		return e.code
	}
	if late || errors.Is(err, context.DeadlineExceeded) {
		return reasonTimeout
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return reasonTimeout
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "dns"
	}
	if code := errnoReason(err); code != "" {
		return code
	}
	return reasonOther
}
