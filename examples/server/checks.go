package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/bracework/bracework/health"
)

const (
	// checkTimeout is more than the probe waits for a lock, so that the check
	// fails as locked and not as late.
	checkTimeout = 3 * time.Second
	// minDiskFree lets the write-ahead log grow by several checkpoints.
	minDiskFree = 32 << 20
)

// addChecks registers what /health watches. What touches the disk runs in the
// background: a probe must not wait for it, and must not write.
func (a *app) addChecks() error {
	disk, err := health.DiskFree(a.cfg.dataDir, minDiskFree, 0)
	if err != nil {
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	for _, c := range []health.Check{
		{Name: "database", Checker: health.SQLWrite(a.store.probe, probeWrite), Every: a.cfg.healthEvery, Timeout: checkTimeout},
		{Name: "runtime", Checker: health.Runtime(0, 0)},
		// The probe's row may still find room in the write-ahead log when the
		// disk is full. Traffic goes on as long as the database takes writes.
		{Name: "disk", Checker: disk, Every: a.cfg.healthEvery, Timeout: checkTimeout, NotForReady: true},
	} {
		if err := a.health.Add(c); err != nil {
			return err
		}
	}
	return nil
}

// startWork begins what runs beside the requests: the scheduler and the checks
// in the background. stop ends the scheduler and waits for it.
func (a *app) startWork(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a signal ends the requests first
	alive, ended := health.Supervise(ctx, a.janitor.run)
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			a.log.LogAttrs(ctx, slog.LevelError, "Scheduler failed", slog.Any("error", err))
		}
	}
	err = a.health.Add(health.Check{
		Name: "scheduler",
		Checker: health.CheckFunc(func(ctx context.Context) error {
			if err := alive.Check(ctx); err != nil {
				return err
			}
			return a.janitor.beat.Check(ctx)
		}),
		// Requests do not need it. Nor is it ForLive: old runs can wait for
		// somebody to look, and a crash that comes again would restart the
		// server for ever.
		NotForReady: true,
	})
	if err != nil {
		return stop, err
	}
	a.health.Evaluate(ctx) // so that no probe meets a check without a result
	return stop, a.health.Start(ctx)
}
