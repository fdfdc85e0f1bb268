package ratelimit_test

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/bracework/bracework/ratelimit"
	"github.com/didip/tollbooth/v8"
	tollboothlimiter "github.com/didip/tollbooth/v8/limiter"
	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/httplimit"
	"github.com/throttled/throttled/v2"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
)

// tenantHeader holds the key. A layer in front would have set it.
const tenantHeader = "X-Tenant"

type middleware = func(http.Handler) http.Handler

// handler is the middleware of a contender.
type handler struct {
	name string
	// open opens a store, and a middleware that takes its keys from a header,
	// with all response headers that are its default.
	open func(s setup, header string) (middleware, func())
	// sends are headers of any response, denies those of a refusal besides.
	sends, denies []string
	// remaining is the header that counts down.
	remaining string
}

func (h handler) limits() bool { return kindOf(h.name) != isFloor }

const (
	limitHeader     = "X-RateLimit-Limit"
	remainingHeader = "X-RateLimit-Remaining"
	resetHeader     = "X-RateLimit-Reset"
	retryAfter      = "Retry-After"
)

var handlers = []handler{
	{name: "bare", open: openBareHandler},
	{name: "floor", open: openFloorHandler},
	{"bracework", openBraceworkHandler, []string{limitHeader, remainingHeader}, []string{retryAfter, "Cache-Control"}, remainingHeader},
	{"naive", openNaiveHandler, []string{limitHeader, remainingHeader}, nil, remainingHeader},
	{"go-limiter", openGoLimiterHandler, []string{limitHeader, remainingHeader, resetHeader}, []string{retryAfter}, remainingHeader},
	{"ulule", openUluleHandler, []string{limitHeader, remainingHeader, resetHeader}, nil, remainingHeader},
	{"throttled", openThrottledHandler, []string{limitHeader, remainingHeader, resetHeader}, []string{retryAfter}, remainingHeader},
	{"httprate", openHTTPRateHandler, []string{limitHeader, remainingHeader, resetHeader}, []string{retryAfter}, remainingHeader},
	{"tollbooth", openTollboothHandler, []string{"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Rate-Limit-Limit"}, nil, "RateLimit-Remaining"},
}

func nothing() {}

func openBareHandler(setup, string) (middleware, func()) {
	return func(next http.Handler) http.Handler { return next }, nothing
}

// openFloorHandler decides nothing and sends two headers that it has ready.
func openFloorHandler(s setup, header string) (middleware, func()) {
	open := openFloor
	if s.drained {
		open = openFloorLoad
	}
	l := open(s)
	limit, remaining := []string{strconv.Itoa(s.burst)}, []string{"0"}
	limitKey, remainingKey := http.CanonicalHeaderKey(limitHeader), http.CanonicalHeaderKey(remainingHeader)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ok := l.take(r.Header.Get(header))
			h := w.Header()
			h[limitKey], h[remainingKey] = limit, remaining
			if !ok {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, l.close
}

func openBraceworkHandler(s setup, header string) (middleware, func()) {
	store := newStore(s)
	l := must(ratelimit.New(store, ratelimit.ByHeader(header), ratelimit.Fixed(tierOf(s.quota)), ratelimit.Config{}))
	return l.Handler, func() { _ = store.Close() }
}

func openNaiveHandler(s setup, header string) (middleware, func()) {
	n := newNaiveStore(s.quota)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l := n.get(r.Header.Get(header))
			ok := l.Allow()
			w.Header().Set(limitHeader, strconv.Itoa(n.burst))
			w.Header().Set(remainingHeader, strconv.Itoa(int(l.Tokens())))
			if !ok {
				http.Error(w, "too many requests", http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nothing
}

var errNoTenant = errors.New("no tenant")

func keyFrom(header string) func(*http.Request) (string, error) {
	return func(r *http.Request) (string, error) {
		if key := r.Header.Get(header); key != "" {
			return key, nil
		}
		return "", errNoTenant
	}
}

func openGoLimiterHandler(s setup, header string) (middleware, func()) {
	store := newGoLimiter(s)
	m := must(httplimit.NewMiddleware(store, keyFrom(header)))
	return m.Handle, func() { _ = store.Close(nil) } //nolint:staticcheck // it does not look at the context
}

func openUluleHandler(s setup, header string) (middleware, func()) {
	key := func(r *http.Request) string { return r.Header.Get(header) }
	return stdlib.NewMiddleware(newUlule(s), stdlib.WithKeyGetter(key)).Handler, nothing
}

// varyBy is a key of one header as it is; throttled's own VaryBy would copy it.
type varyBy string

func (v varyBy) Key(r *http.Request) string { return r.Header.Get(string(v)) }

func openThrottledHandler(s setup, header string) (middleware, func()) {
	t := throttled.HTTPRateLimiterCtx{RateLimiter: newThrottled(s), VaryBy: varyBy(header)}
	return t.RateLimit, nothing
}

func openHTTPRateHandler(s setup, header string) (middleware, func()) {
	return httprate.LimitBy(s.burst, s.per, keyFrom(header)), nothing
}

// openTollboothHandler has the client's address in its keys too, without which
// tollbooth limits nothing, but not the path.
func openTollboothHandler(s setup, header string) (middleware, func()) {
	l := newTollbooth(s).
		SetIPLookup(tollboothlimiter.IPLookup{Name: "RemoteAddr"}).
		SetIgnoreURL(true).
		SetHeader(header, nil)
	return tollbooth.HTTPMiddleware(l), nothing
}
