package ratelimit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxTierLog bounds the names that tierLog remembers; later ones are not
	// logged, since names may come from tenants' data.
	maxTierLog = 64
	// lookupLogEvery is the pause between two lines about failed lookups.
	lookupLogEvery = time.Minute
)

// tierLog keeps a wrong tier from filling the log.
type tierLog struct {
	mu       sync.Mutex
	names    map[string]struct{}
	lookupAt time.Time // of the last line about a failed lookup
}

// first reports whether the invalid tier of that name is new.
func (t *tierLog) first(name string) bool {
	name = name[:min(len(name), maxTierName)]
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.names[name]; ok || len(t.names) >= maxTierLog {
		return false
	}
	if t.names == nil {
		t.names = map[string]struct{}{}
	}
	t.names[name] = struct{}{}
	return true
}

// lookupDue reports whether a failed lookup should be logged.
func (t *tierLog) lookupDue() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.lookupAt.IsZero() && now.Sub(t.lookupAt) < lookupLogEvery {
		return false
	}
	t.lookupAt = now
	return true
}

// noTier refuses a request whose TierFunc returned err.
func (l *Limiter) noTier(ctx context.Context, v *ruling, err error) {
	if ctx.Err() != nil {
		v.refuse(OutcomeCanceled, ctx.Err())
		return
	}
	if l.tierLog.lookupDue() {
		l.log(ctx, slog.LevelError, "Rate limit tier lookup failed", slog.Any("error", err))
	}
	v.refuse(OutcomeTierInvalid, fmt.Errorf("ratelimit: tier: %w", err))
}
