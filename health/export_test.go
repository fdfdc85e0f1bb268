package health

import (
	"context"
	"time"
)

// Paused returns a context as checkers get it in a process that stood still from
// from to to.
func Paused(ctx context.Context, from, to time.Time) context.Context {
	h := &Health{start: from.Add(-time.Hour)}
	h.pulse.pauses = []pause{{time.Hour, time.Hour + to.Sub(from)}}
	return context.WithValue(ctx, pulseKey{}, h)
}

// Space is what a file system tells of itself.
type Space struct{ Size, Free, Unit, Inodes, FreeInodes uint64 }

// Below returns what DiskFree finds wrong with s.
func (s Space) Below(minBytes uint64, minPercent float64) error {
	return space{s.Size, s.Free, s.Unit, s.Inodes, s.FreeInodes}.below(minBytes, minPercent)
}
