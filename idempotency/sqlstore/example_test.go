package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/sqlstore"
)

// What a charge does and its response are one commit: after any crash there is
// one row or none, and a retry finds out which.
func ExampleStore_InTx() { //nolint:testableexamples // it needs a database
	db, err := sql.Open("pgx", "postgres://localhost/shop") // any driver
	if err != nil {
		panic(err)
	}
	store, err := sqlstore.New(db, sqlstore.Postgres, sqlstore.Config{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	if err := store.Migrate(context.Background()); err != nil {
		panic(err)
	}
	m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), idempotency.Config{RequireKey: true})
	if err != nil {
		panic(err)
	}
	defer m.Close()

	charge := store.InTx(func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
		account := r.Header.Get("X-Account")
		tx, err := begin()
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(r.Context(), "UPDATE accounts SET cents = cents - 500 WHERE id = $1 AND cents >= 500", account)
		if err != nil {
			return err // rolled back, the client gets 500, a retry runs again
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			http.Error(w, "no funds", http.StatusPaymentRequired)
			return sqlstore.ErrRollback // rolled back, and this is the answer to all retries
		}
		w.WriteHeader(http.StatusCreated)
		return nil // committed together with the response
	})
	http.Handle("POST /charges", m.Handler(charge))
}

// The schema is there for your migration tool; [sqlstore.Store.Migrate] runs it
// for you.
func ExampleStore_Schema() {
	store, err := sqlstore.New(sql.OpenDB(nil), sqlstore.SQLite, sqlstore.Config{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	fmt.Print(store.Schema())
	// Output:
	// CREATE TABLE IF NOT EXISTS idempotency_records (
	// 	key         BLOB  PRIMARY KEY, -- SHA-256 of scope and client's key
	// 	token       BLOB  NOT NULL,    -- of the last attempt
	// 	fingerprint BLOB  NOT NULL,    -- SHA-256 of the request
	// 	state       SMALLINT NOT NULL,    -- 1 in flight, 2 completed, 3 released
	// 	attempt     INTEGER  NOT NULL,
	// 	lease_until BIGINT   NOT NULL,    -- microseconds since 1970
	// 	expires_at  BIGINT   NOT NULL,    -- microseconds since 1970
	// 	record      BLOB               -- the response; NULL while there is none
	// );
	// CREATE INDEX IF NOT EXISTS idempotency_records_expires_at ON idempotency_records (expires_at);
}
