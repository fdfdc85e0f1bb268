package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

const (
	defaultBudget      = 750 * time.Millisecond
	defaultCache       = time.Second
	defaultTimeout     = 5 * time.Second
	defaultMaxParallel = 16
	maxNameLength      = 63
)

// Config holds the settings of a [Health]. The zero value is the default of
// each field.
type Config struct {
	// Version is shown by /health. Empty: the module version of the build
	// info, else its VCS revision, else "(devel)".
	Version string
	// Budget is the longest time that an answer waits for checks, 750 ms by
	// default: below the one second after which a kubelet gives up. Negative:
	// an answer waits as long as the timeouts of the checks allow.
	Budget time.Duration
	// Cache is how long the result of a run serves further evaluations, one
	// second by default. Negative: every evaluation needs a new run, but
	// concurrent evaluations still share one.
	Cache time.Duration
	// MaxParallel is how many checks may run at once, 16 by default. A check
	// past its timeout no longer counts. Negative: no limit.
	MaxParallel int
	// Logger receives each change of a check's outcome, with the raw error.
	// It is the only place where the text of an error appears, so its handler
	// should mask secrets. nil: nothing is logged.
	Logger *slog.Logger
	// Starting makes readiness and the startup probe fail until
	// [Health.MarkStarted].
	Starting bool
}

func (c Config) withDefaults() Config {
	if c.Version == "" {
		c.Version = buildVersion()
	}
	if c.Budget == 0 {
		c.Budget = defaultBudget
	}
	if c.Cache == 0 {
		c.Cache = defaultCache
	}
	if c.MaxParallel == 0 {
		c.MaxParallel = defaultMaxParallel
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func buildVersion() string {
	const unknown = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	if v := info.Main.Version; v != "" && v != unknown {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && s.Value != "" {
			return s.Value
		}
	}
	return unknown
}

// A Checker tests one thing. Check returns nil when it works, an error of
// [Degraded] when it works with a limitation, and any other error when it does
// not. It should return when ctx ends; one that does not is reported as
// failed until it returns, and is not called again meanwhile.
//
// A [Health] never calls Check concurrently for one [Check].
type Checker interface {
	Check(ctx context.Context) error
}

// CheckFunc is a function as a [Checker].
type CheckFunc func(ctx context.Context) error

// Check calls f.
func (f CheckFunc) Check(ctx context.Context) error { return f(ctx) }

// Check is a [Checker] under a name.
type Check struct {
	// Name is the key in the answer: one to 63 characters of a-z, 0-9, '_',
	// '.' and '-', of which the first is a letter or a digit.
	Name string
	// Checker does the work. Required.
	Checker Checker
	// Timeout ends the context of a run, 5 s by default. It may be longer than
	// [Config.Budget]: the run goes on after the answer has left. Negative is
	// an error, since a run without an end cannot be told from a wedged one.
	Timeout time.Duration
	// Optional marks something that the service can do without: its failure
	// makes /health say degraded, with status 200, and leaves readiness alone.
	Optional bool
	// NotForReady keeps a critical check out of readiness. Its failure still
	// makes /health unhealthy. It fits a dependency that all replicas share:
	// with readiness on it, one outage takes every replica out of rotation.
	NotForReady bool
}

func (c Check) withDefaults() Check {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return c
}

// forReady reports whether readiness depends on the check.
func (c Check) forReady() bool { return !c.Optional && !c.NotForReady }

func (c Check) validate() error {
	if !validName(c.Name) {
		return fmt.Errorf("health: check name %q: want 1 to %d of a-z 0-9 _ . -, the first a letter or a digit", c.Name, maxNameLength)
	}
	if err := validChecker(c.Checker); err != nil {
		return fmt.Errorf("health: check %q: %w", c.Name, err)
	}
	if c.Timeout < 0 {
		return fmt.Errorf("health: check %q: negative timeout %v", c.Name, c.Timeout)
	}
	return nil
}

func validChecker(c Checker) error {
	switch c := c.(type) {
	case nil:
		return errors.New("no checker")
	case CheckFunc:
		if c == nil {
			return errors.New("checker is a nil function")
		}
	case interface{ validate() error }:
		return c.validate()
	}
	return nil
}

func validName(name string) bool {
	if name == "" || len(name) > maxNameLength {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return true
}
