package health

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
)

// Runtime checks the process itself: it fails with more than maxGoroutines
// goroutines, or more than maxHeapBytes bytes of heap memory in objects, live or
// not yet swept. 0 is no limit. It reads [runtime/metrics] and does not stop
// the world. A negative maxGoroutines is an error of [New] and [Health.Add].
func Runtime(maxGoroutines int, maxHeapBytes uint64) Checker {
	return runtimeCheck{maxGoroutines, maxHeapBytes}
}

type runtimeCheck struct {
	maxGoroutines int
	maxHeapBytes  uint64
}

func (c runtimeCheck) validate() error {
	if c.maxGoroutines < 0 {
		return fmt.Errorf("negative limit of goroutines: %d", c.maxGoroutines)
	}
	return nil
}

func (c runtimeCheck) Check(context.Context) error {
	samples := [...]metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(samples[:])
	return errors.Join(
		above("goroutines", samples[0].Value, uint64(max(c.maxGoroutines, 0))),
		above("heap bytes", samples[1].Value, c.maxHeapBytes),
	)
}

func above(what string, v metrics.Value, limit uint64) error {
	switch {
	case limit == 0:
		return nil
	case v.Kind() != metrics.KindUint64: // no error would look like health
		return fmt.Errorf("health: this version of Go does not tell its %s", what)
	case v.Uint64() <= limit:
		return nil
	}
	return fmt.Errorf("health: %d %s, limit %d", v.Uint64(), what, limit)
}
