package health

import (
	"sync"
	"sync/atomic"
	"time"
)

// entry is a registered check and what is known of it.
type entry struct {
	Check

	key   string                 // its name as the start of a JSON member
	known atomic.Pointer[result] // never nil; replaced under mu, read without
	quit  func()                 // ends its loop in the background; guarded by Health.mu

	mu        sync.Mutex // never held while a checker, a listener or a logger runs
	run       *run       // in flight, or nil
	removed   bool
	passes    int       // runs that passed in a row
	announced Outcome   // what the last change said
	told      time.Time // since when that is so
	logged    logKey
}

type logKey struct {
	outcome Outcome
	reason  string
}

// result is what is known of a check. It is never changed, only replaced.
type result struct {
	outcome  Outcome // as reported, thresholds considered; "" before the first
	reason   string
	at       time.Time     // of the last run's end
	end      time.Duration // likewise, since the Health was made; never before the first
	duration time.Duration
	since    time.Time
	lastOK   time.Time
	failures int
	runs     Runs
	stuck    bool // the last run has outlived its timeout and not returned
}

// found is what one run found.
type found struct {
	outcome  Outcome
	reason   string
	at       time.Time
	duration time.Duration
	err      error // for the logger only
	wedged   bool
}

// never is longer ago than anything.
const never = time.Duration(-1 << 62)

func newEntry(c Check) *entry {
	e := &entry{Check: c, key: `"` + c.Name + `":`, announced: OutcomeUnknown}
	e.known.Store(&result{end: never})
	return e
}

// next is what is known after f, which follows r.
func (e *entry) next(r *result, f found) *result {
	n := *r
	n.at, n.duration, n.stuck = f.at, f.duration, f.wedged
	n.runs.count(f.outcome)
	passes := f.outcome.passing()
	if passes {
		e.passes++
		n.failures, n.lastOK = 0, f.at
	} else {
		e.passes = 0
		n.failures++
	}
	stale := e.logged.outcome == OutcomeStale // then r is void, and f the first result again
	turned := r.outcome != "" && !stale && passes != r.outcome.passing()
	if turned && !f.wedged && (passes && e.passes < e.RecoverAfter || !passes && n.failures < e.FailAfter) {
		return &n
	}
	if n.outcome != f.outcome || stale {
		n.outcome, n.since = f.outcome, f.at
		if n.since.Before(e.told) { // a timeout is dated at its deadline
			n.since = e.told
		}
	}
	n.reason = f.reason
	return &n
}

func (n *Runs) count(o Outcome) {
	switch o {
	case OutcomeOK:
		n.OK++
	case OutcomeDegraded:
		n.Degraded++
	case OutcomeTimeout:
		n.Timeout++
	default:
		n.Failed++
	}
}

// shown is the outcome of the check as others see it.
func (e *entry) shown(o Outcome) Outcome {
	switch {
	case o == "":
		return OutcomeUnknown
	case e.Optional && !o.passing():
		return OutcomeDegraded
	}
	return o
}

// remove stops the check from being run or reported.
func (e *entry) remove() {
	e.mu.Lock()
	e.removed = true
	r := e.run
	e.mu.Unlock()
	if r != nil {
		r.cancel()
	}
}

func (e *entry) gone() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.removed
}
