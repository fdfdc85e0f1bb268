package template

import (
	"strconv"
	"strings"
)

// pathScan reads one path, and writes it as gjson is to read it. gjson has no
// syntax errors: what it does not understand it takes for a key. Therefore only
// what gjson understands in one way, over an object and over an array, passes.
type pathScan struct {
	*parser
	out []byte

	wild, stars, modifierCount, members, added int
	depth, levels                              int

	queries int  // around the current place
	noBar   bool // in brackets behind a '#': gjson would take a '|' for one outside of them
	parsed  bool // @fromstr has made JSON that has not been checked yet
	check   bool
}

// scope is the place that a chain of components stands in.
type scope struct {
	open  int  // offset of the bracket
	close byte // 0: none, the path is an operand
	query bool // in a query; otherwise the member of a multipath
	named bool // the member has a name
}

type compKind uint8

const (
	compKey compKind = iota
	compPattern
	compCount // #
	compQuery // #(...)
	compModifier
	compMultipath
)

type component struct {
	kind    compKind
	at, end int    // offsets in the source
	out     int    // offset of its start in pathScan.out
	key     string // unescaped
	escaped bool
	bareAt  bool // a key that begins with an @ without escape
	bare    bool // a query without a path
	fresh   bool // gjson begins anew: what stands before has been found whole
}

// chain reads the components of a path, up to the end of its scope.
func (s *pathScan) chain(in scope) []component {
	var comps []component
	tail := false // behind a #, gjson reads on for each item up to a bar
	outer := s.parsed
	bar := false
	for {
		if s.queries == 0 {
			s.stars = 0
		}
		at := s.pos
		c := s.component(in, tail, bar, len(comps) == 0)
		c.end = s.pos
		if s.queries == 0 && s.stars > 1 && c.kind != compMultipath && c.end-at > maxPattern {
			s.fail(at, "pattern with two '*' longer than "+strconv.Itoa(maxPattern)+" bytes", "")
		}
		if n := len(comps); n > 0 {
			before := comps[n-1]
			c.fresh = bar || !tail && (c.own() || before.own())
			if tail && before.bare && c.kind != compModifier {
				s.fail(at, "a query without a path finds what has no members", "")
			}
		}
		tail = tail || c.kind == compCount || c.kind == compQuery
		if (tail || in.close != 0) && c.kind == compModifier && c.key == "fromstr" {
			s.parsed = true
		}
		comps = append(comps, c)
		if s.ends(in) {
			s.parsed = outer
			return comps
		}
		if bar = s.src[s.pos] == '|'; bar {
			s.bar(s.pos)
			tail = false
			if in.close == 0 {
				s.parsed = false // the result of a stage is checked
			}
		}
		s.out = append(s.out, s.src[s.pos])
		s.pos++
	}
}

// own reports whether gjson evaluates a component on a value of its own.
func (c component) own() bool { return c.kind == compModifier || c.kind == compMultipath }

// bar refuses a '|' where gjson would misread it.
func (s *pathScan) bar(at int) {
	if s.noBar {
		s.fail(at, "'|' inside of brackets behind a '#'", "write '.' between components, and \\u007c in quotes")
	}
}

// ends reports whether the chain of a scope ends at s.pos.
func (s *pathScan) ends(in scope) bool {
	if s.pos >= len(s.src) {
		if in.close != 0 {
			s.failUnclosed("'" + string(s.src[in.open]) + "' is not closed")
		}
		return true
	}
	switch c := s.src[s.pos]; {
	case in.close == 0:
		return s.endsTag(s.pos)
	case c == in.close:
		return true
	case in.query:
		return strings.IndexByte("=!<>%", c) >= 0
	default:
		return c == ','
	}
}

func (s *pathScan) component(in scope, tail, bar, first bool) component {
	c := component{at: s.pos, out: len(s.out)}
	at := s.pos
	if s.ends(in) || s.separator() {
		s.failEmpty(first, bar)
	}
	behind := byte(0)
	if at+1 < len(s.src) {
		behind = s.src[at+1]
	}
	switch s.src[at] {
	case '@':
		if name, ok := s.modifierName(in); ok {
			s.modifier(in, name, first)
			c.kind, c.key = compModifier, name
			return c
		}
		s.out = append(s.out, '\\') // another library may register a modifier of this name
		c.bareAt = true
	case '{', '[':
		c.kind = compMultipath
		s.brackets(tail, s.multipath)
		s.whole(in, "a multipath")
		return c
	case '#':
		if behind == '(' || behind == '[' {
			c.kind = compQuery
			s.brackets(tail, func() { c.bare = s.query() })
			s.whole(in, "a query")
			return c
		}
	case '!':
		s.fail(at, "a literal is a whole member of a multipath", `write \! for a key`)
	}
	if bar && in.close == 0 {
		s.ambiguous(at)
	}
	s.key(in, &c)
	if c.key == "#" && !c.escaped {
		c.kind = compCount
		s.guard()
	}
	return c
}

// failEmpty refuses a component without text.
func (s *pathScan) failEmpty(first, bar bool) {
	if s.pos >= len(s.src) {
		s.failUnclosed("")
	}
	hint := `write \. for a dot in a key`
	switch {
	case bar:
		hint = "a filter needs a space before its '|'"
	case first:
		hint = "a path begins without a dot"
	}
	s.fail(s.pos, "empty path component", hint)
}

// ambiguous refuses the name of a filter directly behind a bar, where gjson
// sees a key. Nothing is lost: a dot means the same to gjson.
func (s *pathScan) ambiguous(at int) {
	name := s.filterName(at)
	if name == "" {
		return
	}
	if end := at + len(name); end < len(s.src) && s.src[end] != '(' && !s.endsTag(end) {
		return
	}
	if _, ok := s.filter(name); ok {
		s.fail(at-1, "ambiguous '|"+name+"'", "write ' | "+name+"' for the filter, '."+name+"' for the key")
	}
}

// guard follows a # that gjson may apply to strings: it would look for items
// in their text. The query keeps objects and arrays.
func (s *pathScan) guard() {
	if s.pos+1 < len(s.src) && s.src[s.pos] == '.' {
		if c := s.src[s.pos+1]; isDigit(c) || c == '#' || c == '{' || c == '[' {
			s.out = append(s.out, "(@this)#"...)
		}
	}
}

// brackets runs a function over a bracketed part.
func (s *pathScan) brackets(tail bool, f func()) {
	if s.depth++; s.depth > maxBrackets {
		s.failDepth()
	}
	outer := s.noBar
	s.noBar = outer || tail
	f()
	s.noBar = outer
	s.depth--
}

// whole refuses text directly behind a component that gjson would drop.
func (s *pathScan) whole(in scope, what string) {
	at := s.pos
	if in.query {
		s.spaces()
	}
	if s.ends(in) || s.pos == at && s.separator() {
		return
	}
	s.closer(in)
	s.fail(s.pos, "unexpected "+s.char()+" behind "+what, "")
}

// separator reports whether a '.' or '|' stands at s.pos.
func (s *pathScan) separator() bool { return s.src[s.pos] == '.' || s.src[s.pos] == '|' }

// spaces copies whitespace.
func (s *pathScan) spaces() {
	from := s.pos
	s.space()
	s.out = append(s.out, s.src[from:s.pos]...)
}

func (s *pathScan) wildcard(c byte) {
	s.wild++
	if c == '*' {
		s.stars++
	}
	if s.wild > maxWildcards || s.stars > maxStars {
		s.fail(s.pos, "too many wildcards: a path has at most "+strconv.Itoa(maxWildcards)+", and a component "+strconv.Itoa(maxStars)+" '*'", "")
	}
}
