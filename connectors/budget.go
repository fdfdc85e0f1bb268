package connectors

import (
	"sync"
	"time"
)

// maxSaved is how many repetitions a [budget] saves. It bounds what an outage can
// add at its beginning.
const maxSaved = 10

// budget bounds the repetitions of a client: a share of its calls, and one a
// second, so that a client with few calls has some too. A nil budget bounds
// nothing.
type budget struct {
	share float64 // earned by a call

	mu    sync.Mutex
	saved float64
	at    time.Time // to which the seconds are counted
}

func newBudget(share float64, start int) *budget {
	if share < 0 {
		return nil
	}
	return &budget{share: share, saved: min(float64(max(start, 1)), maxSaved), at: time.Now()}
}

// earn counts a call.
func (b *budget) earn() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saved = min(b.saved+b.share, maxSaved)
}

// spend takes a repetition, if there is one.
func (b *budget) spend() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.saved = min(b.saved+max(now.Sub(b.at).Seconds(), 0), maxSaved)
	b.at = now
	if b.saved < 1 {
		return false
	}
	b.saved--
	return true
}
