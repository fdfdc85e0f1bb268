package logging

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
)

// rendered writes v as it renders itself.
func (l *line) rendered(v reflect.Value, info *typeInfo) {
	x, ok := receiver(v, info)
	if !ok {
		l.buf = append(l.buf, "null"...)
		return
	}
	switch info.renders {
	case byMask:
		l.mask()
	case byLogValue:
		l.value(resolve(slog.AnyValue(x)))
	case byMarshalJSON:
		m, _ := x.(json.Marshaler)
		b, err := m.MarshalJSON()
		switch {
		case err != nil:
			l.text("!ERROR: " + err.Error())
		case !json.Valid(b):
			l.text("!ERROR: MarshalJSON of " + v.Type().String() + " is no JSON")
		default:
			l.json(b)
		}
	default:
		s, err := textOf(x, info.renders)
		if err != nil {
			s = "!ERROR: " + err.Error()
		}
		l.text(s)
	}
}

// keyText is a key of a map, as it renders itself.
func (l *line) keyText(k reflect.Value, info *typeInfo) string {
	x, ok := receiver(k, info)
	if !ok {
		return "null"
	}
	switch info.renders {
	case byLogValue:
		return resolve(slog.AnyValue(x)).String()
	case byMarshalJSON, byMask:
		return "(" + k.Type().String() + ")"
	case byUs:
		return fmt.Sprint(x)
	}
	s, err := textOf(x, info.renders)
	if err != nil {
		return "!ERROR: " + k.Type().String()
	}
	return s
}

func textOf(x any, how rendering) (string, error) {
	switch how {
	case byError:
		err, _ := x.(error)
		return err.Error(), nil
	case byMarshalText:
		m, _ := x.(encoding.TextMarshaler)
		b, err := m.MarshalText()
		return string(b), err
	default:
		s, _ := x.(fmt.Stringer)
		return s.String(), nil
	}
}

// receiver returns what has the methods, unless it is a nil pointer.
func receiver(v reflect.Value, info *typeInfo) (any, bool) {
	switch {
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil, false
		}
	case info.pointer && v.CanAddr():
		v = v.Addr()
	case info.pointer:
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		v = p
	}
	return v.Interface(), true
}

// resolve calls LogValue until there is a value.
func resolve(v slog.Value) slog.Value {
	for range 8 {
		if v.Kind() != slog.KindLogValuer {
			return v
		}
		v = logValue(v.LogValuer())
	}
	return slog.StringValue("!ERROR: LogValue of " + reflect.TypeOf(v.Any()).String() + " does not end")
}

func logValue(x slog.LogValuer) (v slog.Value) {
	defer func() {
		if recover() == nil {
			return
		}
		if p := reflect.ValueOf(x); p.Kind() == reflect.Pointer && p.IsNil() {
			v = slog.AnyValue(nil)
			return
		}
		v = slog.StringValue("!PANIC: " + reflect.TypeOf(x).String())
	}()
	return x.LogValue()
}

// user writes the user information of a URL without its password; when it has
// none, it may be a token.
func (l *line) user(u *url.Userinfo) {
	_, ok := u.Password()
	switch {
	case l.unmasked:
		l.text(u.String())
	case ok:
		l.hits++
		l.text(u.Username() + ":" + mask)
	default:
		l.mask()
	}
}

// cookie writes the name of a cookie. Most of them are sessions.
func (l *line) cookie(c *http.Cookie) {
	if l.unmasked {
		l.text(c.String())
		return
	}
	l.hits++
	l.text(c.Name + "=" + mask)
}
