package health

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
)

// SQLQuery checks that db answers query, "SELECT 1" when empty, within the
// check's timeout. It asks db for a connection as the application does. When
// none is free until the deadline, because all of [sql.DB.SetMaxOpenConns] are
// in use, the reason is pool_exhausted: the pool is to blame, not the database.
// Other reasons are locked and disk_full, by the codes of SQLite (from
// modernc.org/sqlite, else by its words) and the SQLSTATE of PostgreSQL (pgx,
// lib/pq), and those of the network.
//
// At most one row is read. The check fails when its first value is a boolean
// false, as that of SELECT NOT pg_is_in_recovery() on a replica of PostgreSQL;
// other values, and no row at all, pass. A read also passes on a full disk; see
// [SQLWrite].
func SQLQuery(db *sql.DB, query string) Checker {
	if query == "" {
		query = "SELECT 1"
	}
	return &sqlCheck{db: db, stmt: query, use: func(ctx context.Context, conn *sql.Conn) error {
		rows, err := conn.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		err = firstRow(rows)
		return errors.Join(err, rows.Err(), rows.Close())
	}}
}

func firstRow(rows *sql.Rows) error {
	if !rows.Next() {
		return nil
	}
	columns, err := rows.Columns()
	if err != nil || len(columns) == 0 {
		return err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	if err := rows.Scan(values...); err != nil {
		return err
	}
	if *values[0].(*any) == false {
		return errors.New("health: the query answers false")
	}
	return nil
}

// SQLWrite checks that db commits a write: it runs stmt with args in a
// transaction of its own, each time the check runs. A rolled back write would
// pass on a full disk, so this one stays: let stmt change one fixed row, as in
//
//	INSERT INTO probe (id, at) VALUES (1, CURRENT_TIMESTAMP)
//	ON CONFLICT (id) DO UPDATE SET at = excluded.at
//
// A statement that reports no affected row has written nothing and fails. The
// reasons are those of [SQLQuery]. A write that finds the database locked is not
// tried again: the driver's busy timeout is the place to wait, and
// [Check.FailAfter] the one to forgive a single time. Run it in the background,
// see [Check.Every], rather than write with each probe.
func SQLWrite(db *sql.DB, stmt string, args ...any) Checker {
	args = slices.Clone(args)
	return &sqlCheck{db: db, stmt: stmt, use: func(ctx context.Context, conn *sql.Conn) error {
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		res, err := tx.ExecContext(ctx, stmt, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			return errors.New("health: the statement wrote no row")
		}
		return tx.Commit()
	}}
}

type sqlCheck struct {
	db   *sql.DB
	stmt string
	use  func(context.Context, *sql.Conn) error
}

func (*sqlCheck) remote() bool { return true }

func (c *sqlCheck) validate() error {
	switch {
	case c.db == nil:
		return errors.New("no database")
	case c.stmt == "":
		return errors.New("no statement")
	}
	return nil
}

func (c *sqlCheck) Check(ctx context.Context) error {
	// A restart of the database leaves dead connections in the pool; each one
	// met is dropped from it. [sql.DB] does the same for the application.
	for range c.db.Stats().Idle + 1 {
		err := c.try(ctx)
		if !errors.Is(err, driver.ErrBadConn) {
			return withSQLReason(err)
		}
	}
	return withSQLReason(c.try(ctx))
}

func (c *sqlCheck) try(ctx context.Context) error {
	full := exhausted(c.db)
	conn, err := c.db.Conn(ctx)
	if err != nil {
		// Full before and after: the time went by in the queue of the pool. A
		// connection attempt that hangs counts as in use too, but not before it
		// is made.
		if full && ctx.Err() != nil && exhausted(c.db) {
			return Reason(reasonPoolExhausted, fmt.Errorf("health: no free connection: %w", err))
		}
		return err
	}
	err = c.use(ctx, conn)
	return errors.Join(err, ignoreDone(conn.Close()))
}

// ignoreDone drops the error of closing a connection that was found bad.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}

func exhausted(db *sql.DB) bool {
	s := db.Stats()
	return s.MaxOpenConnections > 0 && s.InUse >= s.MaxOpenConnections
}
