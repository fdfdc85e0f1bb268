package breaker

import (
	"context"
	"fmt"
	"log/slog"
)

// maxChanges bounds what a blocked OnChange can pile up.
const maxChanges = 256

// publish queues a change; the caller holds the lock and leaves through unlock.
func (b *Breaker) publish(c Change) {
	if len(b.changes) == maxChanges {
		b.changes = append(b.changes[:0], b.changes[1:]...)
	}
	b.changes = append(b.changes, c)
}

// unlock releases the lock and delivers the queued changes. One goroutine delivers at a time, which keeps the order; a
// hook that uses the breaker finds it draining and leaves its own changes to the loop that called it.
func (b *Breaker) unlock() {
	if len(b.changes) == 0 || b.draining {
		b.mu.Unlock()
		return
	}
	b.draining = true
	locked := true
	defer func() {
		// Also after a hook that ended its goroutine: the next call delivers what is left.
		if !locked {
			b.mu.Lock()
		}
		b.draining = false
		b.mu.Unlock()
	}()
	for len(b.changes) > 0 {
		c := b.changes[0]
		b.changes = append(b.changes[:0], b.changes[1:]...)
		b.mu.Unlock()
		locked = false
		b.log(c)
		b.notify(c)
		b.mu.Lock()
		locked = true
	}
}

func (b *Breaker) log(c Change) {
	defer b.contain("Logger")
	// Without a context: a change belongs to the circuit, not to the call that happens to deliver it.
	log := b.cfg.Logger.Info
	if c.To == Open || c.To == ForcedOpen {
		log = b.cfg.Logger.Warn
	}
	log("circuit changed",
		slog.String("breaker", b.name),
		slog.String("from", c.From.String()),
		slog.String("to", c.To.String()),
		slog.String("reason", string(c.Reason)),
		slog.Int64("open_for_ms", c.OpenFor.Milliseconds()))
}

func (b *Breaker) notify(c Change) {
	if b.cfg.OnChange == nil {
		return
	}
	defer b.contain("OnChange")
	b.cfg.OnChange(c)
}

func (b *Breaker) observe(ctx context.Context, e Event) {
	if b.cfg.Observer == nil {
		return
	}
	defer b.contain("Observer")
	b.cfg.Observer(ctx, e)
}

// contain keeps a hook's panic from the call that happened to run it.
func (b *Breaker) contain(hook string) {
	p := recover()
	if p == nil {
		return
	}
	defer func() { _ = recover() }() // the logger's handler may be what panicked
	b.cfg.Logger.Error("hook panicked",
		slog.String("breaker", b.name), slog.String("hook", hook), slog.String("panic_type", fmt.Sprintf("%T", p)))
}
