package httprequest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

const (
	mediaJSON = "application/json"
	mediaText = "text/plain; charset=utf-8"
)

// config is what an action says.
type config struct {
	request Request
	media   string   // what the body is, unless a header says it; may be empty
	unknown []string // members without a meaning
}

// parse reads a configuration. Members are taken by their exact names, which
// encoding/json does not do for a struct.
func parse(raw json.RawMessage, open func(string) bool) (*config, *connectors.Error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil, provider.Invalid("invalid_config", "the configuration is not a JSON object")
	}
	take := func(member string) json.RawMessage {
		value := members[member]
		delete(members, member)
		if string(value) == "null" {
			return nil
		}
		return value
	}
	method, ok := text(take("method"))
	address, ok2 := text(take("url"))
	if !ok || !ok2 {
		return nil, provider.Invalid("invalid_config", "url and method must be strings")
	}
	conf := &config{request: Request{Method: method, URL: address, Header: http.Header{}}}
	headers, ok := fields(take("headers"), open)
	secrets, ok2 := fields(take("secret_headers"), open)
	if !ok || !ok2 {
		return nil, provider.Invalid("invalid_config", "headers and secret_headers must be objects of strings, numbers and booleans")
	}
	for field, value := range headers {
		conf.request.Header[field] = []string{value}
	}
	conf.request.Secrets = secrets
	conf.request.Body, conf.media = body(take("body"), open)
	conf.unknown = slices.Sorted(maps.Keys(members))
	return conf, nil
}

// body returns the bytes to send and what they are. A string that is open may
// become anything.
func body(raw json.RawMessage, open func(string) bool) (bytes []byte, media string) {
	switch {
	case len(raw) == 0:
		return nil, ""
	case raw[0] != '"':
		return raw, mediaJSON
	}
	s, _ := text(raw)
	if s == "" || open(s) {
		return []byte(s), ""
	}
	return []byte(s), mediaText
}

// fields reads an object of scalars, null left out. A placeholder may stand for
// one.
func fields(raw json.RawMessage, open func(string) bool) (map[string]string, bool) {
	if s, ok := text(raw); ok && (len(raw) == 0 || open(s)) {
		return nil, true
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return nil, false
	}
	out := make(map[string]string, len(values))
	for field, value := range values {
		switch value[0] {
		case 'n':
		case '{', '[':
			return nil, false
		case '"':
			out[field], _ = text(value)
		default:
			out[field] = string(value) // a number keeps its digits
		}
	}
	return out, true
}

// text returns the value of a JSON string, or of one that is not there.
func text(raw json.RawMessage) (s string, ok bool) {
	ok = len(raw) == 0 || json.Unmarshal(raw, &s) == nil
	return s, ok
}
