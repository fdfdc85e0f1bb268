package breaker

import (
	"context"
	"sync/atomic"
)

// call is an admitted call that goes on after the upstream has begun to answer.
type call struct {
	b   *Breaker
	ctx context.Context //nolint:containedctx // of the call that this is
	t   ticket

	granted bool // the outcome Success is counted already
	ended   atomic.Bool
}

// answered takes the time, and lets a probe succeed: whoever reads an answer for hours, or not at all, must not hold the
// circuit half-open. Other calls wait for their end.
func (c *call) answered() {
	if c.ended.Load() {
		return
	}
	if c.b.timed || c.t.probe != 0 {
		c.t.took = c.b.now() - c.t.start
	}
	c.t.answered = true
	if c.t.probe != 0 {
		c.t.period = c.b.leaveFor(c.ctx, c.t, Success, 0)
		c.t.probe, c.granted = 0, true
	}
}

// end counts the outcome; only the first counts. A call that was granted its success can still fail, and that is counted
// beside it, in the period that its success led to.
func (c *call) end(o Outcome) {
	switch {
	case c.ended.Swap(true):
	case !c.granted:
		c.b.leave(c.ctx, c.t, o)
	case o != Success && o != Neutral:
		c.b.running.Add(1) // leave takes it back
		c.b.leave(c.ctx, c.t, o)
	}
}
