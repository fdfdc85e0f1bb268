package breaker

import (
	"context"
	"log/slog"
	"sync"
)

// hooks delivers changes in order, one at a time, outside the breaker's lock.
type hooks struct {
	mu      sync.Mutex
	pending []Change
	busy    bool // somebody delivers
}

const maxPending = 256

func (h *hooks) add(c Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pending) == maxPending {
		h.pending = h.pending[1:]
	}
	h.pending = append(h.pending, c)
}

// next takes the oldest change. The one who gets it delivers it and comes
// again.
func (h *hooks) next(first bool) (c Change, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if first && h.busy {
		return Change{}, false
	}
	if len(h.pending) == 0 {
		h.busy = false
		return Change{}, false
	}
	h.busy = true
	c, h.pending = h.pending[0], h.pending[1:]
	return c, true
}

func (b *Breaker) flush(ctx context.Context) {
	for c, ok := b.hooks.next(true); ok; c, ok = b.hooks.next(false) {
		b.deliver(ctx, c)
	}
}

func (b *Breaker) deliver(ctx context.Context, c Change) {
	if b.cfg.Logger != nil {
		level := slog.LevelInfo
		if c.To == Open {
			level = slog.LevelWarn
		}
		b.cfg.Logger.LogAttrs(ctx, level, "Circuit changed", slog.String("breaker", c.Name), slog.String("from", c.From.String()),
			slog.String("to", c.To.String()), slog.String("reason", string(c.Reason)))
	}
	if b.cfg.OnChange != nil {
		defer b.contain(ctx, "Breaker OnChange panicked")
		b.cfg.OnChange(c)
	}
}
