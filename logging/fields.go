package logging

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is a field of a struct, perhaps of an embedded one.
type field struct {
	name    string
	index   []int
	verdict verdict
	omit    func(reflect.Value) bool
	quoted  bool // the option string
	tagged  bool
}

// fieldsOf are the fields that encoding/json writes, in its order. Of several
// with one name the least nested counts, of these the one whose tag says the
// name, and none if there are several still.
func (c *core) fieldsOf(t reflect.Type) []field {
	all := c.candidates(t, nil, nil)
	return slices.DeleteFunc(slices.Clone(all), func(f field) bool {
		for _, other := range all {
			if other.name == f.name && !slices.Equal(other.index, f.index) && !dominates(f, other) {
				return true
			}
		}
		return false
	})
}

func dominates(f, other field) bool {
	if len(f.index) != len(other.index) {
		return len(f.index) < len(other.index)
	}
	return f.tagged && !other.tagged
}

// candidates are the fields of t, and of the structs that are embedded in it,
// except those that are being looked through already.
func (c *core) candidates(t reflect.Type, index []int, within []reflect.Type) []field {
	var fields []field
	within = append(slices.Clip(within), t)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if strings.ContainsFunc(name, unfit) {
			name = ""
		}
		at := append(slices.Clip(index), i)
		if f.Anonymous && name == "" {
			if inner := embedded(f.Type); inner != nil {
				if (f.IsExported() || f.Type.Kind() != reflect.Pointer) && !slices.Contains(within, inner) {
					fields = append(fields, c.candidates(inner, at, within)...)
				}
				continue
			}
		}
		if !f.IsExported() {
			continue
		}
		tagged := name != ""
		if !tagged {
			name = f.Name
		}
		fields = append(fields, field{
			name: name, index: at, tagged: tagged, quoted: hasOption(options, "string"), omit: omission(options, f.Type),
			verdict: max(c.verdict(name), c.verdict(f.Name)),
		})
	}
	return fields
}

// unfit reports whether encoding/json takes no name from a tag with r.
func unfit(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
}

// embedded returns the struct whose fields stand among those of the struct around
// it, or nil when t is written as one value.
func embedded(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && renderingOf(t) == byReflection && renderingOf(reflect.PointerTo(t)) == byReflection {
		return t
	}
	return nil
}

func hasOption(options, name string) bool {
	return slices.Contains(strings.Split(options, ","), name)
}

// omission tells the values that are left out, if there are any.
func omission(options string, t reflect.Type) func(reflect.Value) bool {
	zero, empty := hasOption(options, "omitzero"), hasOption(options, "omitempty")
	if !zero && !empty {
		return nil
	}
	own := zero && t.Implements(reflect.TypeFor[interface{ IsZero() bool }]())
	return func(v reflect.Value) bool {
		switch {
		case empty && isEmpty(v):
			return true
		case !zero:
			return false
		case v.IsZero():
			return true
		case own:
			x, ok := reflect.TypeAssert[interface{ IsZero() bool }](v)
			return ok && x.IsZero()
		}
		return false
	}
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
