package health

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// maxChanges bounds what waits for a listener or a logger that blocks.
const maxChanges = 1024

// changes delivers to the logger and the listener, in order. The goroutine that
// does so exists only while there is something to deliver.
type changes struct {
	mu     sync.Mutex
	queue  []delivery
	active bool
}

type delivery struct {
	Change

	err      error
	outcome  Outcome // before an optional check's is softened
	optional bool
	duration time.Duration
	log      bool
}

// publish makes f known and says so. The caller holds e.mu, so that changes
// queue up in the order in which they happened.
func (h *Health) publish(e *entry, f found) {
	n := e.next(e.known.Load(), f)
	n.end = f.at.Sub(h.start)
	e.known.Store(n)
	h.announce(e, n.outcome, n.reason, n.since, f)
}

// announce queues what changed since the last time. The caller holds e.mu.
func (h *Health) announce(e *entry, outcome Outcome, reason string, since time.Time, f found) {
	if h.set.Load().draining || e.removed {
		return // a dependency that stops first is no news
	}
	d := delivery{
		Change: Change{Name: e.Name, From: e.announced, To: e.shown(outcome), Reason: reason, Since: since},
		err:    f.err, outcome: outcome, optional: e.Optional, duration: f.duration,
	}
	key, before := logKey{outcome, reason}, e.logged
	d.log = before != key && (before != logKey{} || outcome != OutcomeOK)
	e.announced, e.told, e.logged = d.To, since, key
	if d.log || d.From != d.To {
		h.deliver(d)
	}
}

func (h *Health) deliver(d delivery) {
	c := &h.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == maxChanges {
		c.queue = append(c.queue[:0], c.queue[1:]...)
	}
	c.queue = append(c.queue, d)
	if !c.active {
		c.active = h.spawn("listener", func() {}, h.tellAll)
	}
}

// tellAll delivers what waits. Deferred, because a listener may end its
// goroutine: another one goes on.
func (h *Health) tellAll() {
	c := &h.changes
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.active = len(c.queue) > 0 && h.spawn("listener", func() {}, h.tellAll)
	}()
	for {
		d, ok := c.next()
		if !ok {
			return
		}
		h.log(d)
		h.tell(d)
	}
}

func (c *changes) next() (d delivery, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.queue = nil
		return delivery{}, false
	}
	d = c.queue[0]
	c.queue[0] = delivery{}
	c.queue = c.queue[1:]
	return d, true
}

// tell calls the listener in a way that survives whatever it does.
func (h *Health) tell(d delivery) {
	if h.cfg.Listener == nil || d.From == d.To {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			defer func() { _ = recover() }() // of the logger
			h.cfg.Logger.LogAttrs(context.Background(), slog.LevelError, "health listener panicked", slog.String("check", d.Name), slog.Any("panic", v))
		}
	}()
	h.cfg.Listener(d.Change)
}

// log never lets a broken handler or error take the process down with it.
func (h *Health) log(d delivery) {
	if !d.log {
		return
	}
	defer func() { _ = recover() }()
	attrs := []slog.Attr{
		slog.String("check", d.Name),
		slog.String("outcome", string(d.outcome)),
		slog.String("reason", d.Reason),
		slog.Bool("optional", d.optional),
		slog.Duration("duration", d.duration),
	}
	if d.err != nil {
		attrs = append(attrs, slog.Any("error", d.err))
	}
	if d.outcome == OutcomeOK {
		h.cfg.Logger.LogAttrs(context.Background(), slog.LevelInfo, "health check ok again", attrs...)
		return
	}
	h.cfg.Logger.LogAttrs(context.Background(), slog.LevelWarn, "health check not ok", attrs...)
}
