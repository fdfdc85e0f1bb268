package logging

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"
)

// rendering is the way in which values of a type are rendered.
type rendering int

const (
	byReflection rendering = iota
	byUs
	byLogValue
	byError
	byMarshalJSON
	byMarshalText
	byString
)

// typeInfo is what there is to know of a type.
type typeInfo struct {
	renders rendering
	pointer bool    // the methods are those of a pointer to the type
	fields  []field // of a struct that does not render itself
}

// field is a field of a struct, perhaps of an embedded one.
type field struct {
	name   string
	index  []int
	masked bool
	omit   func(reflect.Value) bool
}

func (c *core) typeOf(t reflect.Type) *typeInfo {
	if known, ok := c.types.Load(t); ok {
		info, _ := known.(*typeInfo)
		return info
	}
	info := &typeInfo{renders: renderingOf(t)}
	if info.renders == byReflection && t.Kind() != reflect.Pointer {
		info.renders = renderingOf(reflect.PointerTo(t))
		info.pointer = info.renders != byReflection
	}
	if info.renders == byReflection && t.Kind() == reflect.Struct {
		info.fields = c.fieldsOf(t)
	}
	c.types.Store(t, info)
	return info
}

func renderingOf(t reflect.Type) rendering {
	switch {
	case ours(t):
		return byUs
	case t.Kind() == reflect.Pointer && ours(t.Elem()):
		return byReflection
	case t.Implements(reflect.TypeFor[slog.LogValuer]()):
		return byLogValue
	case t.Implements(reflect.TypeFor[error]()):
		return byError
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return byMarshalJSON
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return byMarshalText
	case t.Implements(reflect.TypeFor[fmt.Stringer]()):
		return byString
	}
	return byReflection
}

func ours(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[time.Duration](), reflect.TypeFor[time.Time](), reflect.TypeFor[json.RawMessage](),
		reflect.TypeFor[json.Number](), reflect.TypeFor[slog.Value](), reflect.TypeFor[slog.Attr]():
		return true
	}
	return false
}

func (c *core) fieldsOf(t reflect.Type) []field {
	var fields []field
	var closed [][]int // embedded fields that are written as one value
	taken := map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		if slices.ContainsFunc(closed, func(index []int) bool {
			return len(f.Index) > len(index) && slices.Equal(f.Index[:len(index)], index)
		}) {
			continue
		}
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if f.Anonymous {
			if name == "" && opens(f.Type) {
				continue // its fields follow
			}
			closed = append(closed, f.Index)
		}
		if name == "" {
			name = f.Name
		}
		if tag == "-" || !f.IsExported() || taken[name] {
			continue
		}
		taken[name] = true
		fields = append(fields, field{
			name: name, index: f.Index, omit: omission(options),
			masked: c.keys.match(name) || c.keys.match(f.Name),
		})
	}
	return fields
}

// opens reports whether the fields of the embedded type t stand among those of
// the struct around it.
func opens(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && renderingOf(t) == byReflection && renderingOf(reflect.PointerTo(t)) == byReflection
}

func omission(options string) func(reflect.Value) bool {
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitzero":
			return reflect.Value.IsZero
		case "omitempty":
			return func(v reflect.Value) bool {
				switch v.Kind() {
				case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
					return v.Len() == 0
				case reflect.Struct:
					return false
				}
				return v.IsZero()
			}
		}
	}
	return nil
}
