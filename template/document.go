package template

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Document is a JSON document whose string values are compiled templates. It
// is immutable and may be used by any number of goroutines.
type Document struct {
	settings settings
	leaves   []leaf
	tail     string
	lines    bool
}

// leaf is a string value that holds tags.
type leaf struct {
	before  string // the JSON in front of it
	pointer string
	src     string
	nodes   []node
}

// typed reports whether the string is one tag and nothing else.
func (l *leaf) typed() bool { return len(l.nodes) == 1 && l.nodes[0].tag != nil }

// CompileJSON parses a JSON document. Each string value is a template; names
// of members are not. Everything else is kept as it is written. Errors are a
// [*DataError] when doc is no JSON, and a [*SyntaxError] with the pointer of
// the string when a template does not compile.
func CompileJSON(doc []byte, opts ...Option) (*Document, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	if len(doc) > s.limits.MaxSource {
		return nil, &SyntaxError{Pos: Pos{Line: 1, Column: 1}, Name: s.name, Msg: "source too long"}
	}
	json, err := checkData(doc, s.limits, false)
	if err != nil {
		return nil, err
	}
	d := &Document{settings: s}
	json = strings.Clone(json) // the view must not outlive the call
	c := documentCompiler{d: d, json: json}
	if err := c.value(""); err != nil {
		return nil, err
	}
	d.tail = json[c.done:]
	return d, nil
}

// documentCompiler walks a document that is known to be valid JSON, and no
// deeper than [Limits.MaxDepth].
type documentCompiler struct {
	d    *Document
	json string
	pos  int
	done int // how much of json is in leaves
	tags int
}

func (c *documentCompiler) value(pointer string) error {
	c.space()
	switch c.json[c.pos] {
	case '{':
		return c.members('}', func(int) string {
			name := gjson.Parse(c.str()).Str
			c.space()
			c.pos++ // the colon
			return pointer + "/" + pointerEscape(name)
		})
	case '[':
		return c.members(']', func(i int) string { return pointer + "/" + strconv.Itoa(i) })
	case '"':
		return c.leaf(pointer)
	default:
		for c.pos < len(c.json) && !strings.ContainsRune(",]} \t\r\n", rune(c.json[c.pos])) {
			c.pos++
		}
		return nil
	}
}

// members walks the members of an object or array; name reads up to the value
// of the i-th one and returns its pointer.
func (c *documentCompiler) members(closer byte, name func(i int) string) error {
	c.pos++
	for i := 0; ; i++ {
		c.space()
		switch c.json[c.pos] {
		case closer:
			c.pos++
			return nil
		case ',':
			c.pos++
			c.space()
		}
		if err := c.value(name(i)); err != nil {
			return err
		}
	}
}

// str skips a string and returns its source.
func (c *documentCompiler) str() string {
	from := c.pos
	for c.pos++; c.json[c.pos] != '"'; c.pos++ {
		if c.json[c.pos] == '\\' {
			c.pos++
		}
	}
	c.pos++
	return c.json[from:c.pos]
}

func (c *documentCompiler) space() {
	for isSpace(c.json[c.pos]) {
		c.pos++
	}
}

func pointerEscape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func (c *documentCompiler) leaf(pointer string) error {
	at := c.pos
	src := gjson.Parse(c.str()).Str
	nodes, err := parse(src, c.d.settings, false)
	if err != nil {
		err.Pointer = pointer
		return err
	}
	if len(nodes) == 0 || len(nodes) == 1 && nodes[0].tag == nil && nodes[0].text == src {
		return nil // no tags: stays as it is written
	}
	for _, n := range nodes {
		if n.tag != nil {
			c.tags++
		}
	}
	if c.tags > c.d.settings.limits.MaxTags {
		return &SyntaxError{Pos: Pos{Line: 1, Column: 1}, Pointer: pointer, Name: c.d.settings.name, Msg: "too many tags"}
	}
	c.d.leaves = append(c.d.leaves, leaf{before: c.json[c.done:at], pointer: pointer, src: src, nodes: nodes})
	c.d.lines = c.d.lines || usesLines(nodes)
	c.done = c.pos
	return nil
}

// Append renders the document over data and appends the result to dst. On an
// error dst is returned as it was. Errors are those of [Template.Append].
func (d *Document) Append(dst, data []byte) ([]byte, error) {
	json, err := checkData(data, d.settings.limits, d.lines)
	if err != nil {
		return dst, err
	}
	start, out := len(dst), dst
	var text []byte
	for i := range d.leaves {
		l := &d.leaves[i]
		out = append(out, l.before...)
		if l.typed() {
			v, ok := lookup(json, l.nodes[0].tag)
			switch {
			case ok:
				out = appendValueJSON(out, v)
			case d.settings.missing == MissingError:
				return dst, validation(d.settings.name, d.problems(json))
			case d.settings.missing == MissingNull:
				out = append(out, "null"...)
			default:
				out = appendJSONString(out, string(appendMissing(nil, d.settings.missing, l.nodes[0].text)))
			}
		} else {
			t := Template{src: l.src, settings: d.settings, nodes: l.nodes}
			text, err = t.append(text[:0], json)
			if _, missing := errors.AsType[*ValidationError](err); missing {
				return dst, validation(d.settings.name, d.problems(json))
			} else if err != nil {
				return dst, err
			}
			out = appendJSONString(out, stringOf(text))
		}
		if len(out)-start > d.settings.limits.MaxOutput {
			return dst, ErrOutputTooLarge
		}
	}
	out = append(out, d.tail...)
	if len(out)-start > d.settings.limits.MaxOutput {
		return dst, ErrOutputTooLarge
	}
	return out, nil
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
func (d *Document) Validate(data []byte) error {
	json, err := checkData(data, d.settings.limits, d.lines)
	if err != nil {
		return err
	}
	return validation(d.settings.name, d.problems(json))
}

func (d *Document) problems(json string) (problems []Problem) {
	for i := range d.leaves {
		l := &d.leaves[i]
		problems = appendProblems(problems, json, l.src, l.nodes, l.pointer)
	}
	return problems
}

// Paths lists the paths of the document, each once, in the order of first use.
func (d *Document) Paths() (refs []PathRef) {
	for i := range d.leaves {
		l := &d.leaves[i]
		refs = appendPaths(refs, l.src, l.nodes, l.pointer)
	}
	return refs
}
