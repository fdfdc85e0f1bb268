package openweather

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bracework/bracework/connectors"
)

// maxEntries is how many answers a cache keeps.
const maxEntries = 1000

// cache keeps answers, and lets callers that ask for the same share a call. It
// needs no goroutine: a call belongs to the caller that makes it, and what is too
// old is found when it is asked for, or when the room is needed.
type cache struct {
	keep time.Duration

	mu      sync.Mutex
	entries map[string]entry
	flights map[string]*flight
}

type entry struct {
	body  []byte
	until time.Time
}

// flight is a call that others may wait for.
type flight struct {
	done     chan struct{} // closed when the call has ended
	deadline time.Time     // of the call

	// Written before done is closed.
	shared bool // body and err are for all
	body   []byte
	err    error
}

func newCache(keep time.Duration) *cache {
	return &cache{keep: keep, entries: map[string]entry{}, flights: map[string]*flight{}}
}

// get returns what is kept for a key, or what fetch returns. Callers at the same
// time wait for the fetch of one of them. When that turns out not to be shared, they
// look again, and one of them fetches; and so do those that had more time than it.
// A body must not be modified. The context has a deadline.
func (c *cache) get(ctx context.Context, key string, fetch func() (body []byte, shared bool, err error)) ([]byte, error) {
	for {
		deadline, _ := ctx.Deadline()
		body, f, leads := c.join(key, deadline)
		switch {
		case f == nil:
			return body, nil
		case leads:
			defer c.land(key, f) // a fetch that panics lets the others go too
			f.body, f.shared, f.err = fetch()
			return f.body, f.err
		}
		select {
		case <-f.done:
			if f.shared && !f.tooShort(deadline) {
				return f.body, f.err
			}
		case <-ctx.Done():
			return nil, connectors.ContextError(ctx)
		}
	}
}

// join returns what is kept, or the flight of a key, which the caller leads when
// there was none.
func (c *cache) join(key string, deadline time.Time) (body []byte, f *flight, leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.entries[key]; ok {
		if time.Now().Before(kept.until) {
			return kept.body, nil, false
		}
		delete(c.entries, key)
	}
	f, ok := c.flights[key]
	if !ok {
		f = &flight{done: make(chan struct{}), deadline: deadline}
		c.flights[key] = f
	}
	return nil, f, !ok
}

// tooShort reports whether a call that has ended did so for want of time that one
// with the given deadline has. The limits of a call's parts depend on its deadline,
// so that it may end long before that.
func (f *flight) tooShort(deadline time.Time) bool {
	e, ok := errors.AsType[*connectors.Error](f.err)
	return ok && e.Status == 0 && (e.Kind == connectors.KindTimeout || e.Kind == connectors.KindCanceled) && deadline.After(f.deadline)
}

// land ends a flight and keeps what it brought.
func (c *cache) land(key string, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, key)
	if f.body != nil && f.err == nil {
		c.makeRoom()
		c.entries[key] = entry{body: f.body, until: time.Now().Add(c.keep)}
	}
	close(f.done)
}

// makeRoom removes the oldest answer of a full cache. It looks at all of them,
// which takes no time beside a call.
func (c *cache) makeRoom() {
	if len(c.entries) < maxEntries {
		return
	}
	var oldest string
	for key, kept := range c.entries {
		if first, ok := c.entries[oldest]; !ok || kept.until.Before(first.until) {
			oldest = key
		}
	}
	delete(c.entries, oldest)
}
