package ratelimit

import (
	"encoding/binary"
	"errors"
	"net/http"
)

// KeyFunc names whose bucket a request uses: a stable id of the tenant, never
// a value that the client can choose freely. Keys are case-sensitive.
//
// It is called once for each request and limit. One that reads the body has to
// put it back. All requests for which it returns an error or an empty key share
// one bucket of [Config.SharedTier], whatever their own tier would be.
type KeyFunc = func(*http.Request) (string, error)

var errNoKey = errors.New("ratelimit: no key")

// ByHeader takes the key from a request header that a trusted layer in front
// has set, such as an authenticating proxy. A request without it, or with more
// than one value, has no key. Host is not among the headers of a request.
func ByHeader(name string) KeyFunc {
	name = http.CanonicalHeaderKey(name)
	return func(r *http.Request) (string, error) {
		v := r.Header[name]
		if len(v) != 1 || v[0] == "" {
			return "", errNoKey
		}
		return v[0], nil
	}
}

// ByRoute gives each tenant that key finds a bucket for each route: the pattern
// that matched the request in [http.ServeMux] ([http.Request.Pattern]), such as
// "POST /orders/{id}". Paths are no routes: there is no end of them.
//
// A mux sets the pattern before it calls the handler of the route, so the
// limiter has to wrap those handlers. Around the whole mux all routes of a tenant
// are one, and so they are with a router that sets no pattern (Gin, Echo v4).
// Some set it without the method (chi, Echo v5): GET and POST of a path are then
// one route.
func ByRoute(key KeyFunc) KeyFunc {
	return Join(key, func(r *http.Request) (string, error) { return "route " + r.Pattern, nil })
}

// Join makes one key of several. Each part goes behind its length, so that
// different parts never give equal keys. A request that lacks one of them has
// no key.
func Join(keys ...KeyFunc) KeyFunc {
	keys = append([]KeyFunc(nil), keys...)
	return func(r *http.Request) (string, error) {
		var joined []byte
		for _, key := range keys {
			if key == nil {
				return "", errNoKey
			}
			part, err := key(r)
			if err != nil {
				return "", err
			}
			if part == "" {
				return "", errNoKey
			}
			joined = binary.AppendUvarint(joined, uint64(len(part)))
			joined = append(joined, part...)
		}
		return string(joined), nil
	}
}
