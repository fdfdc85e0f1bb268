package template

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pos is a place in a template's source.
type Pos struct {
	Offset int // bytes, from 0
	Line   int // from 1
	Column int // characters, from 1
}

// Use is a place where a path is used: the position of the tag that holds it
// and, in a document, the JSON pointer (RFC 6901) of the string.
type Use struct {
	Pos
	Pointer string
}

// SyntaxError says why and where a template does not compile. Its parts come
// from the template, never from data.
type SyntaxError struct {
	Pos            // of the offending text; of the tag's opening when the tag is not closed
	Pointer string // in a document, the JSON pointer (RFC 6901) of the string
	Name    string // of [WithName]
	Msg     string
	Hint    string // how to write it, or empty
	Snippet string // the line, and below it a caret under Pos
}

// Error is one line: the name, the place, the message and the hint.
func (e *SyntaxError) Error() string {
	s := "template: "
	if e.Name != "" {
		s = fmt.Sprintf("template %q: ", e.Name)
	}
	if e.Pointer != "" {
		s += e.Pointer + ": "
	}
	s += fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

func syntaxError(src, name string, offset int, msg, hint string) *SyntaxError {
	pos := position(src, offset)
	return &SyntaxError{Pos: pos, Name: name, Msg: msg, Hint: hint, Snippet: snippet(src, pos)}
}

func position(src string, offset int) Pos {
	l := locator{src: src}
	return l.at(offset)
}

// locator finds the positions of rising offsets in one pass over a source.
type locator struct {
	src  string
	last Pos // the zero value is the start
}

func (l *locator) at(offset int) Pos {
	if l.last.Line == 0 {
		l.last = Pos{Line: 1, Column: 1}
	}
	between := l.src[l.last.Offset:offset]
	if i := strings.LastIndexByte(between, '\n'); i >= 0 {
		l.last.Line += strings.Count(between, "\n")
		l.last.Column = 1
		between = between[i+1:]
	}
	l.last.Column += utf8.RuneCountInString(between)
	l.last.Offset = offset
	return l.last
}

// The part of a line that a snippet shows.
const (
	snippetBefore = 30 // characters in front of the caret
	snippetWidth  = 72
)

// snippet shows the line around pos, cut to a readable width. The caret's line
// repeats the tabs, so that it stands right whatever their width is.
func snippet(src string, pos Pos) string {
	start := strings.LastIndexByte(src[:pos.Offset], '\n') + 1
	line, _, _ := strings.Cut(src[start:], "\n")
	runes := []rune(strings.TrimSuffix(line, "\r"))
	at := min(pos.Column-1, len(runes))
	if from := at - snippetBefore; from > 0 {
		runes, at = runes[from:], snippetBefore
	}
	runes = runes[:min(len(runes), snippetWidth)]
	caret := make([]rune, 0, at+1)
	for i, r := range runes {
		if unicode.IsControl(r) && r != '\t' {
			runes[i] = utf8.RuneError // a terminal would obey it
		}
		switch {
		case i >= at:
		case r == '\t':
			caret = append(caret, '\t')
		default:
			caret = append(caret, ' ')
		}
	}
	return string(runes) + "\n" + string(append(caret, '^'))
}
