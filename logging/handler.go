package logging

import (
	"context"
	"log/slog"
	"slices"
)

// Enabled reports whether records of this level are logged.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	lowest := slog.LevelInfo
	if h.level != nil {
		lowest = h.level.Level()
	}
	return level >= lowest && h.w != nil
}

// Handle writes r as one line. Its error is that of the writer.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if h.w == nil {
		return nil
	}
	l := h.newLine()
	defer h.free(l)

	l.begin(r)
	from := len(l.buf)
	l.body(r)
	l.frames = append(l.frames, frame{})
	if ctx != nil {
		l.context(ctx, h)
	}
	l.load(h)
	if r.NumAttrs() > 0 {
		l.open(h.groups)
		l.hide = h.hide
		r.Attrs(func(a slog.Attr) bool {
			l.attr(a)
			return true
		})
	}
	for len(l.frames) > 1 {
		l.close()
	}
	l.buf[len(l.buf)-1] = '}'
	if l.literals != nil && l.literals.in(l.buf[from:]) {
		l.buf = l.literals.redact(l.buf, from)
	}
	l.buf = append(l.buf, '\n')
	return h.write(l.buf)
}

// context writes what ctx carries, unless h has it too.
func (l *line) context(ctx context.Context, h *Handler) {
	if l.traceIDs != nil {
		trace, span := l.trace(ctx)
		if trace != "" {
			l.attr(slog.String("trace_id", trace))
			l.dropIfIn(h)
		}
		if span != "" {
			l.attr(slog.String("span_id", span))
			l.dropIfIn(h)
		}
	}
	for _, a := range contextAttrs(ctx) {
		l.attr(a)
		l.dropIfIn(h)
	}
}

func (l *line) trace(ctx context.Context) (trace, span string) {
	defer func() {
		if recover() != nil {
			trace, span = "", ""
		}
	}()
	return l.traceIDs(ctx)
}

// WithAttrs returns a handler whose lines carry attrs too. They are rendered and
// masked now, once.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	l := h.newLine()
	defer h.free(l)
	l.frames = append(l.frames, frame{})
	l.load(h)
	l.open(h.groups)
	l.hide = h.hide
	for _, a := range attrs {
		l.attr(a)
	}
	if l.ended == 0 {
		return h // only empty attributes and groups: the pending groups stay pending
	}
	derived := *h
	derived.pre = slices.Clone(l.buf)
	derived.members = slices.Clone(l.members)
	derived.frames = slices.Clone(l.frames)
	return &derived
}

// WithGroup returns a handler that puts the attributes to come into the group
// name. A group that stays empty is not written; an empty name changes nothing.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	derived := *h
	derived.groups = append(slices.Clip(h.groups), name)
	derived.hide = h.hide || h.verdict(name) != shown
	return &derived
}
