package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/internal/httpx"
	"github.com/bracework/bracework/internal/sqlx"
)

// ErrNoClaim is returned by [Store.CompleteTx] outside of a keyed request.
var ErrNoClaim = errors.New("sqlstore: request has no idempotency key")

// ErrRollback is for the function of [Store.InTx] to return when its
// transaction is to be rolled back and its response is the result all the same,
// such as a refusal that is found halfway.
var ErrRollback = errors.New("sqlstore: roll back")

// CompleteTx saves what the handler has written so far as the response of its
// keyed request, in tx, which must be on the database of the store. Business
// rows and record are then committed together or not at all. Commit directly
// after it; later writes to the response fail. Call [idempotency.Capture] before
// the first write, so that nothing of the response leaves too early.
//
// On an error roll back, and return from the handler:
//   - [idempotency.ErrLeaseLost]: another attempt has taken over. The client is
//     answered with 409.
//   - [idempotency.ErrNotStored]: the response is one that is not kept (a 5xx,
//     by default). It is sent, and a retry runs again.
//   - [idempotency.ErrSent]: the handler has flushed the response, and a retry
//     runs again; or it outgrew the cap, and a retry gets 409. Capture prevents
//     both.
//   - [ErrNoClaim]: ctx belongs to no keyed request.
//   - an error of the database: the client is answered with 500.
//
// When the handler returns, the middleware asks the database whether the record
// is there: if so the response is sent, and otherwise the commit has failed or
// was forgotten, the client is answered with 500 and a retry runs again. To tell
// of the commit, and spare the question, call Committed of the
// [idempotency.Captured].
func (s *Store) CompleteTx(ctx context.Context, tx *sql.Tx) error {
	captured, ok := idempotency.Capture(ctx)
	if !ok {
		return ErrNoClaim
	}
	return s.completeTx(ctx, tx, captured)
}

func (s *Store) completeTx(ctx context.Context, tx *sql.Tx, captured *idempotency.Captured) error {
	record, ttl, err := captured.Seal()
	switch {
	case errors.Is(err, idempotency.ErrSent):
		captured.Discard(err)
		return err
	case err != nil:
		return err
	}
	n, err := affected(tx.ExecContext(ctx, s.sql.completeTx, captured.Key[:], captured.Token[:], record, ttl.Microseconds()))
	if err == nil && n == 0 {
		err = idempotency.ErrLeaseLost
	}
	if err != nil {
		captured.Discard(err)
	}
	return err
}

// InTx returns the handler of a request whose effect is one transaction. Mount
// it directly inside of the middleware. begin opens the transaction at its first
// call and returns the same one later; what needs the network, or time, belongs
// before it. When fn returns nil, the record of its response and its rows are
// committed together; nothing leaves before that, so fn cannot stream. fn must
// neither commit nor roll back.
//
// Rows are committed exactly when the record is:
//
//	fn returns                        rows          client                      a retry
//	nil                               committed     fn's response               replays it
//	nil, response is not kept (5xx)   rolled back   fn's response               runs again
//	[ErrRollback]                     rolled back   fn's response               replays it, if kept
//	another error                     rolled back   500                         runs again
//	panics                            rolled back   what the server makes of it runs again
//	nil, and the lease was lost       rolled back   409                         gets the other attempt's
//	nil, and the commit fails         rolled back   500                         runs again
//	nil, and nobody knows             one of both   503                         replays it, or runs again
//
// Without begin there is no transaction, and the response is saved as usual. An
// unkeyed request is a plain transaction, and so is each request that did not
// come through the middleware: committed when fn returns nil, whatever the
// status, and otherwise rolled back, and answered with 500 or, after
// ErrRollback, with fn's response.
//
// On PostgreSQL the lease is renewed on another connection of the pool: one that
// is used up by transactions that outlast their leases renews none. On SQLite
// the transaction takes the write lock when it begins, and the lease is not
// renewed while it is open; nobody could take it over.
func (s *Store) InTx(fn func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := transaction{store: s, ctx: r.Context()}
		var plain *buffer
		captured, keyed := idempotency.Capture(r.Context())
		if keyed {
			t.captured = captured
		} else {
			plain = newBuffer(w)
			w = plain
		}
		defer t.rollback() // of no effect after a commit
		err := t.end(fn(w, r, t.begin))
		switch {
		case err != nil && !keyed:
			refuse(plain.w)
		case err != nil:
			captured.Discard(err)
		case !keyed:
			plain.send()
		}
	})
}

// transaction is that of one request.
type transaction struct {
	store    *Store
	ctx      context.Context //nolint:containedctx // of the request that it belongs to
	captured *idempotency.Captured
	tx       *sql.Tx
}

func (t *transaction) begin() (*sql.Tx, error) {
	if t.tx != nil {
		return t.tx, nil
	}
	if t.store.dialect == Postgres {
		tx, err := t.store.db.BeginTx(t.ctx, nil)
		t.tx = tx
		return tx, err
	}
	if t.captured != nil {
		t.captured.PauseRenewal()
	}
	err := sqlx.Retry(t.ctx, t.beginImmediate)
	if err != nil && t.captured != nil {
		t.captured.ResumeRenewal()
	}
	return t.tx, err
}

// beginImmediate takes the write lock: a transaction that has read before
// cannot wait for it any more. database/sql knows no BEGIN IMMEDIATE.
func (t *transaction) beginImmediate() error {
	tx, err := t.store.db.BeginTx(t.ctx, nil)
	if err != nil {
		return err
	}
	var key idempotency.Key // of nothing
	var token idempotency.Token
	if t.captured != nil {
		key, token = t.captured.Key, t.captured.Token
	}
	n, err := affected(tx.ExecContext(t.ctx, t.store.sql.touch, key[:], token[:]))
	if err == nil && n == 0 && t.captured != nil {
		err = idempotency.ErrLeaseLost
	}
	if err != nil {
		_ = tx.Rollback()
		return err
	}
	t.tx = tx
	return nil
}

// end commits or rolls back, and returns why the response is not to be sent.
func (t *transaction) end(err error) error {
	switch {
	case errors.Is(err, ErrRollback):
		t.rollback()
		return nil
	case err != nil:
		t.store.log(t.ctx, slog.LevelError, "Idempotent transaction rolled back", err)
		t.rollback()
		return err
	case t.tx == nil:
		return nil
	case t.captured == nil:
		return t.commit()
	}
	switch err := t.store.completeTx(t.ctx, t.tx, t.captured); {
	case errors.Is(err, idempotency.ErrNotStored):
		t.rollback()
		return nil
	case errors.Is(err, idempotency.ErrLeaseLost):
		t.store.log(t.ctx, slog.LevelWarn, "Idempotent transaction rolled back: another attempt has taken over, or the middleware has another store", err)
		t.rollback()
		return err
	case err != nil:
		t.store.log(t.ctx, slog.LevelError, "Idempotent transaction rolled back", err)
		t.rollback()
		return err
	}
	if t.commit() == nil {
		t.captured.Committed()
	}
	return nil // the middleware asks what became of a commit that failed
}

func (t *transaction) commit() error {
	err := t.tx.Commit()
	if err != nil {
		t.store.log(t.ctx, slog.LevelError, "Idempotent transaction not committed", err)
	}
	return err
}

func (t *transaction) rollback() {
	if t.tx != nil {
		_ = t.tx.Rollback()
	}
}

func refuse(w http.ResponseWriter) {
	httpx.WriteProblem(w, httpx.Problem{
		Type: httpx.ProblemBase + "idempotency-transaction-failed", Title: "Transaction failed",
		Status: http.StatusInternalServerError, Detail: "The request was rolled back.",
	})
}
