package enginetest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	startTimeout = time.Minute      // for an engine to be ready, recovery included
	stopTimeout  = 15 * time.Second // for processes to end or to stand still
	probeTimeout = 5 * time.Second  // for one try of a readiness probe
)

// errEnded is the result of await when the process ended first.
var errEnded = errors.New("the process ended")

// await calls probe every interval until it returns nil. It fails when ended
// is closed or the timeout has passed, with the last error of probe.
func await(timeout, interval time.Duration, ended <-chan struct{}, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", timeout, err)
		}
	}
}
