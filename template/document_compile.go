package template

import (
	"strconv"
	"strings"
)

// CompileJSON parses a JSON document. Each string value is a template; names
// of members are not. What has no tag is kept as it is written; in a string that
// has one, escapes of the document become the characters that they stand for. A
// string keeps the type of a value only when it is one tag to the letter, without
// space or a comment beside it.
// Errors are a
// [*DataError] when doc is no JSON, and a [*SyntaxError] with the pointer of
// the string when a template does not compile.
func CompileJSON(doc []byte, opts ...Option) (*Document, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	if len(doc) > s.limits.MaxSource {
		return nil, syntaxError("", s.name, 0, "source longer than "+strconv.Itoa(s.limits.MaxSource)+" bytes", "")
	}
	if err := newTrie().scan(stringOf(doc), nil, scanLimits{depth: s.limits.MaxDepth}); err != nil {
		err.Msg = "document " + err.Msg + " (tags stand inside of strings)"
		return nil, err
	}
	c := documentCompiler{d: &Document{program: newProgram(&s)}, json: strings.TrimPrefix(string(doc), bom)}
	c.d.root.before = c.space()
	if c.d.root.value, err = c.value(""); err != nil {
		return nil, err
	}
	c.d.root.after = c.space()
	return c.d, nil
}

// documentCompiler walks a document that is known to be valid JSON, and no
// deeper than [Limits.MaxDepth].
type documentCompiler struct {
	d    *Document
	json string
	pos  int
	tags int
}

// space skips space and returns it.
func (c *documentCompiler) space() string {
	from := c.pos
	for c.pos < len(c.json) && isSpace(c.json[c.pos]) {
		c.pos++
	}
	return c.json[from:c.pos]
}

func (c *documentCompiler) value(pointer string) (element, error) {
	switch c.json[c.pos] {
	case '{', '[':
		return c.items(pointer)
	case '"':
		return c.leaf(pointer)
	default:
		from := c.pos
		c.pos = skip(c.json, c.pos)
		return element{json: c.json[from:c.pos]}, nil
	}
}

// items reads an array or object. One without tags is kept as it is written.
func (c *documentCompiler) items(pointer string) (element, error) {
	start, leaves := c.pos, len(c.d.parts)
	object := c.json[c.pos] == '{'
	e := element{opener: c.json[c.pos : c.pos+1]}
	c.pos++
	for i := 0; ; i++ {
		from := c.pos
		c.space()
		if b := c.json[c.pos]; b == '}' || b == ']' {
			c.pos++
			e.closer = c.json[from:c.pos]
			break
		}
		at := pointer + "/" + strconv.Itoa(i)
		if object {
			name := c.pos
			c.pos = skipString(c.json, c.pos)
			at = pointer + "/" + pointerEscape(newValue(c.json[name:c.pos]).String())
			c.space()
			c.pos++ // the colon
			c.space()
		}
		it := item{before: c.json[from:c.pos]}
		var err error
		if it.value, err = c.value(at); err != nil {
			return element{}, err
		}
		it.after = c.space()
		e.items = append(e.items, it)
		if c.json[c.pos] == ',' {
			c.pos++
		}
	}
	if len(c.d.parts) == leaves {
		return element{json: c.json[start:c.pos]}, nil
	}
	return e, nil
}

func pointerEscape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func (c *documentCompiler) leaf(pointer string) (element, error) {
	from := c.pos
	c.pos = skipString(c.json, c.pos)
	json := c.json[from:c.pos]
	s := c.d.program.settings
	src := newValue(json).String()
	nodes, err := parse(src, &s.config)
	if err != nil {
		err.Pointer = pointer
		return element{}, err
	}
	l := &leaf{part: part{src: src, pointer: pointer, nodes: nodes}, texts: make([]string, len(nodes))}
	text := true
	for i, n := range nodes {
		if n.tag != nil {
			c.tags++
			text = false
			continue
		}
		l.texts[i] = string(appendJSONText(nil, n.text))
	}
	if c.tags > s.limits.MaxTags {
		e := syntaxError(src, s.name, 0, "more than "+strconv.Itoa(s.limits.MaxTags)+" tags", "")
		e.Pointer = pointer
		return element{}, e
	}
	switch {
	case text && !strings.Contains(src, s.withDelims().opening):
		return element{json: json}, nil
	case text: // comments, and literals of delimiters
		return element{json: string(textValue(joinText(nodes)).AppendJSON(nil))}, nil
	}
	if err := c.d.program.add(l.part); err != nil {
		return element{}, err
	}
	c.d.parts = append(c.d.parts, l.part)
	return element{leaf: l}, nil
}

func joinText(nodes []node) string {
	var b strings.Builder
	for _, n := range nodes {
		b.WriteString(n.text)
	}
	return b.String()
}
