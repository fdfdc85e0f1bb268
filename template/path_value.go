package template

import (
	"strings"

	"github.com/tidwall/gjson"
)

// value evaluates rest over the subtree at prefix, which is valid JSON. A
// result that is not valid JSON, or nested deeper than depth, is no value.
func (r *path) value(subtree string, depth int) (gjson.Result, bool) {
	v := gjson.Result{Raw: subtree}
	for i, stage := range r.stages {
		anyKind := stage[0] == '@' || r.lines && i == 0
		if !anyKind && !isContainer(v.Raw) {
			return gjson.Result{}, false // gjson would look for brackets in the text of a string
		}
		v = gjson.Get(v.Raw, stage)
		v.Raw = strings.Trim(v.Raw, spaces)
		if v.Raw == "" || r.check && !sound(v.Raw, depth) {
			return gjson.Result{}, false
		}
	}
	return v, true
}

func isContainer(json string) bool {
	json = strings.TrimLeft(json, spaces)
	return json != "" && (json[0] == '{' || json[0] == '[')
}

// sound reports whether s is valid JSON of at most the given depth. gjson's
// validation recurses, so that the depth comes first.
func sound(s string, depth int) bool { return nested(s) <= depth && gjson.Valid(s) }
