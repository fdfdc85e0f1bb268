package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go
)

// store keeps workflows and runs in SQLite.
type store struct {
	db    *sql.DB
	probe *sql.DB // the same file, for the health check alone
}

// How long a connection waits while another one writes. The probe waits less,
// so that it can say "locked" before its own timeout.
const (
	busyWait      = 5 * time.Second
	probeBusyWait = time.Second
)

const schema = `
CREATE TABLE IF NOT EXISTS tenants (
	id   TEXT PRIMARY KEY,
	tier TEXT NOT NULL CHECK (tier IN ('free', 'paid'))
) STRICT;
CREATE TABLE IF NOT EXISTS workflows (
	id          TEXT PRIMARY KEY,
	tenant_id   TEXT NOT NULL REFERENCES tenants (id),
	user_id     TEXT NOT NULL,
	action_type TEXT NOT NULL,
	config      TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS runs (
	id          TEXT PRIMARY KEY,
	workflow_id TEXT NOT NULL REFERENCES workflows (id),
	status      TEXT NOT NULL CHECK (status IN ('started', 'executed', 'failed', 'unknown')),
	started_at  INTEGER NOT NULL, -- unix milliseconds
	ended_at    INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS runs_ended_at ON runs (ended_at);
CREATE TABLE IF NOT EXISTS health_probe (
	id         INTEGER PRIMARY KEY CHECK (id = 1),
	checked_at INTEGER NOT NULL
) STRICT;`

// probeWrite is the write by which the health check learns that the disk takes one.
const probeWrite = `INSERT INTO health_probe (id, checked_at) VALUES (1, unixepoch()) ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at`

// openStore opens, or creates, the database in dir and seeds it.
func openStore(ctx context.Context, dir string) (*store, error) {
	s := &store{}
	var err error
	if s.db, err = openFile(dir, busyWait); err != nil {
		return nil, err
	}
	if s.probe, err = openFile(dir, probeBusyWait); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.probe.SetMaxOpenConns(1)
	if err := s.seed(ctx); err != nil {
		_ = s.close()
		return nil, fmt.Errorf("database in %q: %w", dir, err)
	}
	return s, nil
}

func openFile(dir string, busyWait time.Duration) (*sql.DB, error) {
	// Write transactions take their lock at the start: an upgrade from a read
	// lock fails at once when another writer is active, whatever busy_timeout
	// says.
	query := url.Values{
		"_pragma": {"journal_mode(WAL)", fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds()), "foreign_keys(1)", "synchronous(NORMAL)"},
		"_txlock": {"immediate"},
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(filepath.Join(dir, "server.db"))}).EscapedPath(), RawQuery: query.Encode()}
	return sql.Open("sqlite", dsn.String())
}

func (s *store) close() error {
	if s.probe == nil {
		return s.db.Close()
	}
	return errors.Join(s.probe.Close(), s.db.Close())
}

func (s *store) seed(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit: nothing
	for _, t := range seedTenants() {
		if _, err := tx.ExecContext(ctx, `INSERT INTO tenants (id, tier) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET tier = excluded.tier`, t.id, t.tier); err != nil {
			return err
		}
	}
	for _, w := range seedWorkflows() {
		if _, err := tx.ExecContext(ctx, `INSERT INTO workflows (id, tenant_id, user_id, action_type, config) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET tenant_id = excluded.tenant_id, user_id = excluded.user_id, action_type = excluded.action_type, config = excluded.config`,
			w.ID, w.TenantID, w.UserID, w.ActionType, w.Config); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (s *store) workflows(ctx context.Context) ([]workflow, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT w.id, w.tenant_id, w.user_id, w.action_type, w.config, t.tier
		FROM workflows w JOIN tenants t ON t.id = w.tenant_id ORDER BY w.id`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []workflow
	for rows.Next() {
		var w workflow
		if err := rows.Scan(&w.ID, &w.TenantID, &w.UserID, &w.ActionType, &w.Config, &w.tierName); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, rows.Err()
}

func (s *store) startRun(ctx context.Context, id, workflowID string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO runs (id, workflow_id, status, started_at) VALUES (?, ?, 'started', ?)`, id, workflowID, at.UnixMilli())
	return err
}

func (s *store) endRun(ctx context.Context, id, status string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `UPDATE runs SET status = ?, ended_at = ? WHERE id = ?`, status, at.UnixMilli(), id)
	return err
}

func (s *store) countRuns(ctx context.Context) (n int, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FROM runs`).Scan(&n)
	return n, err
}

// purgeRuns deletes up to limit runs that ended before a moment.
func (s *store) purgeRuns(ctx context.Context, before time.Time, limit int) (deleted int, err error) {
	res, err := s.db.ExecContext(ctx, `DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE ended_at < ? ORDER BY ended_at LIMIT ?)`, before.UnixMilli(), limit)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
