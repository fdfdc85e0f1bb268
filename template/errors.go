package template

import (
	"errors"
	"fmt"
	"strings"
)

// ErrOutputTooLarge is returned when a rendering exceeds [Limits.MaxOutput].
var ErrOutputTooLarge = errors.New("template: output too large")

// ErrMissing is what a [*ValidationError] is, in the sense of [errors.Is], when
// one of its problems is a missing path.
var ErrMissing = errors.New("template: missing in the data")

// DataError says why data, or the document given to [CompileJSON], cannot be
// read. It never contains a part of it.
type DataError struct {
	Offset int // bytes
	Msg    string
}

func (e *DataError) Error() string {
	return fmt.Sprintf("template: data: %s at offset %d", e.Msg, e.Offset)
}

// ValidationError lists all that is wrong between a template and data.
type ValidationError struct {
	Name     string // of [WithName]
	Problems []Problem
}

// Problem is what is wrong with one path at one place of a template. It names
// paths of the template and members of the data, never values.
type Problem struct {
	Use
	Path    string
	Kind    ProblemKind
	Prefix  string // of a missing path: the longest part of it that does exist; may be empty
	Suggest string // of a missing path: one that exists and is spelled alike, or empty
	Detail  string // of other problems: what was found, such as "3 of 5"
}

// ProblemKind says what is wrong.
type ProblemKind uint8

// The kinds of problem. Only the first, and a type, keep a template from
// rendering under [MissingError].
const (
	ProblemMissing           ProblemKind = iota // no value, and no other operand of the tag has one
	ProblemNull                                 // the value is null and renders as nothing
	ProblemEmptyProjection                      // #.x found x in none of the items
	ProblemPartialProjection                    // #.x found x in some of the items
	ProblemType                                 // a filter does not take what was found
)

func (k ProblemKind) String() string {
	switch k {
	case ProblemMissing:
		return "missing"
	case ProblemNull:
		return "null"
	case ProblemEmptyProjection:
		return "empty projection"
	case ProblemPartialProjection:
		return "partial projection"
	case ProblemType:
		return "type mismatch"
	default:
		return "unknown"
	}
}

// Is makes an error with a missing path an [ErrMissing].
func (e *ValidationError) Is(target error) bool {
	if target == ErrMissing {
		for _, p := range e.Problems {
			if p.Kind == ProblemMissing {
				return true
			}
		}
	}
	return false
}

// Fatal reports whether one of the problems keeps the template from rendering
// under [MissingError]. Nulls, and projections that found less than there is, do
// not.
func (e *ValidationError) Fatal() bool {
	for _, p := range e.Problems {
		if p.Kind == ProblemMissing || p.Kind == ProblemType {
			return true
		}
	}
	return false
}

func (e *ValidationError) Error() string {
	var b strings.Builder
	b.WriteString("template")
	if e.Name != "" {
		fmt.Fprintf(&b, " %q", e.Name)
	}
	b.WriteString(":")
	for i, p := range e.Problems {
		switch {
		case i > 0 && p.Kind == e.Problems[i-1].Kind:
			b.WriteString(",")
		case p.Kind == ProblemMissing:
			b.WriteString(sep(i) + " missing in the data:")
		default:
			b.WriteString(sep(i) + " " + p.Kind.String() + ":")
		}
		b.WriteString(" " + p.Path + " (")
		if p.Pointer != "" {
			b.WriteString(p.Pointer + " ")
		}
		fmt.Fprintf(&b, "%d:%d", p.Line, p.Column)
		if p.Suggest != "" {
			fmt.Fprintf(&b, ", did you mean %s?", p.Suggest)
		}
		if p.Detail != "" {
			b.WriteString(", " + p.Detail)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// sep stands between problems of different kinds.
func sep(i int) string {
	if i == 0 {
		return ""
	}
	return ";"
}
