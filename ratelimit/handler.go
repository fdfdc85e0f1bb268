package ratelimit

import (
	"context"
	"net/http"
	"strconv"

	"github.com/bracework/bracework/internal/httpx"
)

// The canonical form, in which net/http stores and finds them.
const (
	headerLimit     = "X-Ratelimit-Limit"
	headerRemaining = "X-Ratelimit-Remaining"
)

// Handler returns next behind the limit. The method value fits any chain of
// func(http.Handler) http.Handler. A request whose context is done does not
// reach next and takes no token.
func (l *Limiter) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.cfg.Skip != nil && l.cfg.Skip(r) {
			next.ServeHTTP(w, r)
			return
		}
		v := l.judge(r)
		if !v.shadow && v.decision.Burst > 0 {
			l.setQuota(w.Header(), v.decision)
		}
		if !v.decision.Allowed {
			l.refuse(w, r, &v)
			return
		}
		ctx := &requestContext{Context: r.Context(), decision: v.decision}
		inner := r.WithContext(ctx) //nolint:contextcheck // ctx wraps the request's
		defer httpx.HandBack(r, inner)
		next.ServeHTTP(w, inner)
	})
}

// setQuota sets the X-RateLimit headers, unless a limiter further out has left
// stricter ones.
func (l *Limiter) setQuota(h http.Header, d Decision) {
	if l.cfg.Headers&XRateLimit == 0 || stricter(h, d) {
		return
	}
	values := make([]string, 2)
	values[0], values[1] = strconv.Itoa(d.Limit), strconv.Itoa(d.Remaining)
	h[headerLimit], h[headerRemaining] = values[0:1:1], values[1:2:2]
}

// stricter reports whether h carries stricter values than those of d: less
// remaining, or as much of a smaller limit. A refusal prevails over equals.
func stricter(h http.Header, d Decision) bool {
	v := h[headerRemaining]
	if len(v) != 1 {
		return false
	}
	remaining, err := strconv.Atoi(v[0])
	if err != nil || remaining != d.Remaining || !d.Allowed {
		return err == nil && remaining < d.Remaining
	}
	limit, err := strconv.Atoi(h.Get(headerLimit))
	return err == nil && limit <= d.Limit
}

// requestContext is context.WithValue in one allocation.
type requestContext struct {
	context.Context //nolint:containedctx // it is a context

	decision Decision
}

type contextKey struct{}

func (c *requestContext) Value(key any) any {
	if key == (contextKey{}) {
		return &c.decision
	}
	return c.Context.Value(key)
}

// FromContext returns the decision that admitted the request, of the innermost
// limiter. It is false outside of [Limiter.Handler] and for skipped requests.
func FromContext(ctx context.Context) (Decision, bool) {
	d, ok := ctx.Value(contextKey{}).(*Decision)
	if !ok {
		return Decision{}, false
	}
	return *d, true
}

// refuse answers in place of the handler.
func (l *Limiter) refuse(w http.ResponseWriter, r *http.Request, v *ruling) {
	h := w.Header()
	h.Set("Cache-Control", "no-store") // RFC 6585 section 4
	p, wait := problemOf(v)
	if wait > 0 && l.cfg.Headers&RetryAfter != 0 {
		httpx.SetRetryAfter(h, wait)
	}
	if v.outcome == OutcomeDenied && l.cfg.Denied != nil {
		l.cfg.Denied(w, r, v.decision)
		return
	}
	httpx.WriteProblem(w, p)
}
