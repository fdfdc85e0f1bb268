package template

import "errors"

// Option changes how a template is compiled or rendered.
type Option func(*settings)

type settings struct {
	name    string
	missing MissingPolicy
	limits  Limits
}

// WithName puts a name at the head of every error's text. Default: none.
func WithName(name string) Option { return func(s *settings) { s.name = name } }

// WithMissing says what a path without a value renders. Default: MissingError.
func WithMissing(p MissingPolicy) Option { return func(s *settings) { s.missing = p } }

// WithLimits replaces the limits whose fields are not zero.
func WithLimits(l Limits) Option { return func(s *settings) { s.limits = l } }

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

// Fixed limits of one path.
const (
	maxWildcards = 8
	maxBrackets  = 16
)

func newSettings(opts []Option) (settings, error) {
	var s settings
	for _, opt := range opts {
		opt(&s)
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
	if s.missing < MissingError || s.missing > MissingNull {
		return s, errors.New("template: unknown missing policy")
	}
	return s, nil
}
