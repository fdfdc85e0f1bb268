package template

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
)

// program finds the values of a template's paths in one pass over the data.
type program struct {
	*settings

	trie  *trie
	lines bool      // the data is JSON Lines
	rooms sync.Pool // of *room
}

// room is what one rendering needs beside its output.
type room struct {
	doc     string // what the spans are of
	all     string // the data
	spans   []span
	numbers []byte // texts of counts
	buf     []byte // of filters
}

func newProgram(s *settings) *program { return &program{settings: s, trie: newTrie()} }

// add gives the paths of nodes their slots.
func (p *program) add(nodes []node) {
	for _, n := range nodes {
		if n.tag == nil {
			continue
		}
		for _, op := range n.tag.operands {
			switch {
			case op.path == nil:
			case op.path.lines:
				p.lines = true
			default:
				op.path.slot = p.trie.add(op.path.prefix, op.path.length)
			}
		}
	}
}

// open reads data. What it returns is to be given to done.
func (p *program) open(data []byte) (*room, error) {
	r, ok := p.rooms.Get().(*room)
	if !ok {
		r = &room{spans: make([]span, p.trie.slots())}
	}
	r.all, r.doc, r.numbers = stringOf(data), stringOf(data), r.numbers[:0]
	limits := scanLimits{depth: p.limits.MaxDepth}
	if !p.lines {
		if err := p.trie.scan(r.doc, r.spans, limits); err != nil {
			return p.fail(r, err)
		}
		return r, nil
	}
	// Other paths than those of lines are about the first one.
	seen := false
	nothing := newTrie()
	offset := 0
	for line := range bytes.Lines(data) {
		if text := stringOf(line); strings.Trim(text, spaces+bom) != "" {
			t, spans := nothing, []span(nil)
			if !seen {
				t, spans, r.doc, seen = p.trie, r.spans, text, true
			}
			if err := t.scan(text, spans, limits); err != nil {
				err.Offset += offset
				return p.fail(r, err)
			}
		}
		offset += len(line)
	}
	if !seen {
		return p.fail(r, &DataError{Msg: msgEmpty})
	}
	r.all = strings.TrimPrefix(r.all, bom)
	return r, nil
}

func (p *program) fail(r *room, err *DataError) (*room, error) {
	p.done(r)
	return nil, err
}

// done gives r back, without the data.
func (p *program) done(r *room) {
	const most = 64 << 10
	r.doc, r.all = "", ""
	if cap(r.buf) > most {
		r.buf = nil
	}
	p.rooms.Put(r)
}

// value returns what a path leads to.
func (p *program) value(r *room, x *path) Value {
	if x.lines {
		return p.rest(x, r.all)
	}
	s := r.spans[x.slot]
	switch {
	case s.kind == KindMissing:
		return Value{}
	case x.length:
		from := len(r.numbers)
		r.numbers = strconv.AppendInt(r.numbers, int64(s.end), 10)
		return Value{raw: stringOf(r.numbers[from:]), kind: KindNumber}
	case x.rest == "":
		return Value{raw: r.doc[s.start:s.end], kind: s.kind}
	default:
		return p.rest(x, r.doc[s.start:s.end])
	}
}

func (p *program) rest(x *path, json string) Value {
	found, ok := x.value(json, p.limits.MaxDepth)
	if !ok {
		return Value{}
	}
	return fromGJSON(found)
}

// operand returns the first operand that is neither missing nor null, or else
// the last one that is null.
func (p *program) operand(r *room, t *tag) (v Value) {
	for i := range t.operands {
		op := &t.operands[i]
		found := op.literal
		if op.path != nil {
			found = p.value(r, op.path)
		}
		if found.kind > KindNull {
			return found
		}
		if found.Exists() {
			v = found
		}
	}
	return v
}

// eval returns the value of a tag, through its filters. It is a view of data, or
// of r.buf until the next call.
func (p *program) eval(r *room, t *tag) (v Value, err error) {
	v = p.operand(r, t)
	if len(t.filters) > 0 {
		r.buf, v, err = pipe(r.buf[:0], v, t.filters, p.limits.MaxOutput)
	}
	return v, err
}

// appendText appends a value as text, escaped where its tag asks for that.
func (p *program) appendText(dst []byte, t *tag, v Value) ([]byte, error) {
	if p.escape == nil || t.escaped() {
		return v.appendText(dst, p.numbers), nil
	}
	if s, ok := v.text(); ok && (v.kind != KindNumber || p.numbers == NumberRaw) {
		return p.escape(dst, bytesOf(s))
	}
	return p.escape(dst, v.appendText(nil, p.numbers))
}

// escaped reports whether the last filter has made text that is safe.
func (t *tag) escaped() bool {
	n := len(t.filters)
	return n > 0 && t.filters[n-1].f.escapes
}
