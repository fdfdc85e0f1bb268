package health_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/health"
)

// stateError and codeError are errors as drivers have them.
type (
	stateError string
	codeError  int
)

func (stateError) Error() string      { return "a failure" }
func (s stateError) SQLState() string { return string(s) }
func (codeError) Error() string       { return "a failure" }
func (c codeError) Code() int         { return int(c) }

func TestSQLReasons(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    error
		reason string
	}{
		{stateError("55P03"), "locked"}, // lock_not_available
		{stateError("40P01"), "locked"}, // deadlock_detected
		{stateError("40001"), "locked"}, // serialization_failure
		{stateError("53100"), "disk_full"},
		{stateError("25006"), "other"}, // read_only_sql_transaction
		{codeError(5), "locked"},       // SQLITE_BUSY
		{codeError(5 | 2<<8), "locked"},
		{codeError(6), "locked"},     // SQLITE_LOCKED
		{codeError(13), "disk_full"}, // SQLITE_FULL
		{codeError(13 | 1<<8), "disk_full"},
		{codeError(8), "other"}, // SQLITE_READONLY
		{errors.New("database is locked"), "locked"},
		{errors.New("database table is locked: t"), "locked"},
		{errors.New("sqlite3: database or disk is full"), "disk_full"},
		{errDown, "other"},
		{context.DeadlineExceeded, "timeout"},
	} {
		f := func(context.Context) error { return fmt.Errorf("driver: %w", tc.err) }
		for _, db := range []*fakeDB{{query: f, execErr: f}, {connect: f}, {rows: f, begin: f}, {rows: f, affected: 1, commit: f(t.Context())}} {
			assert.Equal(t, tc.reason, checkedAs(t, health.SQLQuery(openDB(t, db, 1), ""), 0).Reason, "query: %T %v", tc.err, tc.err)
			assert.Equal(t, tc.reason, checkedAs(t, health.SQLWrite(openDB(t, db, 1), "w"), 0).Reason, "write: %T %v", tc.err, tc.err)
		}
	}
	assert.Equal(t, "other", checkedAs(t, fails(codeError(5)), 0).Reason, "a code means that in a database only")
}
