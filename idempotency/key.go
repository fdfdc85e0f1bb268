package idempotency

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
)

// KeyFunc finds the key of a request that does not carry it in a header. An
// empty key is no key; an error is answered with 400.
type KeyFunc = func(*http.Request) (string, error)

// ScopeFunc names whose keys are meant: a stable id of the tenant or the
// principal, never a credential that is rotated. Equal keys in different scopes
// never meet. An empty scope or an error is answered with 403, which tells a
// client to give up; the error is logged. Where finding the tenant can fail for a
// while, find it further out, and answer 503 there.
type ScopeFunc = func(*http.Request) (string, error)

// SingleTenant is the [ScopeFunc] of a service whose callers share one set of
// keys.
func SingleTenant(*http.Request) (string, error) { return "single-tenant", nil }

// ByHeader scopes keys by the value of a request header that a trusted layer
// in front has set, such as an authenticating proxy. A request without it, or
// with more than one value, is refused.
func ByHeader(name string) ScopeFunc {
	return func(r *http.Request) (string, error) {
		v := r.Header.Values(name)
		if len(v) != 1 || v[0] == "" {
			return "", errNoScope
		}
		return v[0], nil
	}
}

var (
	errNoScope      = errors.New("idempotency: no scope")
	errInvalidKey   = errors.New("idempotency: invalid key")
	errDifferentKey = errors.New("idempotency: more than one key")
)

// keyOf returns the key of r, or "" when it carries none.
func (m *Middleware) keyOf(r *http.Request) (string, error) {
	if m.cfg.KeyFunc != nil {
		key, err := m.cfg.KeyFunc(r)
		if err == nil && len(key) > m.cfg.MaxKeyLength {
			err = errInvalidKey
		}
		return key, err
	}
	var key string
	for _, name := range m.cfg.KeyHeaders {
		for _, value := range r.Header[name] {
			k, err := parseKey(value, m.cfg.StrictKey)
			switch {
			case err != nil:
				return "", err
			case len(k) > m.cfg.MaxKeyLength:
				return "", errInvalidKey
			case key != "" && k != key:
				return "", errDifferentKey
			}
			key = k
		}
	}
	return key, nil
}

// parseKey reads a field value: a String of RFC 9651 section 3.3.3, or, unless
// strict, the bare characters of one. A bare key has no space, quote or comma;
// a comma would be two field lines that somebody on the way has joined.
func parseKey(value string, strict bool) (string, error) {
	value = strings.Trim(value, " \t")
	if strings.HasPrefix(value, `"`) {
		return parseSFString(value)
	}
	if strict || value == "" {
		return "", errInvalidKey
	}
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c > '~' || c == '"' || c == ',' {
			return "", errInvalidKey
		}
	}
	return value, nil
}

func parseSFString(s string) (string, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if i != len(s)-1 || b.Len() == 0 {
				return "", errInvalidKey
			}
			return b.String(), nil
		case c == '\\':
			i++
			if i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", errInvalidKey
			}
			b.WriteByte(s[i])
		case c < ' ' || c > '~':
			return "", errInvalidKey
		default:
			b.WriteByte(c)
		}
	}
	return "", errInvalidKey
}

// lookupKey hashes scope and key, each behind its length, so that no two pairs
// share an input.
func lookupKey(scope, key string) Key {
	var buf [512]byte // most fit, and then nothing is allocated
	b := append(buf[:0], keyVersion)
	b = appendString(b, scope)
	b = appendString(b, key)
	return sha256.Sum256(b)
}

// keyVersion starts the input of a lookup key, for inputs of another form to
// come. It is short, as most inputs then take one block of SHA-256.
const keyVersion = 1

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
