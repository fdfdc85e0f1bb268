package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Heartbeat is a [Checker] that fails, reason stuck, when work makes no
// progress. It is stale when the last beat is older than its maximum age,
// unless a job that was announced with Begin is within its limit. A job past
// its limit fails it whatever else beats: others know nothing of that job, which
// keeps its goroutine, its locks and its place in the queue.
//
// Beat where a step of the work is done. A ticker of its own would go on beating
// for a worker that is long dead. A worker that may wait for work longer than
// the maximum age waits in shorter turns and beats after each.
//
// The time in which the whole process stood still, stopped by a signal or with its
// machine, does not count, if it was more than a second and [Health.Start] was
// called before.
//
// Its methods may be called concurrently. Make one with [NewHeartbeat].
type Heartbeat struct {
	maxAge time.Duration
	start  time.Time    // of the heartbeat's clock; monotonic
	last   atomic.Int64 // the last beat, nanoseconds after start

	mu   sync.Mutex
	jobs map[*job]struct{}
}

// job is work that declared how long it may take.
type job struct {
	began, limit time.Duration // began: after start
}

// NewHeartbeat returns a heartbeat that is stale when nothing beats for longer
// than maxAge; making it is the first beat. A maxAge that is not positive is an
// error of [New] and [Health.Add].
func NewHeartbeat(maxAge time.Duration) *Heartbeat {
	return &Heartbeat{maxAge: maxAge, start: time.Now(), jobs: make(map[*job]struct{})}
}

func (h *Heartbeat) validate() error {
	if h == nil {
		return errors.New("no heartbeat")
	}
	if h.maxAge <= 0 {
		return fmt.Errorf("maximum age of a beat %v: want more than 0", h.maxAge)
	}
	return nil
}

// Beat tells that the work makes progress. It costs a look at the clock and
// allocates nothing.
func (h *Heartbeat) Beat() { h.last.Store(int64(time.Since(h.start))) }

// Begin announces a job of at most limit, the maximum age of h when limit is not
// positive. The job ends with done, which is a beat; calls after the first do
// nothing. Any number of jobs may run at once; each takes some 100 bytes until
// it is done. One whose done is never called makes h fail from its limit on, so
// defer the call.
func (h *Heartbeat) Begin(limit time.Duration) (done func()) {
	if limit <= 0 {
		limit = h.maxAge
	}
	j := &job{began: time.Since(h.start), limit: limit}
	h.mu.Lock()
	h.jobs[j] = struct{}{}
	h.mu.Unlock()
	return func() { h.end(j) }
}

func (h *Heartbeat) end(j *job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, running := h.jobs[j]; running {
		h.Beat() // under the lock: who misses the job must see its beat
		delete(h.jobs, j)
	}
}

// Check implements [Checker].
func (h *Heartbeat) Check(ctx context.Context) error {
	now := time.Since(h.start)
	running, overdue, by := h.survey(ctx, now)
	if overdue > 0 {
		return Reason(reasonStuck, fmt.Errorf("health: %d of %d jobs past their limit, one by %v", overdue, running, by))
	}
	if age := h.since(ctx, time.Duration(h.last.Load()), now, h.maxAge); running == 0 && age > h.maxAge {
		return Reason(reasonStuck, fmt.Errorf("health: no beat for %v, limit %v", age, h.maxAge))
	}
	return nil
}

// survey counts the jobs, and those past their limit, of which the worst is past
// it by so long.
func (h *Heartbeat) survey(ctx context.Context, now time.Duration) (running, overdue int, by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for j := range h.jobs {
		if late := h.since(ctx, j.began, now, j.limit) - j.limit; late > 0 {
			overdue++
			by = max(by, late)
		}
	}
	return len(h.jobs), overdue, by
}

// since returns the time from then to now in which the process ran. It looks at
// pauses only where they matter, beyond limit.
func (h *Heartbeat) since(ctx context.Context, then, now, limit time.Duration) time.Duration {
	age := now - then
	if age > limit {
		age -= sleptSince(ctx, h.start.Add(then))
	}
	return age
}
