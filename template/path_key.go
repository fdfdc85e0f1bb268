package template

import (
	"strconv"
	"strings"
)

// key reads a key or a pattern. Brackets and quotes inside of one are its own
// characters, but must be balanced.
func (s *pathScan) key(in scope, c *component) {
	var (
		key           []byte
		open          []int // brackets that are not closed yet
		quoted        bool  // inside of them
		wild, special bool
		from          = s.pos
	)
	for len(open) > 0 || !s.ends(in) && !s.separator() {
		if s.pos >= len(s.src) {
			s.failUnclosed("'" + string(s.src[open[len(open)-1]]) + "' is not closed")
		}
		ch := s.src[s.pos]
		switch {
		case ch == '\\':
			if s.copy(); s.pos == len(s.src) {
				s.failUnclosed("")
			}
			ch = s.src[s.pos]
			c.escaped = true
			special = special || ch == '*' || ch == '?' || ch == '\\'
		case ch == '*' || ch == '?':
			s.wildcard(ch)
			wild = true
		case len(open) == 0:
			if s.plain(in, from) {
				goto done
			}
			if closerOf(ch) != 0 {
				open = s.nest(open)
			}
		case ch == '.' || ch == '|':
			s.fail(s.pos, "unexpected '"+string(ch)+"' in the brackets of a key", `write \`+string(ch)+" for a key that contains it")
		case ch == '"':
			quoted = !quoted
		case quoted:
		case closerOf(ch) != 0:
			open = s.nest(open)
		default:
			at := open[len(open)-1]
			s.closer(scope{open: at, close: closerOf(s.src[at])})
			if ch == closerOf(s.src[at]) {
				open = open[:len(open)-1]
			}
		}
		key = append(key, ch)
		s.copy()
	}
done:
	if wild && special {
		s.fail(from, `a wildcard and an escaped '*', '?' or '\' in one component`, "gjson would take both for wildcards")
	}
	c.key = string(key)
	if wild {
		c.kind = compPattern
	}
}

// plain checks a character of a key outside of brackets. It reports whether it
// has read the space behind the path of a query.
func (s *pathScan) plain(in scope, from int) (done bool) {
	switch c := s.src[s.pos]; {
	case c == '"':
		s.fail(s.pos, `unexpected '"'`, `write \" for a key that contains it`)
	case c == ':' && in.close != 0 && !in.query && !in.named:
		s.fail(s.pos, "unexpected ':'", `a name is a word or in quotes; write \: for a key that contains it`)
	case isSpace(c):
		return s.edge(in, from)
	default:
		s.closer(in)
	}
	return false
}

// edge reads the space that ends the path of a query, and refuses one at
// either end of another component, where gjson would look for it in the name.
func (s *pathScan) edge(in scope, from int) (done bool) {
	at, mark := s.pos, len(s.out)
	s.spaces()
	last := s.ends(in)
	if last && in.query && at > from {
		return true
	}
	if last || at == from || s.separator() {
		s.fail(at, "unexpected space", `write \ and a space for one that belongs to a key`)
	}
	s.pos, s.out = at, s.out[:mark]
	return false
}

// nest opens a bracket of a key.
func (s *pathScan) nest(open []int) []int {
	if s.depth+len(open) >= maxBrackets {
		s.failDepth()
	}
	if end := strings.IndexByte(s.src[s.pos:], ']'); s.has("[") && end > 1 && isIndex(s.src[s.pos+1:s.pos+end]) {
		s.fail(s.pos, "unexpected '['", "an item is written ."+cut(s.src[s.pos+1:s.pos+end])+`; write \[ for a key that contains it`)
	}
	return append(open, s.pos)
}

func (s *pathScan) failDepth() {
	s.fail(s.pos, "brackets nested deeper than "+strconv.Itoa(maxBrackets), "")
}

// closer refuses a closing bracket at s.pos that is not the one of its scope.
func (s *pathScan) closer(in scope) {
	switch c := s.src[s.pos]; {
	case c != ')' && c != ']' && c != '}' || c == in.close:
	case in.close == 0:
		s.fail(s.pos, "unexpected '"+string(c)+"'", `write \`+string(c)+" for a key that contains it")
	default:
		at := position(s.src, in.open)
		s.fail(s.pos, "'"+string(c)+"' does not match '"+string(s.src[in.open])+"' at "+strconv.Itoa(at.Line)+":"+strconv.Itoa(at.Column), "")
	}
}

func (s *pathScan) copy() {
	s.out = append(s.out, s.src[s.pos])
	s.pos++
}

// closerOf returns the bracket that closes c, or 0.
func closerOf(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[', '{':
		return c + 2
	default:
		return 0
	}
}

func isIndex(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
