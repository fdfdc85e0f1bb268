package logging

import (
	"bytes"
	"log/slog"
	"reflect"
)

const (
	maxDepth = 32
	maxLine  = 1 << 20
)

// line is a record being rendered. Each member of an object is written with a
// comma behind it, and closing an object turns the last comma into a brace: so
// a member can be taken out wherever it stands.
type line struct {
	*core

	buf     []byte
	members []member // of the open objects, outermost first
	frames  []frame  // the open objects
	path    []visit  // what the value being rendered is part of
	depth   int
	ended   int  // how many members were written
	hits    int  // how often something was masked or left out
	hide    bool // mask every value
	quote   bool // integers are strings

	literals *literals // nil: none
}

// maxUnique is how many members of an object are looked through for a key that
// comes again: who fills an object with short keys must not make lines slow.
const maxUnique = 1024

// member is where one member of an object stands in the buffer.
type member struct {
	start  int // the opening quote of the key
	keyEnd int // the closing quote
	end    int // behind the comma
}

// frame is an open group.
type frame struct {
	object

	self member // the member that it is the value of; end is not known yet
}

// object tells the members of an open object from those around it.
type object struct {
	first int    // its first member's index
	seen  uint64 // a bit for each key: when it is clear, the key is new
}

// visit is a reference that was followed.
type visit struct {
	typ reflect.Type
	ptr uintptr
}

// load appends what h has rendered. The line's own frame is the only open one.
func (l *line) load(h *Handler) {
	base, own := len(l.buf), len(l.members)
	l.buf = append(l.buf, h.pre...)
	for _, m := range h.members {
		l.members = append(l.members, m.moved(base))
	}
	l.frames[0].seen |= h.frames[0].seen
	for _, f := range h.frames[1:] {
		f.self = f.self.moved(base)
		f.first += own
		l.frames = append(l.frames, f)
	}
}

// dropIfIn takes the last member back when h has one of the same key, which is
// to follow.
func (l *line) dropIfIn(h *Handler) {
	if len(l.members) == 0 {
		return
	}
	last := l.members[len(l.members)-1]
	key := l.buf[last.start:last.keyEnd]
	if h.frames[0].seen&keyBit(key) == 0 {
		return
	}
	top := h.members
	if len(h.frames) > 1 {
		top = top[:h.frames[1].first]
	}
	for _, m := range top {
		if bytes.Equal(h.pre[m.start:m.keyEnd], key) {
			l.buf = l.buf[:last.start]
			l.members = l.members[:len(l.members)-1]
			return
		}
	}
}

func (m member) moved(by int) member {
	return member{m.start + by, m.keyEnd + by, m.end + by}
}

// open opens those of the groups that are not open yet.
func (l *line) open(groups []string) {
	for _, name := range groups[len(l.frames)-1:] {
		l.openGroup(name)
	}
}

func (l *line) openGroup(name string) {
	self := l.key(attrName{name: name}, false)
	l.buf = append(l.buf, '{')
	l.frames = append(l.frames, frame{object{first: len(l.members)}, self})
}

// close closes the innermost object, or takes it back when it is empty.
func (l *line) close() {
	f := l.frames[len(l.frames)-1]
	l.frames = l.frames[:len(l.frames)-1]
	if len(l.members) == f.first {
		l.buf = l.buf[:f.self.start]
		return
	}
	l.members = l.members[:f.first]
	l.buf[len(l.buf)-1] = '}'
	l.end(f.self)
}

// key writes the key of a member; typ makes it that of the type of an error.
func (l *line) key(name attrName, typ bool) member {
	m := member{start: len(l.buf)}
	text := name.name
	switch {
	case !typ:
		l.name(text)
	case name.typ != "":
		text = name.typ
		l.name(text)
	default:
		l.name(text)
		l.buf = append(l.buf, "_type"...)
	}
	if len(l.frames) == 1 && l.table.reserves(text) {
		l.buf = append(l.buf, "_attr"...)
	}
	m.keyEnd = len(l.buf)
	l.buf = append(l.buf, `":`...)
	return m
}

// nameOf is what the schema calls an attribute of the innermost object.
func (l *line) nameOf(key string) attrName {
	if len(l.frames) == 1 && len(l.table.attrs) > 0 {
		if name, ok := l.table.attrs[key]; ok {
			return name
		}
	}
	return attrName{name: key}
}

// end ends a member of the innermost group, whose value has just been written.
func (l *line) end(m member) {
	l.ended++
	l.add(&l.frames[len(l.frames)-1].object, m)
}

// add ends a member of o, and takes out an earlier one of the same key.
func (l *line) add(o *object, m member) {
	l.buf = append(l.buf, ',')
	m.end = len(l.buf)
	bit := keyBit(l.buf[m.start:m.keyEnd])
	if o.seen&bit != 0 && len(l.members)-o.first < maxUnique {
		m = l.takeOut(o.first, m)
	}
	o.seen |= bit
	l.members = append(l.members, m)
}

// takeOut takes out the member from first on that has the key of m, and returns
// where m stands then.
func (l *line) takeOut(first int, m member) member {
	for i := first; i < len(l.members); i++ {
		old := l.members[i]
		if !bytes.Equal(l.buf[old.start:old.keyEnd], l.buf[m.start:m.keyEnd]) {
			continue
		}
		size := old.end - old.start
		l.buf = append(l.buf[:old.start], l.buf[old.end:]...)
		l.members = append(l.members[:i], l.members[i+1:]...)
		for j := i; j < len(l.members); j++ {
			l.members[j] = l.members[j].moved(-size)
		}
		return m.moved(-size)
	}
	return m
}

// keyBit maps a key with its opening quote to a bit.
func keyBit(key []byte) uint64 {
	n := len(key)
	h := uint(n)*37 + uint(key[n-1])*11 + uint(key[n/2])*3
	return 1 << (h & 63)
}

// attr writes a as a member of the innermost group.
func (l *line) attr(a slog.Attr) {
	v := l.verdictOf(a.Key)
	if a.Value.Kind() == slog.KindLogValuer && v != hidden {
		a.Value = resolve(a.Value)
	}
	switch a.Value.Kind() {
	case slog.KindGroup:
		l.group(a.Key, v, a.Value.Group())
		return
	case slog.KindAny:
		if a.Value.Any() == nil && a.Key == "" {
			return
		}
		if err, ok := a.Value.Any().(error); ok && v == shown {
			l.err(a, err)
			return
		}
	}
	name := l.nameOf(a.Key)
	if name.name == "event.duration" && l.table.schema == SchemaECS {
		a.Value = nanoseconds(a.Value)
	}
	m := l.key(name, false)
	if v == shown || v == counted && isNumber(a.Value) {
		l.under(a.Key, a.Value)
	} else {
		l.mask()
	}
	l.end(m)
}

// under writes v, which has the given key.
func (l *line) under(key string, v slog.Value) {
	l.quote = l.isID(key) // each key decides for itself, and dynamic sets it back
	l.value(v)
}

func (l *line) isID(key string) bool { return l.ids != nil && l.ids.verdict(key) == hidden }

func isNumber(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		return true
	}
	return false
}

func (l *line) group(name string, v verdict, attrs []slog.Attr) {
	switch {
	case len(attrs) == 0:
		return
	case l.depth+len(l.frames) > maxDepth:
		m := l.key(attrName{name: name}, false)
		l.leaveOut(tooDeep)
		l.end(m)
		return
	case name == "":
		l.depth++
		l.nested(attrs)
		l.depth--
		return
	case v != shown:
		m := l.key(attrName{name: name}, false)
		l.mask()
		l.end(m)
		return
	}
	l.openGroup(name)
	l.nested(attrs)
	l.close()
}

// nested writes the attributes of a group until the line is too long: a LogValue
// that returns groups of itself has no end.
func (l *line) nested(attrs []slog.Attr) {
	for _, a := range attrs {
		if len(l.buf) > maxLine {
			l.attr(slog.Bool("(truncated)", true))
			return
		}
		l.attr(a)
	}
}

func (l *line) verdictOf(key string) verdict {
	if l.hide {
		return hidden
	}
	return l.verdict(key)
}

func (l *line) mask() {
	l.hits++
	l.buf = append(l.buf, `"`+mask+`"`...)
}
