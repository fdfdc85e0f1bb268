// Package health answers the probes of orchestrators, load balancers and
// people: /health, /health/live, /health/ready and /health/startup. It starts
// no background goroutine: a check runs when an evaluation needs it, in a
// goroutine of its own that ends when the checker returns.
//
// # Model
//
// A [Health] holds named checks. An evaluation uses a result that is younger
// than [Config.Cache]; otherwise it joins the run in flight or starts one, so
// that any number of concurrent probes costs one run of each check. Two clocks
// bound it: [Check.Timeout] ends the context of a run, [Config.Budget] ends the
// wait of an answer. When the budget ends first, the run goes on, and the
// answer shows the check's last result while that is younger than Cache plus
// Timeout, else timeout.
//
// A checker that ignores its context is not called again until it returns:
// shortly after its timeout it reports as failed, reason stuck, at no cost, and
// the other checks are not held up. A wedged check therefore owns one goroutine
// at most. A panic is a failure of that check. A client that leaves cancels
// nothing. A critical check without a result counts as failing.
//
// # Endpoints
//
// Liveness runs no checks and always answers 200: restarting a process does not
// mend the database that it depends on. Readiness fails while the service
// starts, drains, or a critical check fails. /health fails when a critical
// check fails or the service drains. The startup probe waits for
// [Health.MarkStarted] only.
//
//	/health         200 {"status":"healthy",...}       503 "unhealthy"
//	/health/live    200 {"status":"alive"}
//	/health/ready   200 {"status":"ready"}             503 {"status":"not_ready","reason":"starting|draining|checks"}
//	/health/startup 200 {"status":"started"}           503 {"status":"starting"}
//
// GET and HEAD are served (RFC 9110 section 9.3); refusals are problem documents
// (RFC 9457). No answer may be stored (RFC 9111 section 5.2.2.5), and none
// carries the text of an error: the values of checks are a closed set, and raw
// errors go to [Config.Logger]. Anyone who reaches /health sees the version and
// the names of the checks. Mount the endpoints outside authentication, rate
// limits and whatever else depends on what is checked.
//
// # Shutting down
//
// On SIGTERM call [Health.Drain] with a delay longer than the probe's period
// times its failure threshold, then shut the server down, stop workers, close
// pools, and call [Health.Close] last.
package health

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// closeWait bounds [Health.Close].
const closeWait = 500 * time.Millisecond

// Health is a set of checks and the state of the service. Its methods may be
// called concurrently. Make one with [New].
type Health struct {
	cfg   Config
	start time.Time
	slots chan struct{} // nil: no limit

	mu      sync.Mutex
	entries []*entry // replaced, never changed in place
	state   state
	running map[*run]string
}

// state is what the operator said, as opposed to what the checks say.
type state struct {
	starting, draining, closed bool
}

func (s state) notReady() string {
	switch {
	case s.draining:
		return "draining"
	case s.starting:
		return "starting"
	}
	return ""
}

// New returns a Health with checks in the given order. It fails when a check
// is invalid or a name appears twice.
func New(cfg Config, checks ...Check) (*Health, error) {
	h := &Health{
		cfg:     cfg.withDefaults(),
		start:   time.Now(),
		state:   state{starting: cfg.Starting},
		running: make(map[*run]string),
	}
	if h.cfg.MaxParallel > 0 {
		h.slots = make(chan struct{}, h.cfg.MaxParallel)
	}
	for _, c := range checks {
		if err := h.Add(c); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Add registers a check after the others. It fails when c is invalid, its name
// is taken, or h is closed.
func (h *Health) Add(c Check) error {
	if err := c.validate(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state.closed {
		return fmt.Errorf("health: check %q: already closed", c.Name)
	}
	if slices.ContainsFunc(h.entries, named(c.Name)) {
		return fmt.Errorf("health: check %q: name already registered", c.Name)
	}
	h.entries = append(slices.Clone(h.entries), &entry{Check: c.withDefaults()})
	return nil
}

// Remove unregisters a check and reports whether there was one. A run in
// flight is cancelled and its result dropped. A wedged checker keeps its
// goroutine, also when its name is added again.
func (h *Health) Remove(name string) bool {
	h.mu.Lock()
	i := slices.IndexFunc(h.entries, named(name))
	if i < 0 {
		h.mu.Unlock()
		return false
	}
	e := h.entries[i]
	h.entries = slices.Delete(slices.Clone(h.entries), i, i+1)
	h.mu.Unlock()
	e.remove()
	return true
}

func named(name string) func(*entry) bool {
	return func(e *entry) bool { return e.Name == name }
}

// MarkStarted ends the state that [Config.Starting] began.
func (h *Health) MarkStarted() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state.starting = false
}

// Drain makes readiness and /health fail at once and for good; from then on no
// check runs, and the last results are shown. It waits for delay, so that load
// balancers notice before the listener closes. It returns early with the context's error when ctx ends. Liveness stays 200.
func (h *Health) Drain(ctx context.Context, delay time.Duration) error {
	h.mu.Lock()
	h.state.draining = true
	h.mu.Unlock()
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("health: drain: %w", ctx.Err())
	}
}

// Close ends h: it drains, cancels the runs in flight and waits for them, at
// most 500 ms. Afterwards the endpoints answer from the last results and no
// check runs again. The error names the checks that have not returned; a
// second call waits for them again.
func (h *Health) Close() error {
	h.mu.Lock()
	h.state.draining, h.state.closed = true, true
	runs := maps.Clone(h.running)
	h.mu.Unlock()
	for r := range runs {
		r.cancel()
	}

	end, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	var stuck []string
	for r, name := range runs {
		select {
		case <-r.done:
			continue
		case <-end.Done():
		}
		select {
		case <-r.done:
		default:
			stuck = append(stuck, name)
		}
	}
	if len(stuck) == 0 {
		return nil
	}
	slices.Sort(stuck)
	return fmt.Errorf("health: close: still running: %s", strings.Join(stuck, ", "))
}

func (h *Health) current() ([]*entry, state) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.entries, h.state
}

// track reports false when h is closed and r must not run.
func (h *Health) track(r *run, name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state.closed {
		return false
	}
	h.running[r] = name
	return true
}

func (h *Health) untrack(r *run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.running, r)
}

// acquire waits for a slot and reports whether the run may start.
func (h *Health) acquire(ctx context.Context) bool {
	if h.slots == nil {
		return ctx.Err() == nil
	}
	select {
	case h.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (h *Health) release() {
	if h.slots != nil {
		<-h.slots
	}
}
