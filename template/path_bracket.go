package template

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// query reads #( ... ) or #( ... )#, and reports whether it has no path.
func (s *pathScan) query() (bare bool) {
	s.copy()
	in := scope{open: s.pos, close: closerOf(s.src[s.pos]), query: true}
	s.queries++
	s.copy()
	s.spaces()
	if bare = s.ends(in); !bare {
		s.chain(in)
	}
	if s.src[s.pos] == in.close {
		if bare {
			s.fail(s.pos, "empty query", "")
		}
	} else {
		s.operator()
		s.spaces()
		s.value(in)
	}
	s.copy()
	s.queries--
	if s.has("#") {
		s.copy()
	}
	return bare
}

// operator copies the operator of a query.
func (s *pathScan) operator() {
	n := 1
	switch {
	case s.has("=="), s.has("!="), s.has("<="), s.has(">="), s.has("!%"):
		n = 2
	case s.has("!"):
		s.fail(s.pos, "unknown operator", "the operators are == != < <= > >= % !%")
	}
	for range n {
		s.copy()
	}
}

// value copies the right side of a query, up to its closing bracket.
func (s *pathScan) value(in scope) {
	from := s.pos
	if s.has(`"`) {
		if text := s.quoted(); !gjson.Valid(text) {
			s.fail(from, "not a JSON string", `a backslash is written \\`)
		}
		s.spaces()
		if s.ends(in) && s.src[s.pos] == in.close {
			return
		}
		s.closer(in)
		s.fail(s.pos, "unexpected "+s.char()+" behind a string", "")
	}
	for s.pos >= len(s.src) || s.src[s.pos] != in.close {
		if s.pos >= len(s.src) {
			s.failUnclosed("'" + string(s.src[in.open]) + "' is not closed")
		}
		switch c := s.src[s.pos]; c {
		case '(', '[', '{', '"', '\\':
			s.fail(s.pos, "unexpected '"+string(c)+"' in a value without quotes", "write the whole value in quotes")
		case '@':
			s.hidden()
		case '|':
			s.bar(s.pos)
		case '*', '?':
			s.wildcard(c)
		default:
			s.closer(in)
		}
		s.copy()
	}
	if strings.Trim(s.src[from:s.pos], spaces) == "" {
		s.fail(from, "empty value", `an empty text is written ""`)
	}
}

// quoted copies a string in double quotes and returns it.
func (s *pathScan) quoted() string {
	from := s.pos
	for s.copy(); s.pos < len(s.src); s.copy() {
		switch c := s.src[s.pos]; c {
		case '\\':
			if s.copy(); s.pos == len(s.src) {
				s.failUnclosed("a string is not closed")
			}
		case '"':
			s.copy()
			return s.src[from:s.pos]
		case '@', '[', '{':
			s.hidden()
		case '|':
			s.bar(s.pos)
		case '*', '?':
			if s.queries > 0 {
				s.wildcard(c)
			}
		}
	}
	s.failUnclosed("a string is not closed")
	return ""
}

// hidden refuses in a text what gjson takes for a modifier or multipath when
// the data has an object where the path expects an array: it does not know of
// quotes then.
func (s *pathScan) hidden() {
	if c := s.src[s.pos-1]; c == '.' || c == '|' {
		at := s.src[s.pos]
		s.fail(s.pos, "'"+string(c)+string(at)+"' in a text", `write \u00`+strconv.FormatInt(int64(at), 16)+" in quotes")
	}
}

// multipath reads {a,"k":b} or [a,b].
func (s *pathScan) multipath() {
	at := s.pos
	in := scope{open: at, close: closerOf(s.src[at])}
	if s.levels++; s.levels > maxLevels {
		s.fail(at, "multipaths nested deeper than "+strconv.Itoa(maxLevels), "")
	}
	s.check = true
	s.copy()
	for {
		s.member(in)
		if s.src[s.pos] == in.close {
			s.copy()
			break
		}
		s.copy() // a comma
	}
	s.levels--
}

func (s *pathScan) member(in scope) {
	if s.members++; s.members > maxMembers {
		s.fail(s.pos, "more than "+strconv.Itoa(maxMembers)+" members in the multipaths of one path", "")
	}
	in.named = s.memberName(in)
	if s.has("!") {
		s.literal(in)
		return
	}
	mark := len(s.out)
	comps := s.chain(in)
	if last := comps[len(comps)-1]; in.close == '}' && !in.named && last.bareAt {
		// Our escape would be seen in the name that gjson makes of the path.
		if name := s.src[last.at:last.end]; !strings.ContainsAny(name, "[]{}()#!") {
			path := string(s.out[mark:])
			s.out = append(append(gjson.AppendJSONString(s.out[:mark], name), ':'), path...)
			s.add(last.at, len(name))
		}
	}
}

// memberName reads a name and its colon, if there is one.
func (s *pathScan) memberName(in scope) bool {
	at, end := s.pos, s.pos
	switch {
	case s.has(`"`):
		mark := len(s.out)
		name := s.quoted()
		if !gjson.Valid(name) {
			s.fail(at, "not a JSON string", `a backslash is written \\`)
		}
		if !s.has(":") {
			s.fail(at, `unexpected '"'`, `a name is followed by ':'; write \" for a key that contains it`)
		}
		end, s.pos, s.out = s.pos, at, s.out[:mark]
	default:
		for end < len(s.src) && isNameByte(s.src[end]) {
			end++
		}
		if end == at || end == len(s.src) || s.src[end] != ':' {
			return false
		}
	}
	if in.close == ']' {
		s.fail(at, "a name in an array", "a multipath with names is written {...}")
	}
	s.add(at, end-at)
	for s.pos <= end {
		s.copy()
	}
	return true
}

// add counts what a multipath adds to the data.
func (s *pathScan) add(at, n int) {
	if s.added += n; s.added > maxAdded {
		s.fail(at, "names and literals of multipaths longer than "+strconv.Itoa(maxAdded)+" bytes", "")
	}
}

// literal reads a member that is !json. Only what gjson takes whole passes: it
// looks for brackets inside of strings.
func (s *pathScan) literal(in scope) {
	at := s.pos
	s.copy()
	from, depth := s.pos, 0
	for depth > 0 || !s.ends(in) {
		if s.pos >= len(s.src) {
			s.failUnclosed("")
		}
		switch s.src[s.pos] {
		case '"':
			s.quoted()
			continue
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
			if depth < 0 {
				s.closer(in)
			}
		}
		s.copy()
	}
	text := s.src[from:s.pos]
	s.add(at, len(text))
	if !gjson.Valid(text) || gjson.Get("", "!"+text).Raw != text {
		s.fail(at, "not a literal that gjson can read", "")
	}
}
