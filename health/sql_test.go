package health_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// fakeDB is a driver whose behaviour the test sets.
type fakeDB struct {
	mu                                   sync.Mutex
	log                                  []string
	connect, query, rows, begin, execErr func(context.Context) error
	commit                               error
	affected                             int64
	row                                  []driver.Value // one 1 when nil
	generation                           int            // connections of an older one are dead
}

func (f *fakeDB) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, s)
}

func (f *fakeDB) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

func (f *fakeDB) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.generation++
}

func (f *fakeDB) current() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.generation
}

func run(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	return f(ctx)
}

func (f *fakeDB) Connect(ctx context.Context) (driver.Conn, error) {
	if err := run(ctx, f.connect); err != nil {
		return nil, err
	}
	return &fakeConn{f, f.current()}, nil
}
func (f *fakeDB) Driver() driver.Driver { return nil }

type fakeConn struct {
	*fakeDB

	born int
}

func (c *fakeConn) alive() error {
	if c.born != c.current() {
		return driver.ErrBadConn
	}
	return nil
}
func (*fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errDown }
func (*fakeConn) Close() error                        { return nil }
func (*fakeConn) Begin() (driver.Tx, error)           { return nil, errDown }

func (c *fakeConn) QueryContext(ctx context.Context, q string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := c.alive(); err != nil {
		return nil, err
	}
	c.note(q)
	return fakeRows{ctx, c.fakeDB}, run(ctx, c.query)
}

func (c *fakeConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if err := c.alive(); err != nil {
		return nil, err
	}
	c.note("begin")
	return fakeTx{c.fakeDB}, run(ctx, c.begin)
}

func (c *fakeConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	call := []string{q}
	for _, a := range args {
		call = append(call, a.Value.(string))
	}
	c.note(strings.Join(call, " "))
	return driver.RowsAffected(c.affected), run(ctx, c.execErr)
}

type fakeTx struct{ *fakeDB }

func (t fakeTx) Commit() error   { t.note("commit"); return t.commit }
func (t fakeTx) Rollback() error { t.note("rollback"); return nil }

type fakeRows struct {
	ctx context.Context //nolint:containedctx // a fake
	db  *fakeDB
}

func (r fakeRows) Columns() []string {
	if r.db.row != nil {
		return make([]string, len(r.db.row))
	}
	return []string{"1"}
}
func (fakeRows) Close() error { return nil }
func (r fakeRows) Next(dest []driver.Value) error {
	if err := run(r.ctx, r.db.rows); err != nil {
		return err
	}
	if r.db.row != nil {
		copy(dest, r.db.row)
		return nil
	}
	dest[0] = int64(1)
	return nil
}

func openDB(t *testing.T, f *fakeDB, maxOpen int) *sql.DB {
	t.Helper()
	db := sql.OpenDB(f)
	db.SetMaxOpenConns(maxOpen)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func down(context.Context) error { return errDown }

func hold(t *testing.T, db *sql.DB) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
}

func TestSQL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		fake    *fakeDB
		hold    bool // the only connection is in use
		outcome health.Outcome
		reason  string
		query   []string // calls of SQLQuery
		write   []string // calls of SQLWrite
	}{
		{"works", &fakeDB{affected: 1}, false, health.OutcomeOK, "", []string{"SELECT 1"}, []string{"begin", "w x", "commit"}},
		{"refuses connections", &fakeDB{connect: down}, false, health.OutcomeFailed, "other", nil, nil},
		{"connecting hangs", &fakeDB{connect: obedient}, false, health.OutcomeTimeout, "timeout", nil, nil},
		{"statement fails", &fakeDB{query: down, execErr: down}, false, health.OutcomeFailed, "other", []string{"SELECT 1"}, []string{"begin", "w x", "rollback"}},
		{"statement hangs", &fakeDB{query: obedient, begin: obedient}, false, health.OutcomeTimeout, "timeout", []string{"SELECT 1"}, []string{"begin"}},
		{"pool exhausted", &fakeDB{affected: 1}, true, health.OutcomeFailed, "pool_exhausted", nil, nil},
	} {
		for kind, calls := range map[string][]string{"query": tc.query, "write": tc.write} {
			t.Run(kind+" "+tc.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					fake := &fakeDB{connect: tc.fake.connect, query: tc.fake.query, begin: tc.fake.begin, execErr: tc.fake.execErr, affected: tc.fake.affected}
					db := openDB(t, fake, 1)
					if tc.hold {
						hold(t, db)
					}
					c := health.SQLQuery(db, "")
					if kind == "write" {
						c = health.SQLWrite(db, "w", "x")
					}
					h := open(t, health.Config{Budget: -1}, health.Check{Name: "db", Checker: c})
					got := only(t, h.Evaluate(t.Context()))
					synctest.Wait() // database/sql rolls back in a goroutine when a context ends
					assert.Equal(t, tc.outcome, got.Outcome)
					assert.Equal(t, tc.reason, got.Reason)
					assert.Equal(t, calls, fake.calls())
					assert.Equal(t, map[bool]int{true: 1}[tc.hold], db.Stats().InUse, "every connection is given back")
				})
			})
		}
	}
}

func TestSQLQueryReadsItsRow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		rows    func(context.Context) error
		outcome health.Outcome
	}{
		{"row", nil, health.OutcomeOK},
		{"no row", func(context.Context) error { return io.EOF }, health.OutcomeOK},
		{"error in the row", down, health.OutcomeFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeDB{rows: tc.rows}
			h := open(t, health.Config{}, health.Check{Name: "db", Checker: health.SQLQuery(openDB(t, fake, 1), "SELECT x")})
			assert.Equal(t, tc.outcome, only(t, h.Evaluate(t.Context())).Outcome)
			assert.Equal(t, []string{"SELECT x"}, fake.calls())
		})
	}
}

func TestSQLQueryThatAnswersFalse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		row     []driver.Value
		outcome health.Outcome
	}{
		{[]driver.Value{true}, health.OutcomeOK},
		{[]driver.Value{false}, health.OutcomeFailed},
		{[]driver.Value{false, true}, health.OutcomeFailed},
		{[]driver.Value{true, false}, health.OutcomeOK},
		{[]driver.Value{int64(0)}, health.OutcomeOK},
		{[]driver.Value{"false"}, health.OutcomeOK},
		{[]driver.Value{[]byte("f")}, health.OutcomeOK},
		{[]driver.Value{nil}, health.OutcomeOK},
		{[]driver.Value{}, health.OutcomeOK},
	} {
		db := openDB(t, &fakeDB{row: tc.row}, 1)
		got := checkedAs(t, health.SQLQuery(db, "SELECT NOT pg_is_in_recovery()"), 0)
		assert.Equal(t, tc.outcome, got.Outcome, "%#v", tc.row)
		assert.Zero(t, db.Stats().InUse)
	}
}

func TestSQLWriteMustCommitARow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fake  *fakeDB
		calls []string
	}{
		{"no row", &fakeDB{}, []string{"begin", "w", "rollback"}},
		{"commit fails", &fakeDB{affected: 1, commit: errDown}, []string{"begin", "w", "commit"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, health.Config{}, health.Check{Name: "db", Checker: health.SQLWrite(openDB(t, tc.fake, 1), "w")})
			assert.Equal(t, health.OutcomeFailed, only(t, h.Evaluate(t.Context())).Outcome)
			assert.Equal(t, tc.calls, tc.fake.calls())
		})
	}
}

// After a restart of the database the pool is full of dead connections, which
// the application never sees; neither does the check.
func TestSQLSurvivesARestart(t *testing.T) {
	t.Parallel()
	fake := &fakeDB{affected: 1}
	db := openDB(t, fake, 10)
	db.SetMaxIdleConns(10)
	var conns []*sql.Conn
	for range 10 {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	for _, c := range conns {
		require.NoError(t, c.Close())
	}
	require.Equal(t, 10, db.Stats().Idle)
	fake.restart()
	h := open(t, health.Config{}, health.Check{Name: "q", Checker: health.SQLQuery(db, "")}, health.Check{Name: "w", Checker: health.SQLWrite(db, "w")})
	assert.Equal(t, health.StatusHealthy, h.Evaluate(t.Context()).Status)
}

func TestPoolRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, &fakeDB{}, 1)
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: health.SQLQuery(db, "")})
		assert.Equal(t, health.OutcomeTimeout, only(t, h.Evaluate(t.Context())).Outcome)
		time.Sleep(5 * time.Second)
		assert.Equal(t, "pool_exhausted", only(t, h.Snapshot()).Reason)
		require.NoError(t, conn.Close())
		time.Sleep(time.Second)
		assert.Equal(t, health.OutcomeOK, only(t, h.Evaluate(t.Context())).Outcome)
	})
}
