package idempotency_test

import (
	"database/sql"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/sqlstore"
	"github.com/stretchr/testify/assert"
)

func TestCompleteTx(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		end := (*sql.Tx).Commit
		s := newTxService(t, o, idempotency.Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tx, err := o.db.BeginTx(r.Context(), nil)
			if !assert.NoError(t, err) {
				return
			}
			defer tx.Rollback() // of no effect after Commit
			_, err = tx.ExecContext(r.Context(), "INSERT INTO effects (key) VALUES ('direct')")
			assert.NoError(t, err)
			created(w)
			err = o.sql.CompleteTx(r.Context(), tx)
			if r.Header.Get("Idempotency-Key") == "" {
				assert.ErrorIs(t, err, sqlstore.ErrNoClaim)
				return
			}
			assert.NoError(t, err)
			_, err = io.WriteString(w, "late")
			assert.ErrorIs(t, err, idempotency.ErrSealed)
			assert.NoError(t, end(tx))
		}))
		s.post("")
		assert.Zero(t, s.rows("direct"))
		end = (*sql.Tx).Rollback // forgotten, say
		assert.Equal(t, http.StatusInternalServerError, s.post("k").StatusCode)
		assert.Zero(t, s.rows("direct"))
		end = (*sql.Tx).Commit
		assert.Equal(t, http.StatusCreated, s.post("k").StatusCode)
		assert.Equal(t, "true", s.post("k").Header.Get("X-Idempotency-Replay"))
		assert.Equal(t, 1, s.rows("direct"))
	})
}

// What has left cannot be taken back: it is not kept, at least, unless it was
// too large to be kept.
func TestCompleteTxAfterTheResponseHasLeft(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		for _, tt := range []struct {
			name  string
			write func(w http.ResponseWriter)
			again int
		}{
			{"flushed", func(w http.ResponseWriter) { created(w); w.(http.Flusher).Flush() }, http.StatusCreated},
			{"outgrown", func(w http.ResponseWriter) { _, _ = io.WriteString(w, strings.Repeat("x", 2<<20)) }, http.StatusConflict},
		} {
			runs := 0
			s := newTxService(t, o, idempotency.Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				runs++
				tx, err := o.db.BeginTx(r.Context(), nil)
				if !assert.NoError(t, err) {
					return
				}
				defer tx.Rollback() // of no effect after Commit
				tt.write(w)
				assert.Equal(t, idempotency.ErrSent, o.sql.CompleteTx(r.Context(), tx))
			}))
			s.post(tt.name)
			again := s.post(tt.name)
			assert.Equal(t, tt.again, again.StatusCode, tt.name)
			assert.Empty(t, again.Header.Get("X-Idempotency-Replay"), tt.name)
			if tt.again == http.StatusCreated {
				assert.Equal(t, 2, runs, tt.name)
			}
		}
	})
}

// A transaction that could not begin leaves the lease alive.
func TestInTxWhoseBeginFails(t *testing.T) {
	t.Parallel()
	o := mustOpen(t, start(t, sqliteEngine))
	failed := make(chan struct{})
	s := newTxService(t, o, idempotency.Config{Lease: time.Second}, o.sql.InTx(
		func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
			rename(t, o, "idempotency_records", "away")
			_, err := begin()
			assert.ErrorContains(t, err, "idempotency_records") //nolint:testifylint // on the handler's goroutine
			rename(t, o, "away", "idempotency_records")
			close(failed)
			<-time.After(2500 * time.Millisecond)
			assert.Equal(t, nil, r.Context().Err(), "the lease is alive") //nolint:testifylint // on the handler's goroutine
			created(w)
			return nil
		}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		assert.Equal(t, http.StatusCreated, s.post("k").StatusCode)
	}()
	<-failed
	<-time.After(1500 * time.Millisecond)
	assert.Equal(t, http.StatusConflict, s.post("k").StatusCode)
	<-done
}

func rename(t *testing.T, o *opened, from, to string) {
	t.Helper()
	_, err := o.db.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
	assert.NoError(t, err)
}
