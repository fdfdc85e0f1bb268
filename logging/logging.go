// Package logging is a [slog.Handler] that writes one JSON line a record, in
// field names that log stores expect, and masks secrets by their names. It
// starts no goroutine.
//
//	{"timestamp":"2026-01-08T15:30:00.123Z","level":"info","message":"Workflow executed","workflow_id":"wf_123","duration_ms":12.5}
//
// The timestamp is RFC 3339 in UTC, the level is in lower case, a
// [time.Duration] is a number of milliseconds, an error is its text. A line is
// one Write. [With] puts attributes into a context; every record logged under
// it has them. [AccessLog] writes a line for each request.
//
// # Masking
//
// A value is replaced by "***" when the last words of its name are one of
//
//	access_key api_key appid authorization bearer cookie credential dsn jwt
//	passphrase passwd password private_key pwd secret secret_key session
//	session_id signature signing_key token webhook_url
//
// or its plural, however it is written (user_password, X-Api-Key, accessToken). A listed
// name inside of another does not count: token_count and author stay. That
// holds for attributes, at any depth of groups, for the members of maps,
// [http.Header] and [url.Values], and for JSON in a [json.RawMessage]. Values
// that mask themselves as [slog.LogValuer] stay masked. The fields of other
// structs, and the text of messages, strings and errors, are not searched: do
// not put secrets there.
//
// Attributes with the names time, level and msg and the types of the built-in
// fields are taken for those.
package logging

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Config configures a [Handler]. The zero value of each field is the default
// that its comment names.
type Config struct {
	// Level is the lowest level written. Default: Info.
	Level slog.Leveler
	// MaskKeys are names whose values are masked, besides those that the
	// package comment lists.
	MaskKeys []string
}

// Handler is the [slog.Handler]. It may be used concurrently.
type Handler struct{ next slog.Handler }

var _ slog.Handler = (*Handler)(nil)

// NewHandler returns a Handler that writes to w, one Write a line, one line at
// a time.
func NewHandler(w io.Writer, cfg Config) *Handler {
	m := newMasker(cfg.MaskKeys)
	return &Handler{next: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: m.replace})}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if attrs, ok := ctx.Value(attrsKey{}).([]slog.Attr); ok {
		r = r.Clone()
		r.AddAttrs(attrs...)
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler { return &Handler{h.next.WithAttrs(attrs)} }

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler { return &Handler{h.next.WithGroup(name)} }

type attrsKey struct{}

// With returns a context whose records have attrs, after those of ctx and of
// the record. They stand in the group that the logger has opened, if any.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	have, _ := ctx.Value(attrsKey{}).([]slog.Attr)
	return context.WithValue(ctx, attrsKey{}, append(slices.Clip(have), attrs...))
}

// replace is the ReplaceAttr of the JSON handler.
func (m *masker) replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.TimeKey:
			if a.Value.Kind() == slog.KindTime {
				return slog.String("timestamp", a.Value.Time().UTC().Format(time.RFC3339Nano))
			}
		case slog.LevelKey:
			if level, ok := a.Value.Any().(slog.Level); ok {
				return slog.String("level", strings.ToLower(level.String()))
			}
		case slog.MessageKey:
			if a.Value.Kind() == slog.KindString {
				return slog.Attr{Key: "message", Value: a.Value}
			}
		}
	}
	if m.masks(a.Key) {
		return slog.String(a.Key, masked)
	}
	switch a.Value.Kind() {
	case slog.KindDuration:
		return slog.Float64(a.Key, float64(a.Value.Duration())/float64(time.Millisecond))
	case slog.KindAny:
		return slog.Attr{Key: a.Key, Value: m.value(a.Value)}
	default:
		return a
	}
}
