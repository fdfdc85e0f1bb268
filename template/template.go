// Package template fills {{path}} templates from raw JSON, without decoding it.
// It starts no goroutine.
//
// # Model
//
// [Compile] parses a template once; a [Template] is immutable and may be used
// by any number of goroutines. A tag holds a path in the syntax of gjson
// (https://github.com/tidwall/gjson/blob/master/SYNTAX.md), which gets it as it
// is written:
//
//	Hello {{user.name}}, {{order.items.0.name}} and {{items.#}} more
//
// A path ends at whitespace, }} or ?? outside of brackets.
//
//	{{a ?? b ?? 'c'}}     the first that is neither missing nor null; literals are
//	                      strings, numbers, true, false and null
//	{{a ?? b | upper}}    filters come last and apply to what ?? has found
//	{{a | upper}}         a filter; it needs a space before the bar, since a|b is gjson's
//	{{a | join(", ")}}    with arguments; several are applied from left to right
//	{{'{{'}}              a literal {{
//	{{/* comment */}}     nothing
//	{{- a -}}             without the whitespace around the tag
//
// #name, /name and the sigils of Mustache are reserved. The filters:
//
//	upper lower title trim        of text, numbers and bools
//	truncate(n[, suffix])         to n characters, suffix included; default …
//	replace(old, new)
//	join(sep)                     of an array
//	first last len                of an array; len also of text (characters) and objects
//	json string number bool       conversions
//	default(x)                    x for missing, null, "", [] and {}; never for 0 and false
//	date(layout[, zone])          Go's layouts; of RFC 3339, in its own zone, or of an integer: Unix
//	                              seconds, from 1e12 on milliseconds, in UTC
//	url urlpath html slack discord base64 raw
//
// A missing or null value passes by filters that have no use for it; any other
// kind that a filter does not take is a [*FilterError]. [WithFilter] adds filters
// to one template.
//
// [CompileJSON] takes a JSON document whose string values are templates. The
// result is always valid JSON: values are encoded, never pasted. A string that
// is one tag and nothing else keeps the value's JSON type. This is the way to
// make a JSON body; in text templates say by [WithEscape] where the text goes:
// [HTML], [URLQuery], [URLPath], [Slack], [Discord], [Header].
//
// # Missing values
//
// A path that the data lacks is an error that lists every one with its
// position. [WithMissing] has other policies; an optional path is
// {{user.email ?? ”}} in text, and a document with [MissingOmit] leaves the member
// out. [Template.Validate] says all that is wrong with some data beforehand:
// missing paths with what may have been meant, nulls, projections that found
// less than there are items, and filters that do not take what they get.
//
// # Guarantees and limits
//
// Values are never scanned for tags. Numbers keep their text ([WithNumbers]):
// 1.10 stays 1.10, and integers of any size are exact. A null renders as nothing,
// an array or object as its JSON. Of equal names in an object the first counts,
// for a literal path the first that it leads on from.
//
// One pass over the data validates it (RFC 8259, UTF-8, depth) and finds all
// literal paths. Other paths are evaluated by gjson on the part that their
// literal beginning leads to, and differ from it in this: a string has no items,
// and a modifier makes nothing of a missing value. A body that is empty or no JSON
// is a [*DataError]; a byte order mark is skipped. With a path that begins with
// ".." the data is JSON Lines, and other paths are about its first line.
//
// [Limits] bound what a template costs: a path has at most 8 wildcards, 4 modifiers
// and 8 members of multipaths. Of gjson's modifiers pretty, dig, group and a deep
// flatten are off, since they cost without bound; [WithModifiers] turns them and
// modifiers of the process on. The size of the data is the caller's to bound
// ([http.MaxBytesReader]): each path that gjson evaluates is another pass over a
// part of it, and a template may have some hundred different ones.
//
// Templates that users write can do no more than that. Take raw from them
// ([WithoutFilters]), and note that a path that begins with ".." makes the data
// JSON Lines.
package template

import (
	"errors"
	"io"
)

// Template is a compiled text template.
type Template struct {
	part

	program *program
	literal int // bytes of the text between the tags
}

// Compile parses a text template. The error is a [*SyntaxError], or says which
// option is wrong.
func Compile(src string, opts ...Option) (*Template, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	if s.missing == MissingOmit {
		return nil, errors.New("template: MissingOmit is for documents")
	}
	return compile(src, &s)
}

func compile(src string, s *settings) (*Template, error) {
	nodes, err := parse(src, &s.config)
	if err != nil {
		return nil, err
	}
	t := &Template{part: part{src: src, nodes: nodes}, program: newProgram(s)}
	if err := t.program.add(t.part); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		t.literal += len(n.text)
	}
	return t, nil
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
// paths, wildcards and first-match queries; gjson allocates for projections,
// multipaths and modifiers. On an error dst is returned as it was.
//
// Errors: a [*DataError]; a [*ValidationError], which comes before any other
// error about values; a [*FilterError], of a filter or the escaper; or
// [ErrOutputTooLarge].
func (t *Template) Append(dst, data []byte) ([]byte, error) {
	r, err := t.program.open(data)
	if err != nil {
		return dst, err
	}
	defer t.program.done(r)
	out, err := t.append(dst, r)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (t *Template) append(dst []byte, r *room) (out []byte, err error) {
	p, limit := t.program, len(dst)+t.program.limits.MaxOutput
	out = dst
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.tag == nil {
			out = append(out, n.text...)
		} else if out, err = t.appendTag(out, r, n.tag, limit-len(out)); err != nil {
			return nil, p.failure(r, err, n.tag, t.part, t.part)
		}
		if len(out) > limit {
			return nil, ErrOutputTooLarge
		}
	}
	return out, nil
}

func (t *Template) appendTag(dst []byte, r *room, x *tag, left int) ([]byte, error) {
	p := t.program
	v, err := p.eval(r, x)
	switch {
	case err != nil:
		return nil, err
	case v.Exists():
		return p.appendText(dst, r, x, v, left)
	case p.missing == MissingError:
		return nil, ErrMissing
	default:
		return appendMissing(dst, p.missing, x), nil
	}
}

// appendMissing appends what stands for a missing value in text.
func appendMissing(dst []byte, policy MissingPolicy, t *tag) []byte {
	switch policy {
	case MissingKeep:
		return append(dst, t.src...)
	case MissingNull:
		return append(dst, "null"...)
	default:
		return dst
	}
}

// Render is [Template.Append] to a new string.
func (t *Template) Render(data []byte) (string, error) {
	b, err := t.Append(make([]byte, 0, t.literal+64), data)
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

// Validate reports what data lacks, all of it: nil, a [*ValidationError], or a
// [*DataError]. It lists more than keeps the template from rendering; see
// [ProblemKind].
func (t *Template) Validate(data []byte) error {
	return t.program.validate(data, t.part)
}

// Paths lists the paths of the template, each once, in the order of first use.
func (t *Template) Paths() []PathRef { return appendPaths(nil, t.src, t.nodes, "") }
