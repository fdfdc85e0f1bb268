package template

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// program finds the values of a template's paths in one pass over the data.
type program struct {
	*settings

	trie    *trie
	nothing *trie          // for lines that are only validated
	place   string         // of the escaper, by the name of its filter
	lines   bool           // the data is JSON Lines
	general map[string]int // places in room.found of the paths that gjson evaluates
	weight  int            // of those
	rooms   sync.Pool      // of *room
}

// maxWeight bounds what the paths of a template that gjson evaluates cost
// together: each is a pass over a part of the data, and each modifier or member
// of a multipath another.
const maxWeight = 128

// maxTwins bounds the passes for spellings of one index: 0, 00, 000.
const maxTwins = 4

// room is what one rendering needs beside its output.
type room struct {
	doc     string // what the spans are of
	all     string // the data
	spans   []span
	found   []memo
	numbers []byte // texts of counts
	buf     []byte // of filters
	text    []byte // of a value on its way into an escaper
	inside  []byte // and out of it, into a JSON string
}

// memo is what a path was found to lead to.
type memo struct {
	value Value
	known bool
}

func newProgram(s *settings) *program {
	return &program{settings: s, trie: newTrie(), nothing: newTrie(), place: filterOf(s.escape), general: map[string]int{}}
}

// add gives the paths of a part their places.
func (p *program) add(x part) *SyntaxError {
	for _, n := range x.nodes {
		if n.tag == nil {
			continue
		}
		for _, op := range n.tag.operands {
			if op.path != nil && !p.addPath(op.path) {
				err := syntaxError(x.src, p.name, n.tag.at, "the paths of the template cost too much together",
					"they have too many different queries, projections, modifiers and multipaths")
				err.Pointer = x.pointer
				return err
			}
		}
	}
	return nil
}

func (p *program) addPath(x *path) bool {
	p.lines = p.lines || x.lines
	if !x.lines {
		x.slot = p.trie.add(x.prefix, x.length)
	}
	twins := 0
	for t := p.trie.next; t != nil; t = t.next {
		twins++
	}
	if x.rest != "" {
		place, known := p.general[x.text]
		if !known {
			place = len(p.general)
			p.general[x.text] = place
			p.weight += 1 + strings.Count(x.rest, "@") + strings.Count(x.rest, ",")
		}
		x.place = place
	}
	return p.weight <= maxWeight && twins < maxTwins
}

// open reads data. What it returns is to be given to done.
func (p *program) open(data []byte) (*room, error) {
	r, ok := p.rooms.Get().(*room)
	if !ok {
		r = &room{spans: make([]span, p.trie.slots()), found: make([]memo, len(p.general))}
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
	offset := 0
	for line := range bytes.Lines(data) {
		if text := stringOf(line); strings.Trim(text, spaces+bom) != "" {
			t, spans := p.nothing, []span(nil)
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
	clear(r.found)
	if cap(r.buf)+cap(r.text)+cap(r.inside) > most {
		r.buf, r.text, r.inside = nil, nil, nil
	}
	p.rooms.Put(r)
}

// value returns what a path leads to.
func (p *program) value(r *room, x *path) Value {
	if x.lines {
		return p.rest(r, x, r.all)
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
		return p.rest(r, x, r.doc[s.start:s.end])
	}
}

// rest has gjson evaluate a path, once.
func (p *program) rest(r *room, x *path, json string) Value {
	m := &r.found[x.place]
	if !m.known {
		m.known = true
		if found, ok := x.value(json, p.limits.MaxDepth); ok {
			m.value = fromGJSON(found)
		}
	}
	return m.value
}

// operand returns the first operand that is neither missing nor null, or else
// the last one that is null, and which that is.
func (p *program) operand(r *room, t *tag) (v Value, at int) {
	at = -1
	for i := range t.operands {
		op := &t.operands[i]
		found := op.literal
		if op.path != nil {
			found = p.value(r, op.path)
		}
		if found.kind > KindNull {
			return found, i
		}
		if found.Exists() {
			v, at = found, i
		}
	}
	return v, at
}

// eval returns the value of a tag, through its filters. It is a view of data, or
// of r.buf until the next call.
func (p *program) eval(r *room, t *tag) (v Value, err error) {
	v, _ = p.operand(r, t)
	if len(t.filters) > 0 {
		r.buf, v, err = pipe(r.buf[:0], v, t.filters, p.limits.MaxOutput)
	}
	return v, err
}

// appendText appends a value as text, escaped where its tag asks for that.
// Escaping makes nothing shorter, so that one which is longer than room for it
// is not even begun.
func (p *program) appendText(dst []byte, r *room, t *tag, v Value, left int) ([]byte, error) {
	s, plain := v.text()
	if plain && len(s) > left {
		return dst, ErrOutputTooLarge
	}
	if p.escape == nil || p.escaped(t) {
		return v.appendText(dst, p.numbers), nil
	}
	if !plain || v.kind == KindNumber && p.numbers != NumberRaw {
		r.text = v.appendText(r.text[:0], p.numbers)
		s = stringOf(r.text)
	}
	return p.escape(dst, bytesOf(s))
}

// escaped reports whether the last filter has made the text safe for the place
// that the escaper of the template is for. One for another place has not: its
// result is escaped like any value.
func (p *program) escaped(t *tag) bool {
	if len(t.filters) == 0 {
		return false
	}
	f := t.filters[len(t.filters)-1].f
	return f.escapes && (f.custom || f.name == "raw" || f.name == p.place)
}

// filterOf is the name of the filter that does the same as an escaper, or empty.
func filterOf(e Escaper) string {
	if e == nil {
		return ""
	}
	is := func(own Escaper) bool { return reflect.ValueOf(e).Pointer() == reflect.ValueOf(own).Pointer() }
	switch {
	case is(HTML):
		return "html"
	case is(Slack):
		return "slack"
	case is(Discord):
		return "discord"
	case is(URLQuery):
		return "url"
	case is(URLPath):
		return "urlpath"
	default:
		return ""
	}
}
