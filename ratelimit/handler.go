package ratelimit

import (
	"context"
	"net/http"

	"github.com/bracework/bracework/internal/httpx"
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
		var v ruling
		l.judge(r, &v)
		if !v.decision.Allowed {
			l.refuse(w, r, &v)
			return
		}
		ctx := &requestContext{Context: r.Context(), decision: v.decision}
		if v.shadow {
			ctx.keepOuter()
		}
		l.setHeaders(w.Header(), &v, &ctx.values)
		inner := r.WithContext(ctx) //nolint:contextcheck // ctx wraps the request's
		defer httpx.HandBack(r, inner)
		if l.cfg.Charge != nil {
			l.serveAndCharge(next, w, inner, &v) //nolint:contextcheck // the context is the request's
			return
		}
		next.ServeHTTP(w, inner)
	})
}

// requestContext is context.WithValue in one allocation, with room for header
// values.
type requestContext struct {
	context.Context //nolint:containedctx // it is a context

	decision Decision
	values   [2]string
}

// keepOuter leaves the decision of a limiter further out, if there is one: that
// of a limit which is only measured is not what the request is about.
func (c *requestContext) keepOuter() {
	if outer, ok := FromContext(c.Context); ok {
		c.decision = outer
	}
}

type contextKey struct{}

func (c *requestContext) Value(key any) any {
	if key == (contextKey{}) {
		return &c.decision
	}
	return c.Context.Value(key)
}

// FromContext returns the decision that admitted the request, of the innermost
// limiter that is not in the shadow, or else of the innermost one. It is false
// outside of [Limiter.Handler] and for skipped requests.
func FromContext(ctx context.Context) (Decision, bool) {
	d, ok := ctx.Value(contextKey{}).(*Decision)
	if !ok {
		return Decision{}, false
	}
	return *d, true
}
