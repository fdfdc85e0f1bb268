package health

import (
	"errors"
	"strings"

	"github.com/bracework/bracework/internal/sqlx"
)

// withSQLReason adds the reasons that only a database can tell. It is for the
// errors of database/sql: elsewhere a Code method may mean anything.
func withSQLReason(err error) error {
	switch {
	case err == nil:
		return nil
	case databaseFull(err):
		return Reason(reasonDiskFull, err)
	case databaseLocked(err):
		return Reason(reasonLocked, err)
	}
	return err
}

func databaseFull(err error) bool {
	if state, ok := sqlState(err); ok {
		return state == "53100" // disk_full
	}
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok { // modernc.org/sqlite, with extended codes
		const full = 13
		return coded.Code()&0xff == full
	}
	return strings.Contains(err.Error(), "database or disk is full")
}

func databaseLocked(err error) bool {
	if state, ok := sqlState(err); ok && state == "55P03" { // lock_not_available
		return true
	}
	return sqlx.Transient(err)
}

// sqlState is the SQLSTATE of an error of pgx or lib/pq.
func sqlState(err error) (string, bool) {
	coded, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok {
		return "", false
	}
	return coded.SQLState(), true
}
