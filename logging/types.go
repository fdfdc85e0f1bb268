package logging

import (
	"crypto"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"time"
)

// rendering is the way in which values of a type are rendered.
type rendering int

const (
	byReflection rendering = iota
	byUs
	byMask
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
	case t.Implements(reflect.TypeFor[interface{ Public() crypto.PublicKey }]()):
		return byMask // a private key
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
		reflect.TypeFor[json.Number](), reflect.TypeFor[slog.Value](), reflect.TypeFor[slog.Attr](),
		reflect.TypeFor[url.Userinfo](), reflect.TypeFor[http.Cookie]():
		return true
	}
	return false
}
