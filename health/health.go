package health

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Health is a set of checks and the state of the service. Its methods may be
// called concurrently. Make one with [New].
type Health struct {
	cfg     Config
	version []byte // as JSON
	start   time.Time
	slots   chan struct{} // nil: no limit
	set     atomic.Pointer[set]
	pulse   pulse
	changes changes
	scratch sync.Pool // of *scratch

	mu     sync.Mutex // guards changes of set, and what follows
	launch func(*entry)
	halt   func() // ends what Start began
	tasks  map[*task]struct{}
}

// set is the checks and what the operator said of the service. It is never
// changed, only replaced.
type set struct {
	all, ready, live []*entry
	groups           map[string][]*entry

	starting, started, draining, closed bool
}

// with returns a copy of s with other checks.
func (s *set) with(entries []*entry) *set {
	n := *s
	n.all, n.ready, n.live, n.groups = entries, nil, nil, make(map[string][]*entry)
	for _, e := range entries {
		if e.forReady() {
			n.ready = append(n.ready, e)
		}
		if e.ForLive {
			n.live = append(n.live, e)
		}
		for _, group := range e.Groups {
			n.groups[group] = append(n.groups[group], e)
		}
	}
	return &n
}

// idle reports whether no check runs any more.
func (s *set) idle() bool { return s.draining || s.closed }

// notReady returns why the service takes no traffic, or "".
func (s *set) notReady() string {
	switch {
	case s.draining:
		return "draining"
	case s.starting:
		return "starting"
	}
	return ""
}

// New returns a Health with checks in the given order. It fails when cfg or a
// check is invalid or a name appears twice. It starts nothing.
func New(cfg Config, checks ...Check) (*Health, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	h := &Health{
		cfg:     cfg,
		version: appendJSON(nil, cfg.Version),
		start:   time.Now(),
		tasks:   make(map[*task]struct{}),
	}
	h.set.Store(&set{starting: cfg.Starting})
	h.scratch.New = func() any { return new(scratch) }
	if cfg.MaxParallel > 0 {
		h.slots = make(chan struct{}, cfg.MaxParallel)
	}
	for _, c := range checks {
		if err := h.Add(c); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Add registers a check after the others. It fails when c is invalid, its name
// is taken, or h is closed. After [Health.Start], a check with [Check.Every]
// runs in the background at once, and not at all when the context of Start has
// ended.
func (h *Health) Add(c Check) error {
	if err := c.validate(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.set.Load()
	if s.closed {
		return fmt.Errorf("health: check %q: already closed", c.Name)
	}
	if slices.ContainsFunc(s.all, named(c.Name)) {
		return fmt.Errorf("health: check %q: name already registered", c.Name)
	}
	e := newEntry(c.withDefaults(h.cfg))
	h.set.Store(s.with(append(slices.Clip(s.all), e)))
	if h.launch != nil {
		h.launch(e)
	}
	return nil
}

// Remove unregisters a check and reports whether there was one. A run in
// flight is cancelled and its result dropped. A wedged checker keeps its
// goroutine, also when its name is added again.
func (h *Health) Remove(name string) bool {
	h.mu.Lock()
	s := h.set.Load()
	i := slices.IndexFunc(s.all, named(name))
	if i < 0 {
		h.mu.Unlock()
		return false
	}
	e := s.all[i]
	h.set.Store(s.with(slices.Delete(slices.Clone(s.all), i, i+1)))
	if e.quit != nil {
		e.quit()
	}
	h.mu.Unlock()
	e.remove()
	return true
}

func named(name string) func(*entry) bool {
	return func(e *entry) bool { return e.Name == name }
}

// MarkStarted ends the state that [Config.Starting] began.
func (h *Health) MarkStarted() { h.update(func(s *set) { s.starting = false }) }

// update replaces the state.
func (h *Health) update(f func(*set)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := *h.set.Load()
	f(&s)
	h.set.Store(&s)
}
