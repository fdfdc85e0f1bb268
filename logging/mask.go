package logging

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const masked = "***"

// maxDepth bounds the nesting of values that are searched; what is deeper is
// masked whole.
const maxDepth = 32

// masker knows the names whose values are secret.
type masker struct{ names []string } // folded: lower case, no separators

func newMasker(more []string) *masker {
	names := []string{
		"accesskey", "apikey", "appid", "authorization", "bearer", "cookie", "credential", "dsn", "jwt", "passphrase", "passwd",
		"password", "privatekey", "pwd", "secret", "secretkey", "session", "sessionid", "signature", "signingkey", "token", "webhookurl",
	}
	for _, name := range names {
		names = append(names, name+"s")
	}
	for _, name := range more {
		if name = fold(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return &masker{names: slices.Compact(names)}
}

func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(name))
}

func separator(c byte) bool { return c == '-' || c == '_' || c == '.' || c == ' ' }

// masks reports whether the last words of key are a listed name.
func (m *masker) masks(key string) bool {
	for _, name := range m.names {
		if endsWith(key, name) {
			return true
		}
	}
	return false
}

// endsWith compares from the end, skips separators, and wants a word to begin
// where the name begins.
func endsWith(key, name string) bool {
	i := len(key)
	for j := len(name) - 1; j >= 0; j-- {
		for i--; i >= 0 && separator(key[i]); i-- {
			continue
		}
		if i < 0 || lower(key[i]) != name[j] {
			return false
		}
	}
	return i == 0 || separator(key[i-1]) || upper(key[i]) && !upper(key[i-1])
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

func lower(c byte) byte {
	if upper(c) {
		return c + 'a' - 'A'
	}
	return c
}

// value masks inside the values whose members have names.
func (m *masker) value(v slog.Value) slog.Value {
	switch x := v.Any().(type) {
	case http.Header:
		return slog.AnyValue(m.lists(x))
	case url.Values:
		return slog.AnyValue(m.lists(x))
	case map[string][]string:
		return slog.AnyValue(m.lists(x))
	case map[string]string, map[string]any, []any:
		return slog.AnyValue(m.any(x, 0))
	case json.RawMessage:
		return slog.AnyValue(m.raw(x))
	default:
		return v
	}
}

func (m *masker) lists(h map[string][]string) map[string][]string {
	out := make(map[string][]string, len(h))
	for name, values := range h {
		if m.masks(name) {
			values = []string{masked}
		}
		out[name] = values
	}
	return out
}

func (m *masker) any(v any, depth int) any {
	if depth == maxDepth {
		return masked
	}
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for name, member := range x {
			if m.masks(name) {
				out[name] = masked
			} else {
				out[name] = m.any(member, depth+1)
			}
		}
		return out
	case map[string]string:
		out := make(map[string]string, len(x))
		for name, member := range x {
			if m.masks(name) {
				member = masked
			}
			out[name] = member
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = m.any(item, depth+1)
		}
		return out
	case http.Header:
		return m.lists(x)
	case url.Values:
		return m.lists(x)
	case json.RawMessage:
		return m.raw(x)
	case slog.LogValuer:
		return m.any(slog.AnyValue(x).Resolve().Any(), depth+1)
	default:
		return v
	}
}

// raw masks inside JSON. What is no JSON is not shown: it could hold anything.
func (m *masker) raw(raw json.RawMessage) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "!ERROR: not JSON"
	}
	return m.any(v, 0)
}
