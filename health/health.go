// Package health answers the probes of Kubernetes and of load balancers:
// /health, /health/live, /health/ready and /health/startup. A [Health] starts
// one goroutine for each check while it runs, and never a second one for a
// check that does not return; [Health.Close] waits for them.
//
// # Model
//
// A [Check] runs when a probe asks and its last result is older than a second.
// Probes that come together share one run. An answer leaves within 750 ms,
// below the 1 s after which a kubelet gives up by default, whatever the checks
// do: a check without a result by then reads "timeout".
//
// Liveness runs no checks: a process that answers is alive, and a database that
// is down is no reason to restart it. Readiness is 503 while the process is
// starting or draining, and while a check fails that is neither Optional nor
// NotForReady. Draining is final: ready and /health stay 503, live stays 200.
//
// # What others see
//
//	GET /health         {"status":"healthy","version":"...","uptime":"2h15m30s","timestamp":"...","checks":{"database":"ok"}}
//	GET /health/live    {"status":"alive"}
//	GET /health/ready   {"status":"ready"}
//	GET /health/startup {"status":"started"}
//
// The status is healthy, degraded (200: an optional check fails) or unhealthy
// (503). A check reads ok, degraded, failed, timeout or unknown. The text of an
// error is never sent; it goes to the Logger when a check is first read and when its value changes.
//
// Mount the endpoints outside of authentication, rate limits and access logs.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// Checker tells whether something works.
type Checker interface {
	// Check returns nil, an error, or [Degraded]. The context ends with the
	// check's timeout, and with nothing else.
	Check(ctx context.Context) error
}

// CheckFunc is a function that is a [Checker].
type CheckFunc func(ctx context.Context) error

// Check calls f.
func (f CheckFunc) Check(ctx context.Context) error { return f(ctx) }

// Check is a named check. Name and Checker are required.
type Check struct {
	// Name matches [a-z0-9][a-z0-9_.-]{0,62} and is unique.
	Name    string
	Checker Checker
	// Timeout ends the context of a run. Default: 5 s.
	Timeout time.Duration
	// Optional makes a failure degrade the service: /health stays 200, ready
	// is not affected.
	Optional bool
	// NotForReady keeps a failure from making the service not ready.
	NotForReady bool
}

// Config configures a [Health]. The zero value of each field is the default
// that its comment names.
type Config struct {
	// Version is shown by /health. Default: that of the main module in the
	// build information.
	Version string
	// Budget bounds the time of an answer. Default: 750 ms.
	Budget time.Duration
	// Cache is how long a result is used again. Default: 1 s; negative: only
	// by probes that come while it is made.
	Cache time.Duration
	// Starting makes the service not ready until [Health.MarkStarted].
	Starting bool
	// Logger, when set, is told when the value of a check changes.
	Logger *slog.Logger
}

// Health holds the checks. Its methods may be called concurrently.
type Health struct {
	cfg   Config
	start time.Time

	mu       sync.Mutex
	checks   []*check
	started  bool
	draining bool
}

// New returns a Health with the given checks.
func New(cfg Config, checks ...Check) (*Health, error) {
	if cfg.Budget < 0 {
		return nil, errors.New("health: Config.Budget is negative")
	}
	if cfg.Budget == 0 {
		cfg.Budget = 750 * time.Millisecond
	}
	if cfg.Cache == 0 {
		cfg.Cache = time.Second
	}
	if cfg.Version == "" {
		cfg.Version = buildVersion()
	}
	h := &Health{cfg: cfg, start: time.Now(), started: !cfg.Starting}
	for _, c := range checks {
		if err := h.Add(c); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}

// Add adds a check.
func (h *Health) Add(c Check) error {
	valid := regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,62}$`)
	switch {
	case !valid.MatchString(c.Name):
		return fmt.Errorf("health: %q is no check name: want %s", c.Name, valid)
	case c.Checker == nil:
		return fmt.Errorf("health: check %q has no Checker", c.Name)
	case c.Timeout < 0:
		return fmt.Errorf("health: check %q has a negative Timeout", c.Name)
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, have := range h.checks {
		if have.Name == c.Name {
			return fmt.Errorf("health: check %q exists", c.Name)
		}
	}
	h.checks = append(h.checks, &check{Check: c, value: Unknown, cache: h.cfg.Cache, logger: h.cfg.Logger})
	return nil
}

// Remove removes a check and reports whether there was one. A run of it may
// still be under way.
func (h *Health) Remove(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, c := range h.checks {
		if c.Name == name {
			h.checks = append(append([]*check{}, h.checks[:i]...), h.checks[i+1:]...)
			return true
		}
	}
	return false
}

// MarkStarted ends the starting state.
func (h *Health) MarkStarted() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = true
}

// Drain makes the service not ready, for good, and returns after delay, in
// which load balancers take notice while requests are still served. Call it
// before the listener is closed. It returns early with the error of ctx.
func (h *Health) Drain(ctx context.Context, delay time.Duration) error {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close waits for checks that are running, 500 ms at most. Its error names
// those that still are. It may be called more than once.
func (h *Health) Close() error {
	timeout := time.NewTimer(500 * time.Millisecond)
	defer timeout.Stop()
	expired := false
	var stuck []string
	for _, c := range h.list() {
		done := c.running()
		if done == nil {
			continue
		}
		if !expired {
			select {
			case <-done:
				continue
			case <-timeout.C:
				expired = true
			}
		}
		select {
		case <-done:
		default:
			stuck = append(stuck, c.Name)
		}
	}
	if len(stuck) > 0 {
		return fmt.Errorf("health: still running: %s", strings.Join(stuck, ", "))
	}
	return nil
}

func (h *Health) list() []*check {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clip(h.checks)
}

// Degraded marks an error as "works, but".
func Degraded(err error) error { return &degraded{err} }

type degraded struct{ err error }

func (d *degraded) Error() string { return d.err.Error() }
func (d *degraded) Unwrap() error { return d.err }
