package ratelimit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A failure weighs as much as two successes. At this weight the store is
	// left alone: after three failures in a row, or when more than a third of
	// its calls fail.
	failureWeight = 2
	openAt        = 3 * failureWeight
	// probeEvery is the pause between two calls to a store that is left alone.
	probeEvery = time.Second
	// quietFor is how long a store must not have failed to count as recovered.
	quietFor = 2 * time.Second
	// slowCall is from when on a call that its caller's deadline ended says
	// something about the store.
	slowCall = 20 * time.Millisecond
	// maxChanges bounds what waits for an event.
	maxChanges = 16
)

// outage keeps track of whether the store works. While it does, a call costs
// two atomic loads. Times are on its own clock.
type outage struct {
	start   time.Time
	probeAt atomic.Int64 // 0, or no call is made before
	unwell  atomic.Bool  // there is something below to look at
	pending atomic.Bool  // there are changes

	mu          sync.Mutex
	weight      int           // of the failures
	since       time.Duration // it was left alone, or came back; older calls do not count
	lastFailure time.Duration
	down        bool          // was left alone, and has not recovered
	changes     []StoreChange // for the next events
}

func (o *outage) now() time.Duration { return time.Since(o.start) }

// mayCall reports whether the store should be asked. Of the callers that come
// after a pause one is told to probe.
func (o *outage) mayCall() bool {
	at := o.probeAt.Load()
	if at == 0 {
		return true
	}
	now := o.now()
	return int64(now) >= at && o.probeAt.CompareAndSwap(at, int64(now+probeEvery))
}

// succeeded notes that a call which began then has succeeded, and reports
// whether the store has recovered.
func (o *outage) succeeded(began time.Duration) bool {
	if !o.unwell.Load() {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if began < o.since {
		return false
	}
	now := o.now()
	if o.probeAt.Swap(0) != 0 {
		o.weight, o.since = 0, now
	}
	o.weight = max(o.weight-1, 0)
	recovered := o.down && now-o.lastFailure >= quietFor
	if recovered {
		o.down = false
		o.changed(StoreRecovered)
	}
	o.unwell.Store(o.down || o.weight > 0)
	return recovered
}

// failed notes that a call which began then has failed, and reports whether the
// store is now down and was not before.
func (o *outage) failed(began time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if began < o.since {
		return false
	}
	o.unwell.Store(true)
	o.weight += failureWeight
	o.lastFailure = o.now()
	if o.weight < openAt {
		return false
	}
	if o.probeAt.Swap(int64(o.lastFailure+probeEvery)) == 0 {
		o.since = o.lastFailure
	}
	if o.down {
		return false
	}
	o.down = true
	o.changed(StoreFailed)
	return true
}

func (o *outage) changed(c StoreChange) {
	if len(o.changes) < maxChanges {
		o.changes = append(o.changes, c)
		o.pending.Store(true)
	}
}

// change returns one that no event has told yet, or none.
func (o *outage) change() StoreChange {
	if !o.pending.Load() {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.changes) == 0 {
		return ""
	}
	c := o.changes[0]
	o.changes = o.changes[1:]
	o.pending.Store(len(o.changes) > 0)
	return c
}

func (l *Limiter) noteSuccess(ctx context.Context, began time.Duration) {
	if l.outage.succeeded(began) {
		l.fallback.Store(nil)
		l.log(ctx, slog.LevelInfo, "Rate limit store recovered")
	}
}

func (l *Limiter) noteFailure(ctx context.Context, began time.Duration, err error) {
	if l.outage.failed(began) {
		l.log(ctx, slog.LevelWarn, "Rate limit store failed", slog.Any("error", err), slog.String("policy", l.cfg.OnStoreError.String()))
	}
}

// local is the memory that limits while the store fails.
func (l *Limiter) local() *MemoryStore {
	if s := l.fallback.Load(); s != nil {
		return s
	}
	l.fallback.CompareAndSwap(nil, NewMemoryStore(MemoryConfig{}))
	if s := l.fallback.Load(); s != nil {
		return s
	}
	return NewMemoryStore(MemoryConfig{}) // recovered just now
}
