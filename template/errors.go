package template

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrOutputTooLarge is returned when a rendering exceeds [Limits.MaxOutput].
var ErrOutputTooLarge = errors.New("template: output too large")

// Pos is a place in a template's source.
type Pos struct {
	Offset int // bytes, from 0
	Line   int // from 1
	Column int // characters, from 1
}

func position(src string, offset int) Pos {
	before := src[:offset]
	line := strings.LastIndexByte(before, '\n') + 1
	return Pos{Offset: offset, Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1}
}

// SyntaxError says why and where a template does not compile.
type SyntaxError struct {
	Pos            // of the offending text; of the tag's {{ when the tag is not closed
	Pointer string // in a document, the JSON pointer (RFC 6901) of the string
	Name    string // of [WithName]
	Msg     string
	Hint    string // how to write it, or empty
	Snippet string // the line, and below it a caret under Pos
}

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

// snippet shows the line around pos, cut to a readable width.
func snippet(src string, pos Pos) string {
	start := strings.LastIndexByte(src[:pos.Offset], '\n') + 1
	line, _, _ := strings.Cut(src[start:], "\n")
	at := pos.Column - 1
	runes := []rune(line)
	if from := max(at-30, 0); from > 0 {
		runes, at = runes[from:], at-from
	}
	if len(runes) > 72 {
		runes = runes[:72]
	}
	return string(runes) + "\n" + strings.Repeat(" ", at) + "^"
}

// DataError says why data cannot be read. It never contains a part of it.
type DataError struct {
	Offset int // bytes
	Msg    string
}

func (e *DataError) Error() string {
	return fmt.Sprintf("template: data: %s at offset %d", e.Msg, e.Offset)
}

// ValidationError lists every path of a template that the data lacks.
type ValidationError struct {
	Name     string // of [WithName]
	Problems []Problem
}

// Problem is one missing path at one place of a template.
type Problem struct {
	Use
	Path    string
	Prefix  string // the longest part of Path that does exist; may be empty
	Suggest string // a path that exists and is spelled alike, or empty
}

// Use is a place where a path is used: the position of the tag's {{ and, in a
// document, the JSON pointer (RFC 6901) of the string.
type Use struct {
	Pos
	Pointer string
}

func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString("template")
	if e.Name != "" {
		fmt.Fprintf(&b, " %q", e.Name)
	}
	b.WriteString(": missing in the data")
	for i, p := range e.Problems {
		sep := ","
		if i == 0 {
			sep = ":"
		}
		fmt.Fprintf(&b, "%s %s (", sep, p.Path)
		if p.Pointer != "" {
			b.WriteString(p.Pointer + " ")
		}
		fmt.Fprintf(&b, "%d:%d", p.Line, p.Column)
		if p.Suggest != "" {
			fmt.Fprintf(&b, ", did you mean %s?", p.Suggest)
		}
		b.WriteByte(')')
	}
	return b.String()
}
