// Package template fills {{path}} templates from raw JSON, without decoding it.
// It starts no goroutine.
//
// # Model
//
// [Compile] parses a template once; a [Template] is immutable and may be used
// by any number of goroutines. A tag holds a path in the syntax of gjson:
//
//	Hello {{user.name}}, {{order.items.0.name}} and {{items.#}} more
//
// A path ends at whitespace, }} or ?? outside of brackets. {{a ?? b ?? 'c'}}
// takes the first value that is neither missing nor null. A string literal in
// a tag is that text, so a literal {{ is written {{'{{'}}. {{/* comment */}}
// renders nothing; {{- and -}}, with a space inside, trim the whitespace
// outside. Names behind " | " are reserved for filters, #name and / for blocks.
//
// [CompileJSON] takes a JSON document whose string values are templates. The
// result is always valid JSON: values are encoded, never pasted. A string that
// is one tag and nothing else keeps the value's JSON type. This is the way to
// make a JSON body; text templates do not escape.
//
// # Guarantees and limits
//
// A path that the data lacks is an error that lists every one with its
// position ([WithMissing] has other policies). Values are never scanned for
// tags. Numbers keep their text: 1.10 stays 1.10, and integers of any size are
// exact. A null renders as nothing, an array or object as its JSON. A
// projection such as items.#.name exists when items is an array, though it may
// be empty; over strings it looks for x in their text, as gjson does, and takes
// only what is JSON there. Of equal names in an object the first counts.
//
// Data is validated before it is used; a body that is empty, no JSON, or not
// UTF-8 is a [*DataError]; a byte order mark is skipped. Paths that begin with ".." read
// the data as JSON Lines. gjson's modifiers and multipaths are refused: some of
// them cost without a bound, and modifiers are shared by the process. Another
// @name is a key. [Limits] bound the rest.
package template

import "io"

// Template is a compiled text template.
type Template struct {
	src      string
	settings settings
	nodes    []node
}

// Compile parses a text template. The error is a [*SyntaxError], or says which
// option is wrong.
func Compile(src string, opts ...Option) (*Template, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	nodes, syntax := parse(src, s, false)
	if syntax != nil {
		return nil, syntax
	}
	return &Template{src: src, settings: s, nodes: nodes}, nil
}

// MustCompile is [Compile] for templates in source code. It panics where
// Compile returns an error.
func MustCompile(src string, opts ...Option) *Template {
	t, err := Compile(src, opts...)
	if err != nil {
		panic(err)
	}
	return t
}

// Source returns the text that was compiled.
func (t *Template) Source() string { return t.src }

// Append renders the template over data and appends the result to dst. It
// allocates nothing when dst has room and the values are found by literal
// paths and hold no escapes. On an error dst is returned as it was.
//
// Errors: a [*DataError], a [*ValidationError], or [ErrOutputTooLarge].
func (t *Template) Append(dst, data []byte) ([]byte, error) {
	json, err := checkData(data, t.settings.limits, usesLines(t.nodes))
	if err != nil {
		return dst, err
	}
	return t.append(dst, json)
}

func (t *Template) append(dst []byte, json string) ([]byte, error) {
	start, out := len(dst), dst
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.tag == nil {
			out = append(out, n.text...)
		} else {
			v, ok := lookup(json, n.tag)
			switch {
			case ok:
				out = appendValueText(out, v)
			case t.settings.missing == MissingError:
				return dst, validation(t.settings.name, appendProblems(nil, json, t.src, t.nodes, ""))
			default:
				out = appendMissing(out, t.settings.missing, n.text)
			}
		}
		if len(out)-start > t.settings.limits.MaxOutput {
			return dst, ErrOutputTooLarge
		}
	}
	return out, nil
}

// Render is [Template.Append] to a new string.
func (t *Template) Render(data []byte) (string, error) {
	b, err := t.Append(nil, data)
	if err != nil {
		return "", err
	}
	return string(b), nil
}

// Execute is [Template.Append] to w. Nothing is written on an error of the
// template or the data; an error of w is returned as it is.
func (t *Template) Execute(w io.Writer, data []byte) error {
	b, err := t.Append(nil, data)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
