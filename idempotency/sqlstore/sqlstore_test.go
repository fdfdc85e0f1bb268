package sqlstore_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency/sqlstore"
)

// What needs a database is tested against real ones, in internal/enginetest.

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	db := sql.OpenDB(nil)
	for name, tt := range map[string]struct {
		db      *sql.DB
		dialect sqlstore.Dialect
		table   string
	}{
		"no database":        {nil, sqlstore.Postgres, ""},
		"no dialect":         {db, 0, ""},
		"unknown dialect":    {db, 3, ""},
		"a statement":        {db, sqlstore.Postgres, "t; DROP TABLE t"},
		"a quote":            {db, sqlstore.Postgres, `"t"`},
		"two dots":           {db, sqlstore.Postgres, "a.b.c"},
		"a schema on SQLite": {db, sqlstore.SQLite, "main.t"},
		"too long":           {db, sqlstore.SQLite, strings.Repeat("t", 51)},
	} {
		_, err := sqlstore.New(tt.db, tt.dialect, sqlstore.Config{Table: tt.table})
		require.ErrorContains(t, err, "sqlstore: ", name)
	}
}

func TestSchemaNamesTheTable(t *testing.T) {
	t.Parallel()
	s, err := sqlstore.New(sql.OpenDB(nil), sqlstore.Postgres, sqlstore.Config{Table: "shop.keys"})
	require.NoError(t, err)
	assert.Contains(t, s.Schema(), "TABLE IF NOT EXISTS shop.keys (")
	assert.Contains(t, s.Schema(), "INDEX IF NOT EXISTS keys_expires_at ON shop.keys ")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
}
