package httprequest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

const (
	maxHeader   = 16 << 10
	contentType = "Content-Type"
)

// checkHeader refuses fields that a request must not have, and returns the others
// under their canonical names. Values that are open are not looked at.
func checkHeader(given http.Header, secrets map[string]string, open func(string) bool) (http.Header, map[string]string, *connectors.Error) {
	header, named := http.Header{}, map[string]string{}
	total := 0
	for field, values := range given {
		canonical, e := checkName(field, header, named)
		if e != nil {
			return nil, nil, e
		}
		for _, value := range values {
			if total += len(field) + len(value); !isValue(value) && !open(value) {
				return nil, nil, provider.Invalid("invalid_header", "the value of a header field contains control characters")
			}
		}
		header[canonical] = slices.Clone(values)
	}
	for field, secret := range secrets {
		canonical, e := checkName(field, header, named)
		if e != nil {
			return nil, nil, e
		}
		if secret == "" {
			return nil, nil, provider.Invalid("unknown_secret", "the name of a credential is empty")
		}
		total += len(field)
		named[canonical] = secret
	}
	if total > maxHeader {
		return nil, nil, provider.Invalid("header_too_large", "the header has more than 16 KiB")
	}
	return header, named, nil
}

// checkName returns the canonical form of a name that may be set, and is not yet.
func checkName(field string, header http.Header, secrets map[string]string) (string, *connectors.Error) {
	canonical := http.CanonicalHeaderKey(field)
	_, twice := header[canonical]
	_, secret := secrets[canonical]
	switch {
	case !isToken(field):
		return "", provider.Invalid("invalid_header", "the name of a header field contains characters that it must not have")
	case reserved(field):
		return "", provider.Invalid("reserved_header", "a header field belongs to the connection, and cannot be set")
	case twice, secret:
		return "", provider.Invalid("duplicate_header", "a header field is given twice; the case of its name does not matter")
	}
	return canonical, nil
}

// reserved reports whether a field says how a message is transmitted or to whom,
// which is not for an action to say (RFC 9110, sections 7.2, 7.6.1, 7.8, 10.1.1).
// Some servers take an underscore for a hyphen.
func reserved(field string) bool {
	field = strings.ToLower(strings.ReplaceAll(field, "_", "-"))
	switch field {
	case "connection", "content-length", "expect", "host", "http2-settings", "keep-alive",
		"te", "trailer", "transfer-encoding", "upgrade":
		return true
	default:
		return strings.HasPrefix(field, "proxy-")
	}
}

// looksSecret reports whether the value of a field is likely to be a credential.
func looksSecret(field string) bool {
	field = strings.ToLower(field)
	for _, part := range []string{"auth", "cookie", "cred", "jwt", "key", "pass", "secret", "session", "sign", "token"} {
		if strings.Contains(field, part) {
			return true
		}
	}
	return false
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// isValue reports whether s can be the value of a field (RFC 9110, section 5.5).
func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
