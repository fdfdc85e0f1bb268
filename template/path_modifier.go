package template

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// gjsonModifier reports whether name is one of gjson's own modifiers, and
// whether its cost is bounded by the size of the data: @pretty indents each
// level more, @dig searches every level, and @group repeats each name of an
// object for every item.
func gjsonModifier(name string) (known, bounded bool) {
	switch name {
	case "reverse", "ugly", "this", "valid", "flatten", "join", "keys", "values", "tostr", "fromstr":
		return true, true
	case "pretty", "dig", "group":
		return true, false
	default:
		return false, false
	}
}

// modifierName returns the name of the modifier at s.pos; ok is false when what
// stands there is a key that begins with an @. Our own list decides, as gjson's
// is shared by all of the process.
func (s *pathScan) modifierName(in scope) (name string, ok bool) {
	at := s.pos
	end := at + 1
	for end < len(s.src) && isNameByte(s.src[end]) {
		end++
	}
	name = s.src[at+1 : end]
	if name == "" {
		return "", false
	}
	s.pos = end
	if in.query {
		s.space()
	}
	last := s.ends(in)
	s.pos = at
	if !last && s.src[end] != '.' && s.src[end] != '|' && s.src[end] != ':' {
		return "", false
	}
	known, bounded := gjsonModifier(name)
	switch {
	case bounded, slices.Contains(s.modifiers, name):
		return name, true
	case known:
		s.fail(at, "modifier @"+name+" is not allowed", `WithModifiers("`+name+`") allows it; write \@`+name+" for a key")
	case !last && s.src[end] == ':':
		s.fail(at, "unknown modifier @"+cut(name), `write \@`+cut(name)+" for a key")
	}
	return "", false
}

// modifier reads @name or @name:argument.
func (s *pathScan) modifier(in scope, name string, first bool) {
	at := s.pos
	switch s.modifierCount++; {
	case s.modifierCount > maxModifiers:
		s.fail(at, "more than 4 modifiers in one path", "")
	case s.parsed:
		s.fail(at, "a modifier behind @fromstr", "in brackets and behind a '#' what @fromstr makes is not checked")
	}
	s.check = true
	for range len(name) + 1 {
		s.copy()
	}
	if s.has(":") {
		if first && in.close != 0 && !in.query && !in.named {
			s.fail(at, "a member that begins with the argument of a modifier", "gjson takes the ':' for the one of a name; write @this|@"+name+":")
		}
		s.copy()
		if arg := s.argument(in); name == "flatten" && strings.Contains(arg, "deep") && !slices.Contains(s.modifiers, name) {
			s.fail(at, "a deep @flatten is not allowed", `it costs the depth of the data times its size; WithModifiers("flatten") allows it`)
		}
	}
	s.whole(in, "a modifier")
}

// argument reads JSON, or a word that may contain dots and ends at a '|'.
func (s *pathScan) argument(in scope) string {
	from := s.pos
	switch {
	case s.has(`"`):
		s.quoted()
	case s.has("{"), s.has("["):
		s.balanced()
	default:
		for !s.ends(in) && s.src[s.pos] != '|' {
			if c := s.src[s.pos]; isSpace(c) || strings.IndexByte(`\"()[]{}@`, c) >= 0 {
				s.fail(s.pos, "unexpected "+s.char()+" in the argument of a modifier", "write the argument as JSON")
			}
			s.copy()
		}
		if s.pos == from {
			s.fail(from, "empty argument of a modifier", "")
		}
		return s.src[from:s.pos]
	}
	arg := s.src[from:s.pos]
	if !gjson.Valid(arg) {
		s.fail(from, "the argument of a modifier is not JSON", "")
	}
	return arg
}

// balanced copies a bracketed JSON value.
func (s *pathScan) balanced() {
	var open []int
	for {
		if s.pos >= len(s.src) {
			s.failUnclosed("'" + string(s.src[open[0]]) + "' is not closed")
		}
		switch c := s.src[s.pos]; c {
		case '"':
			s.quoted()
			continue
		case '{', '[':
			if s.depth+len(open) >= maxBrackets {
				s.failDepth()
			}
			open = append(open, s.pos)
		case '}', ']', ')':
			at := open[len(open)-1]
			s.closer(scope{open: at, close: closerOf(s.src[at])})
			open = open[:len(open)-1]
		}
		s.copy()
		if len(open) == 0 {
			return
		}
	}
}
