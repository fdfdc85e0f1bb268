package health

import (
	"context"
	"time"
)

// Thawed returns a context as checkers get it after the process stood still
// until at.
func Thawed(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, thawKey{}, func() time.Time { return at })
}

// Space is what a file system tells of itself.
type Space struct{ Size, Free, Unit, Inodes, FreeInodes uint64 }

// Below returns what DiskFree finds wrong with s.
func (s Space) Below(minBytes uint64, minPercent float64) error {
	return space{s.Size, s.Free, s.Unit, s.Inodes, s.FreeInodes}.below(minBytes, minPercent)
}
