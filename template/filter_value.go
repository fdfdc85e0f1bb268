package template

import (
	"errors"
	"strconv"
)

// appendValue appends a value as a filter returns it.
func appendValue(dst []byte, v Value) ([]byte, Kind, error) {
	switch v.kind {
	case KindMissing:
		return dst, KindMissing, nil
	case KindString:
		return v.AppendText(dst), KindString, nil
	default:
		return append(dst, v.raw...), v.kind, nil
	}
}

func filterRaw(dst []byte, in Value, _ []Value) ([]byte, Kind, error) { return appendValue(dst, in) }

func filterDefault(dst []byte, in Value, args []Value) ([]byte, Kind, error) {
	if in.isEmpty() {
		in = args[0]
	}
	return appendValue(dst, in)
}

func filterFirst(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	w := walk(in)
	w.next()
	return appendValue(dst, w.item)
}

func filterLast(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	w := walk(in)
	for w.next() {
	}
	return appendValue(dst, w.item)
}

// prepareJoin makes join(sep): each item as text, so that nothing stands for a
// null, and JSON for an array or object.
func prepareJoin(args []Value, limit int) (FilterFunc, *argError) {
	sep := args[0].String()
	return func(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
		mark := len(dst)
		out := dst
		w := walk(in)
		for first := true; w.next(); first = false {
			if !first {
				out = append(out, sep...)
			}
			if out = w.item.AppendText(out); len(out)-mark > limit {
				return dst, KindMissing, ErrOutputTooLarge
			}
		}
		return out, KindString, nil
	}, nil
}

func filterLen(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	return strconv.AppendInt(dst, int64(in.Len()), 10), KindNumber, nil
}

func filterJSON(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	if in.kind >= KindArray {
		return appendCompact(dst, in.raw), KindString, nil
	}
	return in.AppendJSON(dst), KindString, nil
}

func filterString(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	return in.AppendText(dst), KindString, nil
}

// filterNumber takes a string that is a number of JSON, without space around it.
func filterNumber(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	out := in.AppendText(dst)
	if !isNumber(stringOf(out[len(dst):])) {
		return dst, KindMissing, errors.New("the string is not a number")
	}
	return out, KindNumber, nil
}

func filterBool(dst []byte, in Value, _ []Value) ([]byte, Kind, error) {
	out := in.AppendText(dst)
	if s := string(out[len(dst):]); s != "true" && s != "false" {
		return dst, KindMissing, errors.New("the string is neither true nor false")
	}
	return out, KindBool, nil
}
