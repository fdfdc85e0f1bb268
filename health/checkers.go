package health

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/metrics"
)

// SQLQuery reads from a database: it runs a query, SELECT 1 when empty, and
// reads its rows, through the pool of the service. A full pool is told from a
// database that does not answer. Reading does not show a full disk; see
// [SQLWrite].
func SQLQuery(db *sql.DB, query string) Checker {
	if query == "" {
		query = "SELECT 1"
	}
	return CheckFunc(func(ctx context.Context) error {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return poolError(db, err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() { // to reach the end is the check
		}
		return rows.Err()
	})
}

// SQLWrite writes to a database: it executes a statement and commits it. Use
// one that keeps a single row. A full disk, a read-only file and a database
// that another process has locked all show here, and in no read.
func SQLWrite(db *sql.DB, statement string, args ...any) Checker {
	return CheckFunc(func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, statement, args...)
		return poolError(db, err)
	})
}

var errPoolExhausted = errors.New("health: every connection of the pool is in use")

func poolError(db *sql.DB, err error) error {
	stats := db.Stats()
	if errors.Is(err, context.DeadlineExceeded) && stats.MaxOpenConnections > 0 && stats.InUse >= stats.MaxOpenConnections {
		return fmt.Errorf("%w: %w", errPoolExhausted, err)
	}
	return err
}

// Runtime fails when the process has more goroutines or bytes of live heap than
// given; 0 is no limit. It does not stop the world.
func Runtime(maxGoroutines int, maxHeapBytes uint64) Checker {
	return CheckFunc(func(context.Context) error {
		samples := []metrics.Sample{{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(samples)
		goroutines, heap := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		switch {
		case maxGoroutines > 0 && goroutines > uint64(maxGoroutines):
			return fmt.Errorf("health: %d goroutines", goroutines)
		case maxHeapBytes > 0 && heap > maxHeapBytes:
			return fmt.Errorf("health: %d bytes of heap", heap)
		}
		return nil
	})
}
