package slack

import (
	"maps"
	"sync"
	"time"

	"github.com/bracework/bracework/connectors/internal/provider"
)

const (
	// maxChannels is how many channels without a call are kept. Beyond it one
	// leaves that is not idle: Slack limits it then, and not this side.
	maxChannels = 1000
	// sweepEvery is how often idle channels leave, and sweepFull how often when
	// there is no room.
	sweepEvery = time.Minute
	sweepFull  = time.Second
)

// channels holds the gate of each channel that a bot writes to. A gate that has
// nothing to remember leaves.
type channels struct {
	newGate func() *provider.Gate

	mu    sync.Mutex
	byKey map[string]*channel
	swept time.Time
}

// channel is a gate and how many calls hold it.
type channel struct {
	gate  *provider.Gate
	calls int
}

func newChannels(newGate func() *provider.Gate) *channels {
	return &channels{newGate: newGate, byKey: map[string]*channel{}, swept: time.Now()}
}

// acquire returns the channel of a key, for one call.
func (c *channels) acquire(key string) *channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch, ok := c.byKey[key]
	if !ok {
		c.makeRoom()
		ch = &channel{gate: c.newGate()}
		c.byKey[key] = ch
	}
	ch.calls++
	return ch
}

func (c *channels) release(ch *channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch.calls--
}

// makeRoom drops channels that are idle, now and then, and one that is not when
// there are still too many.
func (c *channels) makeRoom() {
	now := time.Now()
	since := now.Sub(c.swept)
	full := len(c.byKey) >= maxChannels
	if since >= sweepEvery || full && since >= sweepFull {
		c.swept = now
		maps.DeleteFunc(c.byKey, func(_ string, ch *channel) bool { return ch.calls == 0 && ch.gate.Idle() })
	}
	if len(c.byKey) < maxChannels {
		return
	}
	for key, ch := range c.byKey {
		if ch.calls == 0 {
			delete(c.byKey, key)
			return
		}
	}
}

func (c *channels) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.byKey {
		ch.gate.Reset()
	}
}
