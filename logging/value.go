package logging

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// value writes v.
func (l *line) value(v slog.Value) {
	switch v.Kind() {
	case slog.KindString:
		l.text(v.String())
	case slog.KindInt64:
		l.int(v.Int64())
	case slog.KindUint64:
		l.uint(v.Uint64())
	case slog.KindFloat64:
		l.buf = appendFloat(l.buf, v.Float64(), 64)
	case slog.KindBool:
		l.buf = strconv.AppendBool(l.buf, v.Bool())
	case slog.KindDuration:
		l.buf = appendMillis(l.buf, v.Duration())
	case slog.KindTime:
		l.time(v.Time())
	case slog.KindGroup:
		l.object(v.Group())
	case slog.KindLogValuer:
		l.value(resolve(v))
	case slog.KindAny:
		l.dynamic(reflect.ValueOf(v.Any()))
	}
}

func (l *line) int(i int64) {
	if l.quote {
		l.buf = append(strconv.AppendInt(append(l.buf, '"'), i, 10), '"')
		return
	}
	l.buf = strconv.AppendInt(l.buf, i, 10)
}

func (l *line) uint(i uint64) {
	if l.quote {
		l.buf = append(strconv.AppendUint(append(l.buf, '"'), i, 10), '"')
		return
	}
	l.buf = strconv.AppendUint(l.buf, i, 10)
}

// number writes a JSON number.
func (l *line) number(s []byte) {
	if l.quote && !bytes.ContainsAny(s, ".eE") {
		l.buf = append(append(append(l.buf, '"'), s...), '"')
		return
	}
	l.buf = append(l.buf, s...)
}

func (l *line) time(t time.Time) {
	l.buf = append(l.buf, '"')
	l.buf = t.UTC().AppendFormat(l.buf, time.RFC3339Nano)
	l.buf = append(l.buf, '"')
}

// object writes a group that is no attribute's own value: an element of a map
// or slice.
func (l *line) object(attrs []slog.Attr) {
	if l.beyond() {
		return
	}
	l.buf = append(l.buf, '{')
	first := len(l.members)
	l.frames = append(l.frames, frame{}) // not the first, so nothing is renamed or reserved
	l.frames[len(l.frames)-1].first = first
	for _, a := range attrs {
		l.attr(a)
	}
	l.frames = l.frames[:len(l.frames)-1]
	l.endList('}', len(l.members) > first)
	l.members = l.members[:first]
}

// endList closes an object or array whose elements have commas behind them.
func (l *line) endList(with byte, some bool) {
	if some {
		l.buf = l.buf[:len(l.buf)-1]
	}
	l.buf = append(l.buf, with)
}

// beyond reports, and writes, that the value to come is left out.
func (l *line) beyond() bool {
	if l.depth+len(l.frames) <= maxDepth {
		return false
	}
	l.leaveOut(tooDeep)
	return true
}

func (l *line) leaveOut(why string) {
	l.hits++
	l.buf = append(l.buf, why...)
}

const (
	tooDeep   = `"(too deep)"`
	truncated = `"(truncated)"`
	cycle     = `"(cycle)"`
)

// dynamic writes a value of any type. A panic in one of its methods ends this
// value, not the line.
func (l *line) dynamic(v reflect.Value) {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		l.buf = append(l.buf, "null"...)
		return
	}
	if l.beyond() {
		return
	}
	size, members, frames, path, depth, quote := len(l.buf), len(l.members), len(l.frames), len(l.path), l.depth, l.quote
	defer func() {
		l.depth, l.quote = depth, quote
		if recover() != nil {
			l.buf, l.members, l.frames, l.path = l.buf[:size], l.members[:members], l.frames[:frames], l.path[:path]
			l.text("!PANIC: " + v.Type().String())
		}
	}()
	l.depth++
	switch info := l.typeOf(v.Type()); info.renders {
	case byReflection:
	case byUs:
		l.known(v)
		return
	default:
		l.rendered(v, info)
		return
	}
	switch v.Kind() {
	case reflect.Map, reflect.Pointer, reflect.Slice:
		if v.IsNil() {
			l.buf = append(l.buf, "null"...)
			return
		}
		at := visit{v.Type(), v.Pointer()}
		if slices.Contains(l.path, at) {
			l.leaveOut(cycle)
			return
		}
		l.path = append(l.path, at)
		l.composite(v)
		l.path = l.path[:path]
	default:
		l.composite(v)
	}
}

// known writes a value that we render in a way of our own.
func (l *line) known(v reflect.Value) {
	switch x := v.Interface().(type) {
	case time.Duration:
		l.buf = appendMillis(l.buf, x)
	case time.Time:
		l.time(x)
	case json.RawMessage:
		if json.Valid(x) {
			l.json(x)
		} else {
			l.bytes(x)
		}
	case json.Number:
		if s := x.String(); strings.Trim(s, "0123456789+-.eE") == "" && json.Valid([]byte(s)) {
			l.number([]byte(s))
		} else {
			l.text(s)
		}
	case slog.Value:
		l.value(x)
	case slog.Attr:
		l.object([]slog.Attr{x})
	case url.Userinfo:
		l.user(&x)
	case http.Cookie:
		l.cookie(&x)
	}
}

// composite writes v by its kind.
func (l *line) composite(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		l.dynamic(v.Elem())
	case reflect.Map:
		l.mapping(v)
	case reflect.Struct:
		l.structure(v)
	case reflect.Slice, reflect.Array:
		l.sequence(v)
	case reflect.String:
		l.text(v.String())
	case reflect.Bool:
		l.buf = strconv.AppendBool(l.buf, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		l.int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		l.uint(v.Uint())
	case reflect.Float32, reflect.Float64:
		l.buf = appendFloat(l.buf, v.Float(), v.Type().Bits())
	case reflect.Complex64, reflect.Complex128:
		l.text(strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits()))
	default: // functions, channels: there is nothing to read
		l.text("(" + v.Type().String() + ")")
	}
}

func (l *line) sequence(v reflect.Value) {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		l.bytes(v.Bytes())
		return
	}
	l.buf = append(l.buf, '[')
	for i := range v.Len() {
		l.dynamic(v.Index(i))
		l.buf = append(l.buf, ',')
		if len(l.buf) > maxLine {
			l.leaveOut(truncated + ",")
			break
		}
	}
	l.endList(']', v.Len() > 0)
}

func (l *line) mapping(v reflect.Value) {
	type entry struct {
		key   string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		entries = append(entries, entry{l.mapKey(it.Key()), it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	l.buf = append(l.buf, '{')
	o := object{first: len(l.members)}
	for _, e := range entries {
		if !l.element(&o, e.key, e.value, l.verdict(e.key)) {
			break
		}
	}
	l.endObject(&o, len(entries) > 0)
}

func (l *line) structure(v reflect.Value) {
	l.buf = append(l.buf, '{')
	o := object{first: len(l.members)}
	some := false
	for _, f := range l.typeOf(v.Type()).fields {
		value, err := v.FieldByIndexErr(f.index)
		if err != nil || f.omit != nil && f.omit(value) {
			continue // in an embedded pointer that is nil, or empty
		}
		some = true
		if f.quoted && l.quotedField(&o, f, value) {
			continue
		}
		if !l.element(&o, f.name, value, f.verdict) {
			break
		}
	}
	l.endObject(&o, some)
}

// endObject closes an object and forgets its members.
func (l *line) endObject(o *object, some bool) {
	l.endList('}', some)
	l.members = l.members[:o.first]
}

// element writes one member of a map or struct. It reports whether there is
// room for more.
func (l *line) element(o *object, key string, v reflect.Value, of verdict) bool {
	if len(l.buf) > maxLine {
		l.leaveOut(`"(truncated)":true,`)
		return false
	}
	m := l.elementKey(key)
	if of == shown || of == counted && isNumeric(v) {
		outer := l.quote
		l.quote = l.isID(key)
		l.dynamic(v)
		l.quote = outer
	} else {
		l.mask()
	}
	l.add(o, m)
	return true
}

// elementKey writes the key of an element.
func (l *line) elementKey(key string) member {
	m := member{start: len(l.buf)}
	l.name(key)
	m.keyEnd = len(l.buf)
	l.buf = append(l.buf, `":`...)
	return m
}

// quotedField writes a field with the option string, if it is one of those that
// encoding/json writes as a string.
func (l *line) quotedField(o *object, f field, v reflect.Value) bool {
	if f.verdict != shown {
		return false
	}
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if !isNumeric(v) && v.Kind() != reflect.Bool || l.typeOf(v.Type()).renders != byReflection {
		return false
	}
	m := l.elementKey(f.name)
	l.buf = append(l.buf, '"')
	outer := l.quote
	l.quote = false
	l.composite(v)
	l.quote = outer
	l.buf = append(l.buf, '"')
	l.add(o, m)
	return true
}

func isNumeric(v reflect.Value) bool {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v.IsValid() && (v.CanInt() || v.CanUint() || v.CanFloat())
}

func (l *line) mapKey(k reflect.Value) string {
	if k.Kind() == reflect.Interface {
		k = k.Elem()
	}
	if !k.IsValid() {
		return "null"
	}
	if info := l.typeOf(k.Type()); info.renders != byReflection {
		return l.keyText(k, info)
	}
	switch k.Kind() {
	case reflect.String:
		return k.String()
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64:
		return fmt.Sprint(k.Interface())
	}
	return "(" + k.Type().String() + ")"
}

// bytes writes b as what it most likely is.
func (l *line) bytes(b []byte) {
	switch {
	case b == nil:
		l.buf = append(l.buf, "null"...)
	case jsonDocument(b):
		l.json(b)
	case utf8.Valid(b):
		l.text(string(b))
	case l.secretIn(string(b)):
		l.mask()
	default:
		l.buf = append(l.buf, '"')
		l.buf = base64.StdEncoding.AppendEncode(l.buf, b)
		l.buf = append(l.buf, '"')
	}
}
