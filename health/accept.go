package health

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// draftType is the media type of draft-inadarei-api-health-check-06.
const draftType = "application/health+json"

// wantsDraft reports whether the client names application/health+json and likes
// nothing better (RFC 9110 section 12.5.1). A wildcard does not name it: a
// kubelet sends one.
func wantsDraft(accept []string) bool {
	if len(accept) == 0 {
		return false
	}
	var draft, plain, specificity float64
	for _, field := range accept {
		for element := range elements(field, ',') {
			kind, q, ok := mediaRange(element)
			if !ok {
				continue
			}
			rank := 0.0
			switch kind {
			case draftType:
				draft = max(draft, q)
			case "application/json":
				rank = 3
			case "application/*":
				rank = 2
			case "*/*":
				rank = 1
			}
			if rank > specificity { // the most specific range decides
				plain, specificity = q, rank
			}
		}
	}
	return draft > 0 && draft >= plain
}

// mediaRange splits one element of Accept. One with a malformed weight is not
// ok.
func mediaRange(element string) (kind string, q float64, ok bool) {
	q = 1
	first := true
	for part := range elements(element, ';') {
		part = strings.Trim(part, " \t")
		if first {
			kind, first = strings.ToLower(part), false
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(name, "q") {
			return kind, weight(value), weight(value) >= 0
		}
	}
	return kind, q, kind != ""
}

// weight parses a qvalue (RFC 9110 section 12.4.2), or returns -1.
func weight(s string) float64 {
	if len(s) == 0 || len(s) > len("0.000") || strings.Trim(s, "0123456789.") != "" {
		return -1
	}
	q, err := strconv.ParseFloat(s, 64)
	if err != nil || q > 1 {
		return -1
	}
	return q
}

// elements yields the parts of s between separators outside of quoted strings.
func elements(s string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '\\' && quoted:
				i++
			case s[i] == '"':
				quoted = !quoted
			case s[i] == separator && !quoted:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}

// wantsDetails reports whether the query asks for them: ?verbose, or with a
// value that strconv.ParseBool takes for true.
func wantsDetails(r *http.Request) bool {
	if r.URL.RawQuery == "" {
		return false
	}
	query, _ := url.ParseQuery(r.URL.RawQuery) // what is malformed asks for nothing
	values, ok := query["verbose"]
	if !ok {
		return false
	}
	if values[0] == "" {
		return true
	}
	on, err := strconv.ParseBool(values[0])
	return err == nil && on
}
