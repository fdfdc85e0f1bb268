package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Why the health check of the database is a write that is committed: what else
// could be asked of SQLite, and when it notices.
func TestOnlyACommittedWriteNotices(t *testing.T) {
	t.Parallel()
	const row = `INSERT INTO probe VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = v || 'x'`
	probes := []struct {
		name string
		ask  func(context.Context, *sql.DB) error
	}{
		{"SELECT 1", func(ctx context.Context, db *sql.DB) error { return db.QueryRowContext(ctx, "SELECT 1").Scan(new(int)) }},
		{"a read", func(ctx context.Context, db *sql.DB) error {
			return db.QueryRowContext(ctx, "SELECT v FROM probe").Scan(new(string))
		}},
		{"BEGIN IMMEDIATE, ROLLBACK", func(ctx context.Context, db *sql.DB) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			return tx.Rollback()
		}},
		{"write, ROLLBACK", func(ctx context.Context, db *sql.DB) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, row)
			_ = tx.Rollback()
			return err
		}},
		{"write, COMMIT", func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, row)
			return err
		}},
	}
	for _, tt := range []struct {
		name, journal string
		disturb       func(t *testing.T, dir string, db *sql.DB)
		notice        [5]bool
	}{
		{"nothing is wrong", "wal", func(*testing.T, string, *sql.DB) {}, [5]bool{}},
		{"another writer holds the lock", "wal", func(t *testing.T, dir string, _ *sql.DB) {
			t.Helper()
			tx, err := openProbed(t, dir, "wal").BeginTx(t.Context(), nil)
			require.NoError(t, err)
			t.Cleanup(func() { _ = tx.Rollback() })
		}, [5]bool{false, false, true, true, true}},
		{"the disk is full, rollback journal", "delete", fillUp, [5]bool{false, false, false, true, true}},
		{"the disk is full, WAL", "wal", fillUp, [5]bool{false, false, false, false, true}},
		{"the disk is full, WAL with space to use again", "wal", func(t *testing.T, dir string, db *sql.DB) {
			t.Helper()
			// The log has grown, and all of it is in the database file: its
			// space is written again from the start.
			for range 25 {
				_, err := db.ExecContext(t.Context(), row)
				require.NoError(t, err)
			}
			_, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(FULL)")
			require.NoError(t, err)
			fillUp(t, dir, db)
		}, [5]bool{}},
		{"the file system is read-only", "delete", func(t *testing.T, dir string, db *sql.DB) {
			t.Helper()
			require.NoError(t, db.Close())
			require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		}, [5]bool{false, false, false, true, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, ok := smallDisk(t, 1<<20)
			if !ok {
				t.Skip("making a file system needs root")
			}
			db := openProbed(t, dir, tt.journal)
			_, err := db.ExecContext(t.Context(), "CREATE TABLE probe (id INTEGER PRIMARY KEY, v TEXT)")
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), row)
			require.NoError(t, err)
			tt.disturb(t, dir, db)
			if db.PingContext(t.Context()) != nil {
				db = openProbed(t, dir, tt.journal)
			}
			var noticed [5]bool
			for i, p := range probes {
				err := p.ask(t.Context(), db)
				t.Logf("%s: %v", p.name, err)
				noticed[i] = err != nil
			}
			assert.Equal(t, tt.notice, noticed)
			_, err = db.ExecContext(t.Context(), "INSERT INTO probe VALUES (2, hex(randomblob(150000)))")
			assert.Equal(t, tt.name != "nothing is wrong", err != nil, "what the application may have to write: %v", err)
		})
	}
}

func openProbed(t *testing.T, dir, journal string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=journal_mode(%s)&_pragma=busy_timeout(50)&_txlock=immediate", filepath.Join(dir, "probe.db"), journal))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func fillUp(t *testing.T, dir string, _ *sql.DB) {
	t.Helper()
	fill(t, filepath.Join(dir, "filler"))
}
