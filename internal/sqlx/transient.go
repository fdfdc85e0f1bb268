// Package sqlx holds what the packages on database/sql share. It imports no
// driver.
package sqlx

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

// Transient reports whether err says that a statement had no effect because
// another connection was in the way, so that it can be run again: SQLITE_BUSY
// and SQLITE_LOCKED of SQLite, serialization_failure and deadlock_detected of
// PostgreSQL.
func Transient(err error) bool {
	if err == nil {
		return false
	}
	if coded, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok { // pgx, lib/pq
		return coded.SQLState() == "40001" || coded.SQLState() == "40P01"
	}
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok { // modernc.org/sqlite, with extended codes
		const busy, locked = 5, 6
		return coded.Code()&0xff == busy || coded.Code()&0xff == locked
	}
	// mattn/go-sqlite3 and ncruces/go-sqlite3 have types of their own here.
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// Retry runs op until its error is not [Transient] or ctx ends, with growing
// pauses, and returns op's last error.
func Retry(ctx context.Context, op func() error) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := op()
		if !Transient(err) {
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2)) //nolint:gosec // jitter
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}
