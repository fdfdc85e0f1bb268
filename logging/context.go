package logging

import (
	"context"
	"log/slog"
	"slices"
)

type attrsKey struct{}

// With returns a context whose attributes are on every line that a [Handler]
// logs with it or with a context derived from it. They stand at the top level,
// outside of the logger's groups. An attribute replaces one of the same key that
// ctx already carries; an attribute of the logger or the record replaces both.
//
// It is safe for concurrent use: no context changes.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	if len(attrs) == 0 {
		return ctx
	}
	return context.WithValue(ctx, attrsKey{}, merge(contextAttrs(ctx), attrs))
}

func contextAttrs(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return attrs
}

// merge returns old with attrs added, in a slice of its own. A key that is in
// both has the place of the old one and the value of the new one.
func merge(old, attrs []slog.Attr) []slog.Attr {
	merged := append(make([]slog.Attr, 0, len(old)+len(attrs)), old...)
	for _, a := range attrs {
		i := slices.IndexFunc(merged, func(b slog.Attr) bool { return a.Key != "" && a.Key == b.Key })
		if i < 0 {
			merged = append(merged, a)
		} else {
			merged[i] = a
		}
	}
	return merged
}

// Add adds attributes to the access line of the request that ctx belongs to: what
// only the handler knows, such as the tenant. They come last on the line; an
// attribute replaces an earlier one of the same key. They are on no other line;
// for those that follow use [With].
//
// Add may be called concurrently and from any goroutine of the request. Without
// an [AccessLog] around the handler, and after the line was written, it does
// nothing.
func Add(ctx context.Context, attrs ...slog.Attr) {
	if req := requestOf(ctx); req != nil && len(attrs) > 0 {
		req.mu.Lock()
		defer req.mu.Unlock()
		req.attrs = merge(req.attrs, attrs)
	}
}

// FromContext returns the attributes that [With] gave to ctx: to put them on a
// span, to log them by another handler, or to take them to a context that
// outlives the request, as in With(context.Background(), FromContext(ctx)...).
// The slice is the caller's.
func FromContext(ctx context.Context) []slog.Attr {
	return slices.Clone(contextAttrs(ctx))
}
