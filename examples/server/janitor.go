package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/bracework/bracework/health"
)

const (
	runRetention = 30 * 24 * time.Hour // how long a run is kept after its end
	purgeEvery   = time.Minute
	purgeBatch   = 1000 // runs in one transaction: webhooks wait no longer than for that
)

// janitor deletes runs that ended long ago. It is the server's scheduler: the
// one thing that works without a request.
type janitor struct {
	purge func(ctx context.Context, before time.Time, limit int) (deleted int, err error)
	every time.Duration
	beat  *health.Heartbeat
	log   *slog.Logger
}

func newJanitor(s *store, log *slog.Logger) *janitor {
	return &janitor{purge: s.purgeRuns, every: purgeEvery, beat: health.NewHeartbeat(5 * purgeEvery), log: log}
}

// run works until ctx ends.
func (j *janitor) run(ctx context.Context) error {
	ticker := time.NewTicker(j.every)
	defer ticker.Stop()
	for {
		if err := j.round(ctx); err != nil && ctx.Err() == nil {
			j.log.LogAttrs(ctx, slog.LevelWarn, "Runs not purged", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// round beats for each batch that is done, and not for each turn of the loop:
// one that only turns is as good as dead.
func (j *janitor) round(ctx context.Context) error {
	before := time.Now().Add(-runRetention)
	for {
		deleted, err := j.purge(ctx, before, purgeBatch)
		if err != nil {
			return err
		}
		j.beat.Beat()
		if deleted < purgeBatch {
			return nil
		}
	}
}
