package template

import (
	"math"
	"strconv"
	"strings"
)

// path is a path of gjson's syntax that has passed our checks. Its value is
// that of rest over the subtree at prefix. Over data whose objects have no name
// twice this is what gjson finds, but that text inside of a string is never
// taken for JSON, and that no modifier makes a value of a missing one.
type path struct {
	text   string // as written
	prefix []step // the components that name one member or item each
	length bool   // the path is prefix and a #: the number of items
	rest   string // for gjson, over the subtree at prefix; may be empty
	lines  bool   // the data is a sequence of values, and rest is the whole path
	parts  []int  // offsets in text: the ends of all components; the first are those of prefix

	slot   int      // of prefix, in the trie of the template
	place  int      // of the value, where there is a rest
	stages []string // rest, cut where gjson begins anew with what it has found
	check  bool     // gjson may make of rest what is no JSON
}

// Limits of one path. They bound what it costs by its length times the size of
// the data.
const (
	maxWildcards = 8
	maxStars     = 2  // * in one component: each further one multiplies the cost by the length of a key
	maxPattern   = 64 // bytes of a component with two *: its length multiplies the cost
	maxBrackets  = 16 // nested
	maxModifiers = 4
	maxMembers   = 8   // of all multipaths: a chain of them multiplies the data
	maxLevels    = 2   // of nested multipaths
	maxAdded     = 128 // bytes of names and literals in multipaths: a projection repeats them for each item
)

// path scans a path that starts at p.pos and ends before whitespace, the
// closing or ??.
func (p *parser) path() *path {
	start := p.pos
	s := &pathScan{parser: p}
	lines := p.has("..") && p.pos+2 < len(p.src) && !p.endsTag(p.pos+2)
	if lines {
		p.pos += 2
		s.out = append(s.out, ".."...)
	}
	comps := s.chain(scope{})
	text := p.src[start:p.pos]
	if len(text) > p.limits.MaxPath {
		p.fail(start, "path longer than "+strconv.Itoa(p.limits.MaxPath)+" bytes", "")
	}
	r := &path{text: text, lines: lines, check: s.check}
	for _, c := range comps {
		r.parts = append(r.parts, c.end-start)
	}
	if lines {
		if c := comps[0]; c.kind == compModifier || c.kind == compMultipath {
			p.fail(start+2, "a modifier or multipath directly behind '..'", "")
		}
		r.stage(string(s.out), comps, 0)
		return r
	}
	n := 0
	for n < len(comps) && comps[n].kind == compKey {
		r.prefix = append(r.prefix, comps[n].step())
		n++
	}
	switch {
	case n == len(comps):
	case n == len(comps)-1 && comps[n].kind == compCount:
		r.length = true
	default:
		r.stage(string(s.out), comps, n)
	}
	return r
}

// stage makes rest of the components from the n-th on.
func (r *path) stage(out string, comps []component, n int) {
	from := comps[n].out
	if r.lines {
		from = 0
	}
	r.rest = out[from:]
	for i := n + 1; i < len(comps); i++ {
		if comps[i].fresh {
			r.stages = append(r.stages, out[from:comps[i].out-1])
			from = comps[i].out
		}
	}
	r.stages = append(r.stages, out[from:])
}

// step of a component that is a key. Digits are also the index of an item, as
// long as they are written without an escape.
func (c component) step() step {
	s := step{key: c.key, index: -1}
	if c.escaped || !isIndex(c.key) {
		return s
	}
	if n, err := strconv.ParseUint(c.key, 10, 64); err == nil && n <= math.MaxInt32 {
		s.index = int(n)
	}
	return s
}

// Key returns name as one component of a path, so that {{ and Key(name) and }}
// address the member of that name, whatever characters it has; so does any
// path that Key(name) is a component of. An escape counts for the length of a
// path. Digits are not escaped and are also the index of an item; as the whole
// of an operand behind ?? they are a number.
//
// The empty name cannot be addressed; for it Key returns the empty string,
// which does not compile.
func Key(name string) string {
	switch name {
	case "true", "false", "null": // literals behind ??
		return `\` + name
	}
	special := 0
	for i := range len(name) {
		if !isKeyByte(name[i]) {
			special++
		}
	}
	if special == 0 {
		return name
	}
	var b strings.Builder
	b.Grow(len(name) + special)
	for i := range len(name) {
		if !isKeyByte(name[i]) {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// isKeyByte reports whether c needs no escape wherever in a path it stands.
func isKeyByte(c byte) bool { return isAlnum(c) || c == '_' || c >= 0x80 }
