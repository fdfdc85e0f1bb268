package sqlstore

import (
	"fmt"
	"regexp"
	"strings"
)

// Dialect is the SQL of a database.
type Dialect int

// The dialects: PostgreSQL, tested on 15, which needs 9.5, and SQLite, which
// needs 3.42.
const (
	Postgres Dialect = iota + 1
	SQLite
)

// States of a record. An absent one has no row, or one that has expired.
const (
	inFlight = 1 + iota
	completed
	released
)

// All times are microseconds since 1970 on the database's clock: a step of an
// application server's clock changes nothing, and both dialects compare them in
// the same way.
const schema = `CREATE TABLE IF NOT EXISTS {table} (
	key         {bytes}  PRIMARY KEY, -- SHA-256 of scope and client's key
	token       {bytes}  NOT NULL,    -- of the last attempt
	fingerprint {bytes}  NOT NULL,    -- SHA-256 of the request
	state       SMALLINT NOT NULL,    -- 1 in flight, 2 completed, 3 released
	attempt     INTEGER  NOT NULL,
	lease_until BIGINT   NOT NULL,    -- microseconds since 1970
	expires_at  BIGINT   NOT NULL,    -- microseconds since 1970
	record      {bytes}               -- the response; NULL while there is none
);
CREATE INDEX IF NOT EXISTS {name}_expires_at ON {table} (expires_at);
`

const (
	// claimable is true of a row that a claim may take: $2 is its token, $3 its
	// fingerprint.
	claimable = `(r.expires_at <= {now} OR r.state = 3 OR r.state = 1 AND
		(r.token = $2 OR r.fingerprint = $3 AND r.lease_until <= {now}))`

	seen = `SELECT r.state, 0 AS attempt, r.fingerprint = $3 AS same, r.lease_until - {now} AS rest, r.record
		FROM {table} AS r WHERE r.key = $1 AND NOT ` + claimable

	columns = `INSERT INTO {table} AS r (key, token, fingerprint, state, attempt, lease_until, expires_at) `

	// The times are written as expressions, not taken from the new row: the
	// statement may have waited for a lock since it made that.
	take = ` ON CONFLICT (key) DO UPDATE SET
		token = $2, fingerprint = $3, state = 1, record = NULL,
		attempt = CASE WHEN r.expires_at <= {now} THEN 1 WHEN r.state = 1 AND r.token = $2 THEN r.attempt ELSE r.attempt + 1 END,
		lease_until = {now} + $4, expires_at = {now} + $4 + $5
		WHERE ` + claimable + ` RETURNING attempt`

	newRow = `$1, $2, $3, 1, 1, {now} + $4, {now} + $4 + $5`

	// claimPostgres answers in one statement. It writes only where the snapshot
	// says that the row may be taken, so that replays and conflicts cost no
	// write. No row at all means that another claim came between.
	claimPostgres = `WITH seen AS (` + seen + `), taken AS (` + columns +
		`SELECT ` + newRow + ` WHERE NOT EXISTS (SELECT 1 FROM seen)` + take + `)
		SELECT 0 AS state, attempt, true AS same, 0 AS rest, NULL AS record FROM taken UNION ALL SELECT * FROM seen`

	claimSQLite = columns + `VALUES (` + newRow + `)` + take

	owned = ` WHERE key = $1 AND token = $2 AND expires_at > {now} AND state `

	extend = `UPDATE {table} SET expires_at = {now} + $3 + expires_at - lease_until, lease_until = {now} + $3` + owned + `= 1`

	complete = `UPDATE {table} SET record = CASE WHEN state = 2 THEN record ELSE $3 END, state = 2, expires_at = {now} + $4` + owned + `IN (1, 2)`

	completeTx = `UPDATE {table} SET record = $3, state = 2, expires_at = {now} + $4` + owned + `= 1`

	// touch takes SQLite's write lock where the owner still owns.
	touch = `UPDATE {table} SET token = token` + owned + `= 1`

	release = `UPDATE {table} SET state = 3, expires_at = {now} + expires_at - lease_until` + owned + `= 1`

	// The outer condition repeats the inner one: a row may have been claimed
	// since the inner one has seen it. The times are those of the statement's
	// start, so that the index can be used.
	purgePostgres = `DELETE FROM {table} WHERE key = ANY(ARRAY(
		SELECT key FROM {table} WHERE expires_at <= {start} ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
		)) AND expires_at <= {start}`

	purgeSQLite = `DELETE FROM {table} WHERE key IN (
		SELECT key FROM {table} WHERE expires_at <= {now} ORDER BY expires_at LIMIT $1
		) AND expires_at <= {now}`
)

type statements struct {
	schema, claim, seen, extend, complete, completeTx, touch, release, purge string
}

func (d Dialect) statements(table string) statements {
	_, name, qualified := strings.Cut(table, ".")
	if !qualified {
		name = table
	}
	words := []string{"{table}", table, "{name}", name}
	claim, purge := claimPostgres, purgePostgres
	if d == SQLite {
		claim, purge = claimSQLite, purgeSQLite
		words = append(words, "$", "?", "{bytes}", "BLOB", "{now}", "CAST(unixepoch('subsec') * 1000000 AS INTEGER)")
	} else {
		words = append(words, "{bytes}", "BYTEA",
			"{now}", "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint",
			"{start}", "(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000)::bigint")
	}
	fill := strings.NewReplacer(words...).Replace
	return statements{
		schema: fill(schema), claim: fill(claim), seen: fill(seen), extend: fill(extend), complete: fill(complete),
		completeTx: fill(completeTx), touch: fill(touch), release: fill(release), purge: fill(purge),
	}
}

const defaultTable = "idempotency_records"

func checkTable(d Dialect, table string) error {
	pattern := `^[A-Za-z_][A-Za-z0-9_]{0,49}(\.[A-Za-z_][A-Za-z0-9_]{0,49})?$`
	if !regexp.MustCompile(pattern).MatchString(table) {
		return fmt.Errorf("sqlstore: %q is no name of a table", table)
	}
	if d == SQLite && strings.Contains(table, ".") {
		return fmt.Errorf("sqlstore: %q: SQLite's tables have no schema", table)
	}
	return nil
}
