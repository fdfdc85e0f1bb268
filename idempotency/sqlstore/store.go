// Package sqlstore keeps idempotency records in PostgreSQL or SQLite, through
// database/sql and whatever driver the service uses.
//
// Records survive restarts, and all processes on one database share them. On
// request the record is committed in the same transaction as the rows that the
// handler writes ([Store.InTx], [Store.CompleteTx]): the effect happens exactly
// once, whenever the process or the database dies.
//
// [New] starts a janitor, one goroutine that deletes expired records each hour,
// and [Store.Close] ends it.
//
// # Guarantees
//
// A claim is one atomic statement on the database's clock, and every later step
// of an attempt is fenced by its token. A key in flight or completed is claimed
// by nobody else, at any isolation level, while the database keeps what it has
// committed: with PostgreSQL's synchronous_commit off, or a fail-over to an
// asynchronous replica, it may forget the last moments. SQLite must lie on a
// local disk. Its times are in milliseconds, PostgreSQL's in microseconds, and
// both are those of a wall clock: where it steps forward, leases end early, which
// can start a second attempt; the token still keeps the first from committing.
//
// Without InTx, what a handler does and its record are two commits. A process
// that dies between them leaves the first one done, and the next attempt finds
// an [idempotency.Info] with Attempt 2.
//
// # Cost
//
// A request takes two statements, a replay one; a renewal of the lease is a
// third. No connection is held while a handler runs, except by InTx. On SQLite,
// writers queue for the one write lock: let the connections wait for it, and use
// the write-ahead log. With modernc.org/sqlite that is the DSN
//
//	file:shop.db?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate
//
// Other drivers spell it in their own way.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/internal/sqlx"
)

// Config configures a [Store]. The zero value of each field is the default that
// its comment names.
type Config struct {
	// Table is the name of the table, in PostgreSQL after a schema and a dot
	// where it needs one. Default: idempotency_records.
	Table string
	// PurgeEvery is the pause between two runs of the janitor. The first comes
	// after a random part of it. Default: 1 h; negative: no janitor, call Purge.
	PurgeEvery time.Duration
	// Logger, when set, reports failures of the janitor and of transactions.
	Logger *slog.Logger
}

// Store is an [idempotency.Store] in a SQL database. Its methods may be called
// concurrently.
type Store struct {
	db      *sql.DB
	dialect Dialect
	sql     statements
	logger  *slog.Logger

	end     context.CancelFunc
	janitor sync.WaitGroup
}

var (
	_ idempotency.Store  = (*Store)(nil)
	_ idempotency.Purger = (*Store)(nil)
)

// New returns a Store in db. It does not ask the database; see [Store.Migrate]
// for the table.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: db is nil")
	}
	if dialect != Postgres && dialect != SQLite {
		return nil, errors.New("sqlstore: unknown dialect")
	}
	if cfg.Table == "" {
		cfg.Table = defaultTable
	}
	if err := checkTable(dialect, cfg.Table); err != nil {
		return nil, err
	}
	if cfg.PurgeEvery == 0 {
		cfg.PurgeEvery = time.Hour
	}
	ctx, end := context.WithCancel(context.Background())
	s := &Store{db: db, dialect: dialect, sql: dialect.statements(cfg.Table), logger: cfg.Logger, end: end}
	if cfg.PurgeEvery > 0 {
		s.janitor.Go(func() { s.purgeEvery(ctx, cfg.PurgeEvery) })
	}
	return s, nil
}

// Close ends the janitor and waits for it. It leaves the database open, returns
// nil and may be called more than once. Other methods work after it.
func (s *Store) Close() error {
	s.end()
	s.janitor.Wait()
	return nil
}

// Schema returns the statements that create the table and its index where they
// are missing, for a migration tool.
func (s *Store) Schema() string { return s.sql.schema }

// Migrate runs [Store.Schema]. Several processes may do so at once.
func (s *Store) Migrate(ctx context.Context) error {
	return sqlx.Retry(ctx, func() error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // of no effect after Commit
		if s.dialect == Postgres {
			// IF NOT EXISTS alone fails when two sessions create at once.
			const lock = "SELECT pg_advisory_xact_lock(hashtext('bracework/idempotency'))"
			if _, err := tx.ExecContext(ctx, lock); err != nil {
				return err
			}
		}
		for _, statement := range split(s.sql.schema) {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

// Purge implements [idempotency.Purger]. It deletes in batches, each a
// transaction of its own, and on PostgreSQL passes over rows that are locked.
func (s *Store) Purge(ctx context.Context, limit int) (int, error) {
	const batch = 1000
	removed := 0
	for {
		n := batch
		if limit > 0 {
			n = min(n, limit-removed)
		}
		deleted, err := s.exec(ctx, s.sql.purge, n)
		removed += deleted
		if err != nil || deleted < n || limit > 0 && removed >= limit {
			return removed, err
		}
	}
}

func (s *Store) purgeEvery(ctx context.Context, every time.Duration) {
	timer := time.NewTimer(rand.N(every)) //nolint:gosec // replicas that started together must not purge together
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if _, err := s.Purge(ctx, 0); err != nil && ctx.Err() == nil {
			s.log(ctx, slog.LevelWarn, "Expired idempotency records not purged", err)
		}
		timer.Reset(every)
	}
}

func (s *Store) log(ctx context.Context, level slog.Level, msg string, err error) {
	if s.logger != nil {
		s.logger.LogAttrs(ctx, level, msg, slog.Any("error", err)) //nolint:sloglint // every caller passes a constant
	}
}
