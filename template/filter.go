package template

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FilterFunc turns a value into another. It appends its result to dst and
// returns the longer slice with the kind of what it has appended: for
// [KindString] that is the text, without quotes and escapes; for any other kind
// it is JSON of that kind. With [KindMissing] there is no value, and what was
// appended is dropped: the next filter can be default, and else the tag is
// treated as one whose path is missing.
//
// It may be called concurrently. It must not write to dst[:len(dst)], nor keep
// dst, in or args. The text of its error may reach a log, and so should not
// contain the value.
type FilterFunc func(dst []byte, in Value, args []Value) ([]byte, Kind, error)

// Filter is a filter of the caller's own. Only Func is required. The text that
// it makes is escaped like any other, unless Escapes is set.
type Filter struct {
	Func FilterFunc

	// Accepts lists the kinds of value that Func can take. A value of any other
	// kind is an error that Func never sees; only a null or missing value goes
	// past the filter unchanged. Default: all kinds but null and missing.
	Accepts []Kind

	MinArgs int // arguments that a template must give; default 0
	MaxArgs int // arguments that it may give; default MinArgs; negative: any number

	// Check is called when a template is compiled, with the arguments of one use
	// and after their number was checked. The template does not compile when it
	// returns an error. Arguments are of the kinds null, bool, number and string.
	Check func(args []Value) error

	// Escapes says that what Func makes is safe in its place: the escaper of
	// the template leaves it alone when the filter is the last of its tag.
	Escapes bool
}

// FilterError says which filter, or that the escaper, has failed over the data,
// and where.
type FilterError struct {
	Use
	Filter string // its name; empty for the escaper
	Err    error  // of a built-in filter: never contains a part of the data

	// Panic is what the function has panicked with, and Stack where. They are
	// not in the text of the error, as they may hold a part of the data.
	Panic any
	Stack []byte
}

func (e *FilterError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("%d:%d: ", e.Line, e.Column)
	}
	if e.Pointer != "" {
		where = e.Pointer + ": " + where
	}
	what := "filter " + e.Filter
	if e.Filter == "" {
		what = "escaper"
	}
	return "template: " + where + what + ": " + strings.TrimPrefix(e.Err.Error(), "template: ")
}

// Unwrap returns Err.
func (e *FilterError) Unwrap() error { return e.Err }

// filter is a filter as templates use it.
type filter struct {
	name    string
	accepts kindSet   // others are an error; null and missing go past
	args    []kindSet // the kinds of each argument
	minArgs int
	maxArgs int  // may exceed len(args): the rest is of any kind
	escapes bool // the context's escaper is skipped behind it
	custom  bool // f is not ours

	// f is the filter, or prepare makes it from arguments whose number and
	// kinds are right. limit is the size that no value may exceed.
	f       FilterFunc
	prepare func(args []Value, limit int) (FilterFunc, *argError)
}

// argError says what is wrong with the arguments of a filter. Its text is made
// for the end of a [SyntaxError].
type argError struct {
	index int // of the argument, or -1
	msg   string
}

func (e *argError) Error() string { return e.msg }

// bind checks the arguments of one use and returns the filter for it.
func (f *filter) bind(args []Value, limit int) (*filter, *argError) {
	if len(args) < f.minArgs || len(args) > f.maxArgs {
		return nil, &argError{-1, "filter " + f.name + " takes " + f.argCount() + ", not " + strconv.Itoa(len(args))}
	}
	for i, arg := range args {
		if i < len(f.args) && !f.args[i].has(arg.kind) {
			return nil, &argError{i, fmt.Sprintf("argument %d of filter %s must be a %v, not a %v", i+1, f.name, f.args[i], arg.kind)}
		}
	}
	if f.prepare == nil {
		return f, nil
	}
	run, err := f.prepare(args, limit)
	if err != nil {
		return nil, err
	}
	bound := *f
	bound.f = run
	return &bound, nil
}

func (f *filter) argCount() string {
	switch {
	case f.maxArgs == 0:
		return "no arguments"
	case f.minArgs == f.maxArgs && f.minArgs == 1:
		return "1 argument"
	case f.minArgs == f.maxArgs:
		return strconv.Itoa(f.minArgs) + " arguments"
	default:
		return strconv.Itoa(f.minArgs) + " to " + strconv.Itoa(f.maxArgs) + " arguments"
	}
}

// takes reports whether the filter does not fail on the kind of a value.
func (f *filter) takes(k Kind) bool { return f.accepts.has(k) || k <= KindNull }

// apply runs the filter over a value and appends the result.
func (f *filter) apply(dst []byte, in Value, args []Value) (out []byte, kind Kind, err error) {
	if !f.accepts.has(in.kind) {
		if in.kind <= KindNull {
			return appendValue(dst, in)
		}
		return dst, KindMissing, &FilterError{Filter: f.name, Err: fmt.Errorf("want %v, have %v", f.accepts, in.kind)}
	}
	defer func() {
		if p := recover(); p != nil {
			err = &FilterError{Filter: f.name, Err: errors.New("panic"), Panic: p, Stack: debug.Stack()}
			out, kind = dst, KindMissing
		}
	}()
	if f.custom {
		// What it returns may be a slice of its own that it uses again.
		var made []byte
		if made, kind, err = f.f(nil, in, args); err == nil {
			err = checkResult(0, made, kind)
		}
		out = append(dst, made...)
	} else {
		out, kind, err = f.f(dst, in, args)
	}
	switch {
	case errors.Is(err, ErrOutputTooLarge):
		return dst, KindMissing, ErrOutputTooLarge
	case err != nil:
		return dst, KindMissing, &FilterError{Filter: f.name, Err: err}
	case kind == KindMissing:
		return dst, KindMissing, nil
	default:
		return out, kind, nil
	}
}

// checkResult keeps what a foreign function says about its result honest, since
// the JSON around it depends on that.
func checkResult(mark int, out []byte, kind Kind) error {
	switch {
	case len(out) < mark:
		return errors.New("result does not continue dst")
	case kind == KindMissing || kind == KindString:
		return nil
	}
	raw := stringOf(out[mark:])
	if raw == "" || raw[0] <= ' ' || raw[len(raw)-1] <= ' ' || kindOf(raw[0]) != kind || !isJSON(raw) || !utf8.ValidString(raw) {
		return fmt.Errorf("result is not JSON of kind %v", kind)
	}
	return nil
}

// pipe runs a value through the filters of a tag. The result is a view of the
// returned buffer, which the values in between share. A value of more than
// limit bytes is [ErrOutputTooLarge].
func pipe(buf []byte, in Value, calls []call, limit int) ([]byte, Value, error) {
	for i := range calls {
		mark := len(buf)
		if s, ok := in.text(); ok && calls[i].f.escapes && len(s) > limit {
			return buf, Value{}, ErrOutputTooLarge // it will not become shorter
		}
		out, kind, err := calls[i].f.apply(buf, in, calls[i].args)
		if err != nil {
			return buf, Value{}, err
		}
		if len(out)-mark > limit {
			return buf, Value{}, ErrOutputTooLarge
		}
		buf, in = out, Value{}
		if kind != KindMissing {
			in = Value{raw: stringOf(out[mark:]), kind: kind, plain: kind == KindString}
		}
	}
	return buf, in, nil
}

// named is the filter under a name.
func (f Filter) named(name string) (*filter, error) {
	switch {
	case !validFilterName(name):
		return nil, errors.New("template: a filter's name is letters, digits and _, and does not begin with a digit")
	case f.Func == nil:
		return nil, errors.New("template: filter " + name + " has no function")
	case f.MinArgs < 0 || f.MaxArgs > 0 && f.MaxArgs < f.MinArgs:
		return nil, errors.New("template: filter " + name + " has a wrong number of arguments")
	}
	own := &filter{
		name: name, accepts: setAny, minArgs: f.MinArgs, maxArgs: max(f.MinArgs, f.MaxArgs),
		escapes: f.Escapes, custom: true, f: f.Func,
	}
	if f.MaxArgs < 0 {
		own.maxArgs = maxFilterArgs
	}
	if len(f.Accepts) > 0 {
		own.accepts = 0
	}
	for _, k := range f.Accepts {
		if k > KindObject {
			return nil, errors.New("template: filter " + name + " accepts an unknown kind")
		}
		own.accepts |= 1 << k
	}
	if f.Check != nil {
		own.prepare = func(args []Value, _ int) (FilterFunc, *argError) {
			if err := f.Check(slices.Clone(args)); err != nil {
				return nil, &argError{-1, "filter " + name + ": " + err.Error()}
			}
			return f.Func, nil
		}
	}
	return own, nil
}

const maxFilterArgs = 1 << 10 // more than a source has room for in practice

func validFilterName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', c == '_', '0' <= c && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}
