package template

import (
	"io"
)

// Document is a JSON document whose string values are compiled templates. It
// is immutable and may be used by any number of goroutines.
type Document struct {
	root    item
	parts   []part // of the leaves, in their order
	program *program
}

// element is a value of a document: JSON as it is, a string with tags, or an
// array or object that holds one.
type element struct {
	json  string // of the first kind
	leaf  *leaf
	items []item // with closer, of the last kind
	// opener and closer are the brackets; closer has the space in front of it.
	opener, closer string
}

// item is a member or an item, as it is written but for the comma.
type item struct {
	before string // space, and of a member the name and the colon
	value  element
	after  string // space
}

// leaf is a string value that holds tags.
type leaf struct {
	part

	texts []string // of the nodes, as the inside of a JSON string
}

// typed reports whether the string is one tag and nothing else.
func (l *leaf) typed() bool {
	return len(l.nodes) == 1 && l.nodes[0].tag != nil && l.nodes[0].tag.src == l.src
}

// Append renders the document over data and appends the result to dst. On an
// error dst is returned as it was. Errors are those of [Template.Append].
func (d *Document) Append(dst, data []byte) ([]byte, error) {
	r, err := d.program.open(data)
	if err != nil {
		return dst, err
	}
	defer d.program.done(r)
	x := rendering{d: d, room: r, start: len(dst)}
	out, ok, err := x.append(append(dst, d.root.before...), &d.root.value)
	if err != nil {
		return dst, err
	}
	if !ok {
		out = append(out, "null"...) // all there is was left out
	}
	return append(out, d.root.after...), nil
}

// rendering is one Append.
type rendering struct {
	d     *Document
	room  *room
	start int
}

// append returns false for an element that is left out; dst is then as it was.
func (x *rendering) append(dst []byte, e *element) (out []byte, ok bool, err error) {
	switch {
	case e.leaf != nil:
		out, ok, err = x.appendLeaf(dst, e.leaf)
	case e.opener == "":
		out, ok = append(dst, e.json...), true
	default:
		out, ok, err = x.appendItems(dst, e)
	}
	if err == nil && x.left(out) < 0 {
		err = ErrOutputTooLarge
	}
	return out, ok, err
}

func (x *rendering) appendItems(dst []byte, e *element) (out []byte, ok bool, err error) {
	out = append(dst, e.opener...)
	first := true
	for i := range e.items {
		it := &e.items[i]
		mark := len(out)
		if !first {
			out = append(out, ',')
		}
		out = append(out, it.before...)
		if out, ok, err = x.append(out, &it.value); err != nil {
			return nil, false, err
		}
		if !ok {
			out = out[:mark]
			continue
		}
		out, first = append(out, it.after...), false
	}
	return append(out, e.closer...), true, nil
}

func (x *rendering) appendLeaf(dst []byte, l *leaf) (out []byte, ok bool, err error) {
	p := x.d.program
	out = append(dst, '"')
	for i := range l.nodes {
		t := l.nodes[i].tag
		if t == nil {
			out = append(out, l.texts[i]...)
			continue
		}
		v, err := p.eval(x.room, t)
		switch {
		case err != nil:
		case v.Exists() && l.typed() && (v.kind != KindString || p.escape == nil || p.escaped(t)):
			return v.AppendJSON(dst), true, nil
		case v.Exists():
			out, err = p.appendInside(out, x.room, t, v, x.left(out))
		case p.missing == MissingError:
			err = ErrMissing
		case p.missing == MissingOmit:
			return dst, false, nil
		case p.missing == MissingNull && l.typed():
			return append(dst, "null"...), true, nil
		default:
			out = appendJSONText(out, string(appendMissing(nil, p.missing, t)))
		}
		if err == nil && x.left(out) < 0 {
			err = ErrOutputTooLarge
		}
		if err != nil {
			return nil, false, p.failure(x.room, err, t, l.part, x.d.parts...)
		}
	}
	return append(out, '"'), true, nil
}

// left is how much longer the output may become.
func (x *rendering) left(out []byte) int { return x.start + x.d.program.limits.MaxOutput - len(out) }

// appendInside appends a value as text inside of a JSON string. That of a string
// of the data is there already.
func (p *program) appendInside(dst []byte, r *room, t *tag, v Value, left int) ([]byte, error) {
	if p.escape == nil || p.escaped(t) {
		switch {
		case len(v.raw) > left && (v.plain || v.kind != KindString):
			return dst, ErrOutputTooLarge
		case v.kind == KindString && !v.plain:
			return append(dst, v.inner()...), nil
		case v.kind == KindNumber && p.numbers != NumberRaw:
			return v.appendText(dst, p.numbers), nil
		case v.plain, v.kind == KindArray, v.kind == KindObject:
			return appendJSONText(dst, v.raw), nil
		default:
			return v.AppendText(dst), nil
		}
	}
	text, err := p.appendText(r.inside[:0], r, t, v, left)
	if err != nil {
		return dst, err
	}
	r.inside = text
	return appendJSONText(dst, stringOf(text)), nil
}

// Execute is [Document.Append] to w. Nothing is written on an error of the
// document or the data; an error of w is returned as it is.
func (d *Document) Execute(w io.Writer, data []byte) error {
	b, err := d.Append(nil, data)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// Validate reports what data lacks, over all strings; see [Template.Validate].
func (d *Document) Validate(data []byte) error { return d.program.validate(data, d.parts...) }

// Paths lists the paths of the document, each once, in the order of first use.
func (d *Document) Paths() (refs []PathRef) {
	for _, x := range d.parts {
		refs = appendPaths(refs, x.src, x.nodes, x.pointer)
	}
	return refs
}
