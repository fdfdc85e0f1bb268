package idempotency

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config configures a [Middleware]. The zero value of each field is the
// default that its comment names.
type Config struct {
	// KeyHeaders are the request headers that may carry the key. Default:
	// X-Idempotency-Key and Idempotency-Key. Equal values in several of them,
	// quoted or bare, are one key; different values are answered with 400.
	KeyHeaders []string
	// Methods are the methods that are protected. Default: POST, PUT, PATCH,
	// DELETE. Requests with other methods are passed on.
	Methods []string
	// ReplayHeader is set to "true" on a replayed response. Default:
	// X-Idempotency-Replay.
	ReplayHeader string
	// RequireKey answers 400 to a protected request without a key. By default
	// it is passed on untouched: nothing is buffered or capped.
	RequireKey bool
	// StrictKey admits only the quoted String of RFC 9651 that the IETF draft
	// of the Idempotency-Key header demands.
	StrictKey bool
	// MaxKeyLength is the longest key, in bytes, without its quotes.
	// Default: 255.
	MaxKeyLength int
	// KeyFunc, when set, finds the key in place of KeyHeaders.
	KeyFunc KeyFunc
	// Fingerprint, when set, stands for the content of a request in place of
	// its Content-Type and body.
	Fingerprint FingerprintFunc
	// TTL is how long a response is kept, from its completion. Default: 24 h.
	TTL time.Duration
	// Lease is how long a claim holds when its process dies. While the handler
	// runs, the lease is renewed each third of it. Default: 30 s; at least 50 ms.
	Lease time.Duration
	// MaxRun ends the handler's context, with context.DeadlineExceeded, and the
	// renewal of the lease; contexts derived from it are canceled with that
	// cause. A handler that goes on all the same can be overtaken when its lease
	// has ended. Default: 5 min; negative: no limit.
	MaxRun time.Duration
	// Wait is how long a request waits for another one with its key that is
	// running, to be answered by its response; then the answer is 409.
	// Default: 0, 409 at once. A waiting request holds its connection and body.
	Wait time.Duration
	// StoreTimeout bounds each call of the store. Default: 2 s; negative: no
	// limit.
	StoreTimeout time.Duration
	// MaxRequestBody is the largest body of a keyed request, in bytes; a
	// larger one is answered with 413. Default: 1 MiB; negative: no limit.
	MaxRequestBody int64
	// MaxResponseBody is the largest body that is kept, in bytes. Of a larger
	// response only the fact is kept that the request ran: a retry is answered
	// with 409. Default: 1 MiB; negative: no limit.
	MaxResponseBody int64
	// StoreResponse decides whether a response is kept; when it is not, the
	// claim is released and a retry runs again. Default: 2xx, 3xx and 4xx
	// without 401, 403, 407, 408, 421, 423, 425 and 429. The header must not
	// be modified.
	StoreResponse func(status int, h http.Header) bool
	// Skip passes a request on unprotected.
	Skip func(*http.Request) bool
	// FailOpen runs the handler without protection when the store fails to
	// answer a claim. By default the answer is 503 and nothing runs.
	FailOpen bool
	// PropagateCancel ends the handler's context when the client disconnects.
	// By default the handler runs to its end, so that a retry finds the result.
	PropagateCancel bool
	// HoldOnPanic keeps the claim of a handler that panicked until its lease
	// ends. By default it is released at once and a retry runs again.
	HoldOnPanic bool
	// DocURL is the page that documents the use of keys for the clients of the
	// service. It becomes the base of the problem types and the target of a
	// Link header with rel="describedby". Default: this library's page.
	DocURL string
	// Observer, when set, is called once for each keyed request, when its
	// outcome is known, on the request's goroutine. A panic in it is contained.
	// A request that ends by a panic of another function of this Config has no
	// outcome.
	Observer func(context.Context, Event)
	// Logger, when set, reports failures of the store. Keys are never logged.
	Logger *slog.Logger
}

const (
	minLease = 50 * time.Millisecond
	// forever is the longest duration: a longer one, such as that of somebody
	// who means forever, would overflow the times that stores add it to.
	forever = 100 * 365 * 24 * time.Hour
)

func (c Config) withDefaults() (Config, error) {
	if c.KeyHeaders == nil {
		c.KeyHeaders = []string{"X-Idempotency-Key", "Idempotency-Key"}
	}
	if c.Methods == nil {
		c.Methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	}
	c.KeyHeaders, c.Methods = slices.Clone(c.KeyHeaders), slices.Clone(c.Methods)
	for i, name := range c.KeyHeaders {
		c.KeyHeaders[i] = http.CanonicalHeaderKey(name)
	}
	setDefault(&c.ReplayHeader, "X-Idempotency-Replay")
	c.ReplayHeader = http.CanonicalHeaderKey(c.ReplayHeader)
	setDefault(&c.MaxKeyLength, 255)
	setDefault(&c.TTL, 24*time.Hour)
	setDefault(&c.Lease, 30*time.Second)
	setDefault(&c.MaxRun, 5*time.Minute)
	setDefault(&c.StoreTimeout, 2*time.Second)
	setDefault(&c.MaxRequestBody, 1<<20)
	setDefault(&c.MaxResponseBody, 1<<20)
	c.TTL, c.Lease = min(c.TTL, forever), min(c.Lease, forever)
	return c, c.validate()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) validate() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("idempotency: "+format, args...)) }
	if len(c.KeyHeaders) == 0 && c.KeyFunc == nil {
		refuse("Config.KeyHeaders is empty and KeyFunc is nil")
	}
	for _, name := range append([]string{c.ReplayHeader}, c.KeyHeaders...) {
		if !isFieldName(name) {
			refuse("%q is no header name", name)
		}
	}
	if len(c.Methods) == 0 {
		refuse("Config.Methods is empty")
	}
	for _, method := range c.Methods {
		if !isFieldName(method) || method != strings.ToUpper(method) {
			refuse("%q is no method; methods are upper case", method)
		}
	}
	if c.MaxKeyLength < 0 {
		refuse("Config.MaxKeyLength is negative")
	}
	if c.TTL < 0 {
		refuse("Config.TTL is negative")
	}
	if c.Lease < minLease {
		refuse("Config.Lease is under %v", minLease)
	}
	if u, err := url.Parse(c.DocURL); err != nil || c.DocURL != "" && (!u.IsAbs() || u.Fragment != "" || strings.ContainsAny(c.DocURL, `<>"`)) {
		refuse("Config.DocURL is no absolute URL without a fragment")
	}
	return errors.Join(errs...)
}

// isFieldName reports whether name is a token of RFC 9110 section 5.6.2.
func isFieldName(name string) bool {
	for i := range len(name) {
		c := name[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

func storeByDefault(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusMisdirectedRequest, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= 200 && status < 500
	}
}
