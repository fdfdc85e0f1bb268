package connectors

import (
	"fmt"
	"io"
	"log/slog"
)

const mask = "***"

// Secret is a credential, or a URL that is one. Whatever prints, logs or
// marshals it, with any verb, gets "***"; as an unexported field of another
// struct it may print as an address, never as its value. [Secret.Reveal] is the
// only way to the value. The zero Secret is empty and
// prints as nothing. Secrets are safe for concurrent use and cannot be compared
// with ==.
type Secret struct {
	// A function, since fmt reaches into unexported fields by reflection and
	// calls no method there: of a function it can only print the address.
	reveal func() string
}

// NewSecret returns a Secret with the given value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return value }}
}

// Reveal returns the value. Do not keep it where it can be printed.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.reveal == nil }

// String returns the mask.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return mask
}

// GoString returns the mask.
func (s Secret) GoString() string { return s.String() }

// Format writes the mask, whatever the verb and the flags.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalJSON returns the mask as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalText returns the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
