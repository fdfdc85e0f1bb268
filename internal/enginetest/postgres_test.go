package enginetest_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query)
	require.NoError(t, err, query)
}

func value(t *testing.T, db *sql.DB, query string) (v string) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&v), query)
	return v
}

func TestPostgresAnswers(t *testing.T) {
	t.Parallel()
	s := enginetest.Postgres(t, "work_mem=5MB")
	db := open(t, s.URL())
	assert.Equal(t, "42", value(t, db, "SELECT 42"))
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "max_connections": "200", "work_mem": "5MB",
		"server_encoding": "UTF8", "lc_collate": "C", "listen_addresses": "127.0.0.1",
	} {
		assert.Equal(t, want, value(t, db, "SHOW "+name), name)
	}
	assert.Equal(t, "postgres", value(t, db, "SELECT current_user"))
	assert.Equal(t, "1", value(t, db, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
}

func TestPostgresKeepsWhatWasCommittedOverKill(t *testing.T) {
	t.Parallel()
	s := enginetest.Postgres(t)
	db := open(t, s.URL())
	exec(t, db, "CREATE TABLE kept (n int)")
	for i := range 2 {
		exec(t, db, "INSERT INTO kept SELECT generate_series(1, 1000)")
		lost, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = lost.ExecContext(t.Context(), "INSERT INTO kept VALUES (0)")
		require.NoError(t, err)

		// A backend in the middle of something does not look after its parent.
		busy := make(chan error, 1)
		go func() {
			_, err := db.ExecContext(context.WithoutCancel(t.Context()),
				"SELECT count(*) FROM (SELECT generate_series(1, 1000000000)) AS n")
			busy <- err
		}()
		require.Eventually(t, func() bool {
			return value(t, db, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%1000000000%'") == "2"
		}, soon, 10*time.Millisecond)
		pids := family(t, s.PID())
		require.Greater(t, len(pids), 5, "the postmaster has children")

		s.Kill()
		requireGone(t, pids)
		select {
		case err := <-busy:
			require.Error(t, err)
		case <-time.After(soon):
			require.Fail(t, "the query goes on")
		}
		require.Error(t, db.PingContext(t.Context()))
		require.Error(t, lost.Commit())

		s.Restart()
		assert.Equal(t, "0", value(t, db, "SELECT count(*) FROM kept WHERE n = 0"))
		assert.Equal(t, []string{"1000", "2000"}[i], value(t, db, "SELECT count(*) FROM kept"))
	}
}

func TestPausedPostgresAnswersAfterResume(t *testing.T) {
	t.Parallel()
	s := enginetest.Postgres(t)
	db := open(t, s.URL())
	conn, err := db.Conn(t.Context()) // it has a backend of its own
	require.NoError(t, err)
	defer conn.Close()

	s.Pause()
	answers := make(chan error, 2)
	go func() {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), "SELECT 1")
		answers <- err
	}()
	go func() { answers <- db.PingContext(context.WithoutCancel(t.Context())) }()
	select {
	case err := <-answers:
		require.Fail(t, "a paused server answers", "%v", err)
	case <-time.After(still):
	}
	s.Resume()
	for range cap(answers) {
		select {
		case err := <-answers:
			require.NoError(t, err)
		case <-time.After(soon):
			require.Fail(t, "a resumed server is silent")
		}
	}

	pids := family(t, s.PID())
	s.Pause()
	s.Kill()
	requireGone(t, pids)
	s.Restart()
	assert.Equal(t, "1", value(t, db, "SELECT 1"))
}

func TestClosedPostgresLeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := enginetest.StartPostgres()
	if err != nil {
		enginetest.Unavailable(t, err)
	}
	pids := family(t, s.PID())
	assert.DirExists(t, s.Dir())
	require.NoError(t, s.Close())
	requireGone(t, pids)
	assert.NoDirExists(t, s.Dir())
	require.NoError(t, s.Close())
}
