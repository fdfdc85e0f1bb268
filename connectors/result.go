package connectors

import (
	"fmt"
	"time"
)

// Result is the outcome of an action, a test or a dry run, in the form in which
// APIs show it.
type Result struct {
	Success bool `json:"success"`
	// Message is for people. It holds no secret.
	Message string `json:"message"`
	// Duration is how long it took.
	Duration Duration `json:"duration"`
	// Timestamp is when it ended, in UTC and whole seconds.
	Timestamp time.Time `json:"timestamp"`
	// Code is stable, for programs: the provider's or this library's. It is
	// empty after success.
	Code string `json:"code,omitempty"`
	// DryRun marks a result of [Registry.DryRun] in the modes that do not act:
	// nothing was sent, in [ModeProbe] nothing of the action.
	DryRun bool `json:"dry_run,omitempty"`
	// Plan is what a dry run in [ModePlan] would send.
	Plan *Plan `json:"plan,omitempty"`
}

// NewResult returns the Result of something that began at start and ends now. It
// is a success with the given message when err is nil. Otherwise an [*Error] in
// err supplies message and code; the text of any other error is not shown.
func NewResult(start time.Time, message string, err error) Result {
	now := time.Now()
	r := Result{
		Success: err == nil, Message: message,
		Duration: Duration(now.Sub(start)), Timestamp: now.UTC().Truncate(time.Second),
	}
	if err != nil {
		r.Message, r.Code = describe(err)
	}
	return r
}

// timed returns r with the times that a connector left out.
func (r Result) timed(start time.Time) Result {
	now := time.Now()
	if r.Timestamp.IsZero() {
		r.Timestamp = now.UTC().Truncate(time.Second)
	}
	if r.Duration == 0 {
		r.Duration = Duration(now.Sub(start))
	}
	return r
}

// Duration is a [time.Duration] whose text and JSON form is that of
// [time.Duration.String], rounded to 10 microseconds: "150ms".
type Duration time.Duration

// String returns the text form.
func (d Duration) String() string { return time.Duration(d).Round(10 * time.Microsecond).String() }

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] for what
// [time.ParseDuration] accepts.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("connectors: %w", err)
	}
	*d = Duration(parsed)
	return nil
}
