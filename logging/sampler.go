package logging

import (
	"sync"
	"time"
)

const (
	sampleWindow = time.Minute
	maxSamples   = 1 << 10
)

// sampler bounds how many lines of a kind are written in a window. A nil one
// bounds nothing.
type sampler struct {
	most int64

	mu    sync.Mutex
	kinds map[sampleKey]*sample
}

// sampleKey is what makes errors the same one again. None of it is the client's.
type sampleKey struct {
	route    string
	status   int
	returned bool
}

type sample struct {
	begun               time.Time
	written, suppressed int64
}

func newSampler(most int) *sampler {
	if most <= 0 {
		return nil
	}
	return &sampler{most: int64(most), kinds: map[sampleKey]*sample{}}
}

// take reports whether a line is to be written, and how many of its kind were
// not since the last one that was.
func (s *sampler) take(key sampleKey) (write bool, suppressed int64) {
	if s == nil {
		return true, 0
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := s.kinds[key]
	if kind == nil {
		if len(s.kinds) >= maxSamples {
			return true, 0
		}
		kind = &sample{begun: now}
		s.kinds[key] = kind
	}
	if now.Sub(kind.begun) >= sampleWindow {
		kind.begun, kind.written = now, 0
	}
	if kind.written >= s.most {
		kind.suppressed++
		return false, 0
	}
	kind.written++
	suppressed, kind.suppressed = kind.suppressed, 0
	return true, suppressed
}
