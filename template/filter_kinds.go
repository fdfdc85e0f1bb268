package template

import "strings"

// kindSet is a set of kinds, a bit for each.
type kindSet uint8

const (
	setScalar    kindSet = 1<<KindBool | 1<<KindNumber | 1<<KindString
	setArray     kindSet = 1 << KindArray
	setContainer kindSet = 1<<KindArray | 1<<KindObject
	setAny               = setScalar | setContainer
	setNull      kindSet = 1 << KindNull
	setMissing   kindSet = 1 << KindMissing
)

func (s kindSet) has(k Kind) bool { return s>>k&1 != 0 }

// String lists the kinds as words do: bool, number or string.
func (s kindSet) String() string {
	var names []string
	for k := KindNull; k <= KindObject; k++ {
		if s.has(k) {
			names = append(names, k.String())
		}
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return strings.Join(names, "")
}

// builtin returns the filter of a name. What each takes and makes:
//
//	name                  takes                   makes
//	upper, lower, title   scalar                  text
//	trim                  scalar                  text
//	truncate(n[, suffix]) scalar                  text of at most n characters, suffix included
//	replace(old, new)     scalar                  text
//	join(sep)             array                   text
//	first, last           array                   the item; of an empty array missing
//	len                   string, array, object   number of characters, items, members
//	json                  anything, null too      text: compact JSON
//	string                anything, null too      text
//	number                number, string          number
//	bool                  bool, string            bool
//	default(x)            anything, missing too   x for missing, null, "", [] and {}
//	date(layout[, zone])  string, number          text
//	base64                anything                text
//	url, urlpath, html,
//	slack, discord        anything                text that is not escaped again
//	raw                   anything                the value, not escaped
//
// A scalar is a bool, number or string. Another kind is an error, except that a
// null or missing value goes past every filter that does not name it.
func builtin(name string) (*filter, bool) {
	f := filter{name: name, accepts: setScalar}
	switch name {
	case "upper":
		f.f = textFilter(appendUpper)
	case "lower":
		f.f = textFilter(appendLower)
	case "title":
		f.f = textFilter(appendTitle)
	case "trim":
		f.f = textFilter(appendTrimmed)
	case "truncate":
		f.args, f.minArgs = []kindSet{1 << KindNumber, 1 << KindString}, 1
		f.prepare = prepareTruncate
	case "replace":
		f.args, f.minArgs = []kindSet{setScalar, setScalar}, 2
		f.prepare = prepareReplace
	case "join":
		f.accepts, f.args, f.minArgs = setArray, []kindSet{setScalar}, 1
		f.prepare = prepareJoin
	case "first":
		f.accepts, f.f = setArray, filterFirst
	case "last":
		f.accepts, f.f = setArray, filterLast
	case "len":
		f.accepts, f.f = 1<<KindString|setContainer, filterLen
	case "json":
		f.accepts, f.f = setAny|setNull, filterJSON
	case "string":
		f.accepts, f.f = setAny|setNull, filterString
	case "number":
		f.accepts, f.f = 1<<KindNumber|1<<KindString, filterNumber
	case "bool":
		f.accepts, f.f = 1<<KindBool|1<<KindString, filterBool
	case "default":
		f.accepts, f.args, f.minArgs = setAny|setNull|setMissing, []kindSet{setScalar | setNull}, 1
		f.f = filterDefault
	case "date":
		f.accepts = 1<<KindNumber | 1<<KindString
		f.args, f.minArgs = []kindSet{1 << KindString, 1 << KindString}, 1
		f.prepare = prepareDate
	default:
		return builtinEscape(f)
	}
	f.maxArgs = len(f.args)
	return &f, true
}

// builtinEscape returns those that take anything.
func builtinEscape(f filter) (*filter, bool) {
	f.accepts, f.escapes = setAny, true
	switch f.name {
	case "url":
		f.f = textFilter(appendURLQuery)
	case "urlpath":
		f.f = filterURLPath
	case "html":
		f.f = textFilter(appendHTML)
	case "slack":
		f.f = textFilter(appendSlack)
	case "discord":
		f.f = textFilter(appendDiscord)
	case "raw":
		f.f = filterRaw
	case "base64":
		f.f, f.escapes = textFilter(appendBase64), false
	default:
		return nil, false
	}
	return &f, true
}
