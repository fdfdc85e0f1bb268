package template

import (
	"math"
	"strings"
	"unicode/utf8"
)

// scanLimits bound what a scan accepts.
type scanLimits struct {
	depth int // of nested arrays and objects
}

// frame is an array or object that may hold something for a node.
type frame struct {
	start  int32 // of its opening bracket
	left   int32 // how many kids of the node are not done
	count  int32 // the items so far
	next   int32 // which of the node's items comes next
	closer byte  // its closing bracket
}

const bom = "\ufeff"

// scan validates all of data (RFC 8259, UTF-8, limits) and sets spans, one for
// each slot. Where names repeat, the first value that the whole path leads to
// wins, as with gjson: {"a":1,"a":{"b":2}} has a.b. A byte order mark in front
// is skipped. On an error the spans mean nothing.
func (t *trie) scan(data string, spans []span, limits scanLimits) *DataError {
	clear(spans)
	if len(data) > math.MaxInt32 {
		return &DataError{Offset: math.MaxInt32, Msg: msgSize}
	}
	l := lexer{data: data, room: limits.depth}
	for p := t; p != nil; p = p.next {
		if p.pass(&l, spans) < 0 {
			return l.failure()
		}
	}
	return nil
}

// failure is the error of a scan. A byte that is not UTF-8 comes first when it
// stands before the one that stopped the scan, or is that one.
func (l *lexer) failure() *DataError {
	for i, r := range l.data {
		if i > l.at {
			break
		}
		if r == utf8.RuneError && !strings.HasPrefix(l.data[i:], "\ufffd") {
			return &DataError{Offset: i, Msg: msgUTF8}
		}
	}
	return &DataError{Offset: l.at, Msg: l.msg}
}

// pass reads all of the data once.
func (t *trie) pass(l *lexer, spans []span) int {
	i := 0
	if strings.HasPrefix(l.data, bom) {
		i = len(bom)
	}
	if i = skipSpace(l.data, i); i >= len(l.data) {
		return l.fail(i, msgEmpty)
	}
	if i = t.start(l, i, spans); i < 0 {
		return i
	}
	if i = skipSpace(l.data, i); i < len(l.data) {
		return l.wrong(i)
	}
	if l.wide&highs != 0 && !utf8.ValidString(l.data) {
		return l.fail(i, msgUTF8)
	}
	return i
}

// start is walk with frames for it.
func (t *trie) start(l *lexer, i int, spans []span) int {
	if t.depth < shallow {
		var frames [shallow]frame
		return t.walk(l, i, spans, frames[:])
	}
	frames, ok := t.deep.Get().(*[]frame)
	if !ok {
		s := make([]frame, t.depth+1)
		frames = &s
	}
	i = t.walk(l, i, spans, *frames)
	t.deep.Put(frames)
	return i
}

// follows reports whether a value that begins with c may hold something for n.
func (n *trieNode) follows(c byte) bool {
	return c == '{' && len(n.kids) > 0 || c == '[' && (len(n.items) > 0 || n.length >= 0)
}

// expects reports whether more members or items of f may hold something for n.
func (n *trieNode) expects(f *frame) bool {
	if f.closer == '}' {
		return f.left > 0
	}
	return int(f.next) < len(n.items) || n.length >= 0
}

// fill sets the slot of n, and reports whether a value before had not.
func (n *trieNode) fill(data string, spans []span, start, end int) bool {
	if n.slot < 0 || spans[n.slot].kind != KindMissing {
		return false
	}
	spans[n.slot] = span{start: offset32(start), end: offset32(end), kind: kindOf(data[start])}
	return true
}

// measure is fill for the length of an array. It reports true when none is
// asked for.
func (n *trieNode) measure(spans []span, f *frame) bool {
	if n.length < 0 {
		return true
	}
	if f.closer != ']' || spans[n.length].kind != KindMissing {
		return false
	}
	spans[n.length] = span{start: -1, end: f.count, kind: KindNumber}
	return true
}

// offset32 is an offset or count in data, whose size scan limits.
func offset32(i int) int32 {
	return int32(i) //nolint:gosec // see above
}

// walk reads the value at i, with the root as its node, and returns where it
// ends. Values without a node are the lexer's, and so is the rest of an array
// or object when nothing more can be found in it.
//
// The labels are the states of a machine; level and the frames are its stack.
func (t *trie) walk(l *lexer, i int, spans []span, frames []frame) int {
	var (
		data   = l.data
		n      = t.root
		level  int       // of n
		kid    *trieNode // of n
		f      *frame    // the innermost
		closer byte      // of f
		done   bool      // the slots of n and below are set, some by this value
	)

value: // where the one of n must begin
	if i >= len(data) {
		return l.wrong(i)
	}
	if !n.follows(data[i]) {
		start := i
		if i = l.value(i); i < 0 {
			return i
		}
		done = n.fill(data, spans, start, i) && len(n.kids) == 0 && n.length < 0
		goto up
	}
	if l.room == 0 {
		return l.fail(i, msgDepth)
	}
	l.room--
	f = &frames[level]
	closer = data[i] + 2
	*f = frame{start: offset32(i), left: offset32(len(n.kids)), closer: closer}
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == closer {
		i++
		goto closed
	}

member:
	if closer == '}' {
		kid, i = n.member(l, i)
	} else {
		kid, i = n.item(l, i, f)
	}
	if i < 0 {
		return i
	}
	if kid != nil {
		n, level = kid, level+1
		goto value
	}

after: // behind a member or item of n
	if i = skipSpace(data, i); i >= len(data) {
		return l.wrong(i)
	}
	if data[i] == ',' {
		if n.expects(f) {
			i = skipSpace(data, i+1)
			goto member
		}
		if i = l.drain(i, closer == '}', true); i < 0 {
			return i
		}
		goto closed
	}
	if data[i] != closer {
		return l.wrong(i)
	}
	i++

closed: // behind the closing bracket of n
	l.room++
	n.fill(data, spans, int(f.start), i)
	done = n.measure(spans, f) && f.left == 0

up: // behind the value of n
	if level == 0 {
		return i
	}
	n, level = n.parent, level-1
	f = &frames[level]
	closer = f.closer
	if done {
		f.left--
	}
	goto after
}

// member reads members, from the name at i on, until one leads to a kid. It
// returns that kid and where its value must begin, or nil and where the bracket
// must be.
func (n *trieNode) member(l *lexer, i int) (kid *trieNode, at int) {
	data := l.data
	for {
		if i >= len(data) || data[i] != '"' {
			return nil, l.wrong(i)
		}
		start := i + 1
		if i, l.wide = skipPlain(data, start, l.wide); i < len(data) && data[i] == '"' {
			kid = n.named(data[start:i])
			i++
		} else {
			if i = l.text(i); i < 0 {
				return nil, i
			}
			kid = n.escaped(data[start : i-1])
		}
		if i = skipSpace(data, i); i >= len(data) || data[i] != ':' {
			return nil, l.wrong(i)
		}
		i = skipSpace(data, i+1)
		if kid != nil {
			return kid, i
		}
		if i = l.value(i); i < 0 {
			return nil, i
		}
		i = skipSpace(data, i)
		if i >= len(data) || data[i] != ',' {
			return nil, i
		}
		i = skipSpace(data, i+1)
	}
}

// item is member for an array. It counts the items.
func (n *trieNode) item(l *lexer, i int, f *frame) (kid *trieNode, at int) {
	data, count, next := l.data, int(f.count), -1
	if int(f.next) < len(n.items) {
		next = n.items[f.next].step.index
	}
	for count != next {
		if i = l.value(i); i < 0 {
			return nil, i
		}
		count++
		i = skipSpace(data, i)
		if i >= len(data) || data[i] != ',' {
			f.count = offset32(count)
			return nil, i
		}
		i = skipSpace(data, i+1)
	}
	f.count = offset32(count + 1)
	f.next++
	return n.items[f.next-1], i
}
