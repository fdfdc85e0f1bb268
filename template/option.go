package template

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Option changes how a template is compiled or rendered.
type Option func(*settings)

type settings struct {
	config

	missing MissingPolicy
	escape  Escaper
	numbers NumberMode
	filters map[string]*filter
	without []string
	err     error // of an option
}

// WithName puts a name at the head of the texts of [SyntaxError] and
// [ValidationError]. Default: none.
func WithName(name string) Option { return func(s *settings) { s.name = name } }

// WithMissing says what a path without a value renders. Default: MissingError.
func WithMissing(p MissingPolicy) Option { return func(s *settings) { s.missing = p } }

// WithEscape escapes all values, but not those that come out of the filter for
// the same place or out of raw, and not the text of the template: under HTML,
// {{a | html}} is not escaped twice, and {{a | url}} is escaped for both places. In a document it is applied to
// strings, before they are encoded, but not inside of an array or object that
// stands for a whole string. Default: [None].
func WithEscape(e Escaper) Option { return func(s *settings) { s.escape = e } }

// WithNumbers says how numbers become text. Default: NumberRaw.
func WithNumbers(m NumberMode) Option { return func(s *settings) { s.numbers = m } }

// WithLimits replaces the limits whose fields are not zero.
func WithLimits(l Limits) Option {
	return func(s *settings) {
		s.limits = Limits{
			MaxSource: cmp.Or(l.MaxSource, s.limits.MaxSource),
			MaxTags:   cmp.Or(l.MaxTags, s.limits.MaxTags),
			MaxPath:   cmp.Or(l.MaxPath, s.limits.MaxPath),
			MaxDepth:  cmp.Or(l.MaxDepth, s.limits.MaxDepth),
			MaxOutput: cmp.Or(l.MaxOutput, s.limits.MaxOutput),
		}
	}
}

// WithModifiers allows modifiers of gjson by their names, without the @, beside
// those that are: reverse, ugly, this, valid, flatten, join, keys, values, tostr
// and fromstr. pretty, dig, group and the deep argument of flatten are not, since
// their output can be quadratic in the data or their cost grow with its depth;
// "flatten" allows that argument. Modifiers that were added to gjson are shared by
// the process, and are allowed by name like any other.
func WithModifiers(names ...string) Option {
	return func(s *settings) { s.modifiers = append(s.modifiers, names...) }
}

// WithDelims changes what opens and closes a tag. A delimiter has 1 to 8
// characters of ASCII punctuation that no path begins or ends with.
func WithDelims(opening, closing string) Option {
	return func(s *settings) {
		s.opening, s.closing = opening, closing
		s.err = errors.Join(s.err, checkDelims(opening, closing))
	}
}

// WithFilter adds a filter to one template. It comes before a built-in one of
// the same name.
func WithFilter(name string, f Filter) Option {
	return func(s *settings) {
		named, err := f.named(name)
		s.err = errors.Join(s.err, err)
		if s.filters == nil {
			s.filters = map[string]*filter{}
		}
		s.filters[name] = named
	}
}

// WithoutFilters takes filters away, such as raw from templates that are written
// by users.
func WithoutFilters(names ...string) Option {
	return func(s *settings) { s.without = append(s.without, names...) }
}

// MissingPolicy says what a tag renders when its path has no value in the data
// and it gives no fallback. A null is a value: it renders as nothing in text
// and as null in a document.
type MissingPolicy int

// The policies for a missing path.
const (
	MissingError MissingPolicy = iota // the call fails with a *ValidationError that lists every missing path
	MissingEmpty                      // nothing; in a document the empty string
	MissingKeep                       // the tag's own source text
	MissingNull                       // null
	MissingOmit                       // in a document only: the member or item is left out, and null if it is all there is
)

// Limits bound what a template and its data may cost. A zero field is the
// default that its comment names.
type Limits struct {
	MaxSource int // bytes of a template's source; default 64 KiB
	MaxTags   int // tags of a template or document; default 1000
	MaxPath   int // bytes of one path; default 512
	MaxDepth  int // nested arrays and objects of the data; default 512
	MaxOutput int // bytes of one rendering; default 1 MiB
}

func newSettings(opts []Option) (settings, error) {
	var s settings
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	s.filter = func(name string) (*filter, bool) {
		if slices.Contains(s.without, name) {
			return nil, false
		}
		if f, ok := s.filters[name]; ok {
			return f, true
		}
		return builtin(name)
	}
	l := &s.limits
	for _, field := range []struct {
		value *int
		def   int
	}{{&l.MaxSource, 64 << 10}, {&l.MaxTags, 1000}, {&l.MaxPath, 512}, {&l.MaxDepth, 512}, {&l.MaxOutput, 1 << 20}} {
		if *field.value < 0 {
			return s, errors.New("template: a limit is negative")
		}
		if *field.value == 0 {
			*field.value = field.def
		}
	}
	switch {
	case s.err != nil:
		return s, s.err
	case s.missing < MissingError || s.missing > MissingOmit:
		return s, errors.New("template: unknown missing policy")
	case s.numbers > NumberGJSON:
		return s, fmt.Errorf("template: unknown number mode %d", s.numbers)
	}
	return s, nil
}
