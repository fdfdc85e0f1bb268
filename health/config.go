package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"
)

const (
	defaultBudget      = 750 * time.Millisecond
	defaultCache       = time.Second
	defaultTimeout     = 5 * time.Second
	defaultStaleAfter  = time.Minute // probes come at least twice as often
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
	// past its timeout no longer counts, and one with [Check.ForLive] never does.
	// Negative: no limit.
	MaxParallel int
	// Details decides who may see reasons, durations and times in ?verbose and
	// application/health+json. Nobody when nil. It does not guard the metrics. A request that it refuses, or for which it panics, gets the short
	// answer with the same status, since a probe that is refused would look like
	// an outage.
	Details func(*http.Request) bool
	// StatusDegraded is the status code of /health when the service is degraded,
	// 200 by default. Any code of 200 to 299 or 400 to 599 that has a body may
	// stand here, such as the 429 by which Consul tells a warning. application/health+json keeps
	// 200, as its draft demands.
	StatusDegraded int
	// Listener, unless nil, is called with each change of a check's outcome: one
	// call at a time, in the order of the changes, while no lock is held. It may
	// call the methods of the [Health], though Close waits for it in vain. A panic in it is contained. While it
	// blocks, up to 1024 changes wait; then the oldest are dropped.
	Listener func(Change)
	// Logger receives each change of a check's outcome or reason, with the raw
	// error: "health check not ok" as a warning, "health check ok again" as
	// info, with check, outcome, reason, optional, duration and error. The outcome
	// of an optional check is the one before it counts as degraded only. This is
	// the only place where the text of an error appears, so its handler should
	// mask secrets. nil: nothing is logged.
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
	c.Budget, c.Cache = min(c.Budget, forever), min(c.Cache, forever)
	if c.MaxParallel == 0 {
		c.MaxParallel = defaultMaxParallel
	}
	if c.StatusDegraded == 0 {
		c.StatusDegraded = http.StatusOK
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	switch code := c.StatusDegraded; {
	case code == http.StatusNoContent, code == http.StatusResetContent:
		return fmt.Errorf("health: status code %d when degraded: it has no body", code)
	case code == 0, 200 <= code && code <= 299, 400 <= code && code <= 599:
		return nil
	default:
		return fmt.Errorf("health: status code %d when degraded: want 200 to 299 or 400 to 599", code)
	}
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
	// Every makes the check run in the background from [Health.Start] on: first
	// at once, then with pauses of Every, give or take a tenth. Probes then read
	// its last result and run nothing. 0: it runs when a probe needs it, and so
	// does a background check before Start. Negative is an error.
	Every time.Duration
	// InitialDelay postpones the first run in the background. Until then the
	// outcome is unknown. It needs Every.
	InitialDelay time.Duration
	// StaleAfter is how long a result is worth something. That of a background
	// check is stale afterwards, by default 2*Every + Timeout; it must be more
	// than Every and its tenth. That of another check is shown for so long when a
	// new run is not done within the budget, by default one minute, and at least
	// [Config.Cache] + Timeout: what then hangs is found out by its timeout.
	StaleAfter time.Duration
	// FailAfter is how many runs in a row must fail before a check that passed
	// is reported to fail, 1 by default. A wedged check and a stale result fail
	// at once.
	FailAfter int
	// RecoverAfter is how many runs in a row must pass before a check that failed
	// is reported to pass, 1 by default. The first result of all counts at once.
	RecoverAfter int
	// Optional marks something that the service can do without: its failure
	// makes /health say degraded, with status 200, and leaves readiness alone.
	Optional bool
	// NotForReady keeps a critical check out of readiness. Its failure still
	// makes /health unhealthy. It fits a dependency that all replicas share:
	// with readiness on it, one outage takes every replica out of rotation.
	NotForReady bool
	// ForLive makes liveness depend on the check: its failure has the process
	// killed. It fits what only a restart mends, such as the [Heartbeat] of a
	// goroutine. Checkers of what lies outside of the process are refused, those
	// of this package and those marked by [Remote], since a restart does not mend
	// that and all replicas would restart together. An optional check cannot be for liveness. While the service
	// drains, and before the first result, liveness is 200 all the same.
	ForLive bool
	// Groups names the groups that the check belongs to. Each is served at
	// /health/group/{name}, where Optional counts as it does for the whole. Their
	// names follow the rules of Name.
	Groups []string
}

// forever is what longer durations are cut to, so that their sums are durations
// too.
const forever = 30 * 365 * 24 * time.Hour

func (c Check) withDefaults(cfg Config) Check {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	c.Timeout, c.Every, c.InitialDelay = min(c.Timeout, forever), min(c.Every, forever), min(c.InitialDelay, forever)
	if c.StaleAfter == 0 {
		c.StaleAfter = max(cfg.Cache+c.Timeout, c.Timeout, defaultStaleAfter)
		if c.Every > 0 {
			c.StaleAfter = 2*c.Every + c.Timeout
		}
	}
	c.FailAfter, c.RecoverAfter = max(c.FailAfter, 1), max(c.RecoverAfter, 1)
	c.Groups = slices.Clone(c.Groups)
	slices.Sort(c.Groups)
	c.Groups = slices.Compact(c.Groups)
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
	if err := c.validTimes(); err != nil {
		return fmt.Errorf("health: check %q: %w", c.Name, err)
	}
	if c.FailAfter < 0 || c.RecoverAfter < 0 {
		return fmt.Errorf("health: check %q: negative threshold", c.Name)
	}
	for _, group := range c.Groups {
		if !validName(group) {
			return fmt.Errorf("health: check %q: group %q: want a name like that of a check", c.Name, group)
		}
	}
	if c.ForLive && c.Optional {
		return fmt.Errorf("health: check %q: optional and for liveness at once", c.Name)
	}
	if c.ForLive && isRemote(c.Checker) {
		return fmt.Errorf("health: check %q: not fit for liveness: a restart does not mend what lies outside of the process", c.Name)
	}
	return nil
}

func (c Check) validTimes() error {
	switch {
	case c.Timeout < 0:
		return fmt.Errorf("negative timeout %v", c.Timeout)
	case c.Every < 0:
		return fmt.Errorf("negative period %v", c.Every)
	case c.InitialDelay < 0:
		return fmt.Errorf("negative initial delay %v", c.InitialDelay)
	case c.InitialDelay > 0 && c.Every == 0:
		return errors.New("an initial delay needs a period")
	case c.StaleAfter < 0:
		return fmt.Errorf("negative limit of staleness %v", c.StaleAfter)
	case c.StaleAfter > 0 && c.StaleAfter <= c.Every+c.Every/10:
		return fmt.Errorf("results would be stale after %v, before the next run after %v and a tenth", c.StaleAfter, c.Every)
	}
	return nil
}

// Remote returns c as a checker of what lies outside of the process, which
// [Check.ForLive] refuses. The checkers of this package that do so need no mark.
func Remote(c Checker) Checker { return remoteCheck{c} }

type remoteCheck struct{ Checker }

func (remoteCheck) remote() bool      { return true }
func (c remoteCheck) validate() error { return validChecker(c.Checker) }

// isRemote reports whether c looks at something outside of the process.
func isRemote(c Checker) bool {
	r, ok := c.(interface{ remote() bool })
	return ok && r.remote()
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
