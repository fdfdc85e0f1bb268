package connectorstest

import (
	"encoding/json"
	"maps"
	"slices"
)

// exact returns a JSON object with only the given members of body. Providers take
// names as they are written, encoding/json in any case. What is no object is
// returned as it is.
func exact(body []byte, members ...string) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return body
	}
	maps.DeleteFunc(object, func(member string, _ json.RawMessage) bool { return !slices.Contains(members, member) })
	out, err := json.Marshal(object)
	if err != nil {
		return body // nothing in it can fail
	}
	return out
}
