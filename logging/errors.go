package logging

import (
	"log/slog"
	"reflect"
)

// err writes an attribute that is an error: its text, and next to it its type.
func (l *line) err(a slog.Attr, err error) {
	name := l.nameOf(a.Key)
	m := l.key(name, false)
	l.under(a.Key, a.Value)
	l.end(m)
	if p := reflect.ValueOf(err); p.Kind() == reflect.Pointer && p.IsNil() {
		return
	}
	m = l.key(name, true)
	l.buf = append(l.buf, '"')
	l.buf = appendEscaped(l.buf, errorType(err))
	l.buf = append(l.buf, '"')
	l.end(m)
}

// errorType is the name of the first type in err's chain that says something:
// what fmt.Errorf and errors.Join return only hold others.
func errorType(err error) string {
	for range maxDepth {
		switch reflect.TypeOf(err).String() {
		case "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError":
		default:
			return reflect.TypeOf(err).String()
		}
		next := wrapped(err)
		if next == nil {
			break
		}
		err = next
	}
	return reflect.TypeOf(err).String()
}

// wrapped is what a wrapper of the standard library holds, or the first of it.
func wrapped(err error) error {
	switch x := err.(type) { //nolint:errorlint // the wrapper itself is meant
	case interface{ Unwrap() error }:
		return x.Unwrap()
	case interface{ Unwrap() []error }:
		for _, first := range x.Unwrap() {
			return first
		}
	}
	return nil
}
