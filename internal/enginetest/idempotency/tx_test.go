package idempotency_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/sqlstore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// txService is a service whose handler is one transaction.
type txService struct {
	t *testing.T
	o *opened
	h http.Handler
}

type txFunc func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error

func newTxService(t *testing.T, o *opened, cfg idempotency.Config, h http.Handler) *txService {
	t.Helper()
	m, err := idempotency.New(o, idempotency.SingleTenant, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return &txService{t: t, o: o, h: m.Handler(h)}
}

func (s *txService) post(key string) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("X-Outer", "1")
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	s.h.ServeHTTP(w, r)
	return w.Result()
}

func (s *txService) rows(key string) int {
	s.t.Helper()
	n, err := s.o.count(context.WithoutCancel(s.t.Context()), key)
	require.NoError(s.t, err)
	return n
}

func insert(r *http.Request, begin func() (*sql.Tx, error), key string) error {
	tx, err := begin()
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(r.Context(), "INSERT INTO effects (key) VALUES ($1)", key)
	return err
}

func created(w http.ResponseWriter) {
	w.Header().Set("X-Charge", "ch_1")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "charged")
}

// onSQL runs a test on both dialects.
func onSQL(t *testing.T, test func(t *testing.T, o *opened)) {
	t.Helper()
	for _, engine := range []string{sqliteEngine, postgresEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, mustOpen(t, start(t, engine)))
		})
	}
}

func TestInTx(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		f      func(s *txService) txFunc
		first  int
		again  int
		replay bool
		rows   int // after the first request
		left   int // after the second, whose handler succeeds
	}{
		{"success", func(*txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				defer created(w)
				return insert(r, begin, "k")
			}
		}, 201, 201, true, 1, 1},
		{"begin twice", func(s *txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				first, err1 := begin()
				second, err2 := begin()
				if err := errors.Join(err1, err2); err != nil {
					return err
				}
				assert.Same(s.t, first, second)
				created(w)
				return insert(r, begin, "k")
			}
		}, 201, 201, true, 1, 1},
		{"no transaction", func(*txService) txFunc {
			return func(w http.ResponseWriter, _ *http.Request, _ func() (*sql.Tx, error)) error {
				created(w)
				return nil
			}
		}, 201, 201, true, 0, 0},
		{"an error", func(*txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				created(w)
				return errors.Join(insert(r, begin, "k"), errors.New("no funds"))
			}
		}, 500, 201, false, 0, 1},
		{"an error before the transaction", func(*txService) txFunc {
			return func(w http.ResponseWriter, _ *http.Request, _ func() (*sql.Tx, error)) error {
				created(w)
				return errors.New("upstream")
			}
		}, 500, 201, false, 0, 1},
		{"a refusal that is the result", func(*txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				http.Error(w, "no funds", http.StatusPaymentRequired)
				return errors.Join(insert(r, begin, "k"), sqlstore.ErrRollback)
			}
		}, 402, 402, true, 0, 0},
		{"a response that is not kept", func(*txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				w.WriteHeader(http.StatusBadGateway)
				return insert(r, begin, "k")
			}
		}, 502, 201, false, 0, 1},
		{"overtaken before the end", func(s *txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				created(w)
				if err := insert(r, begin, "k"); err != nil {
					return err
				}
				tx, _ := begin() // on SQLite nobody else could
				_, err := tx.ExecContext(r.Context(), "UPDATE idempotency_records SET token = fingerprint")
				return err
			}
		}, 409, 201, false, 0, 1},
		{"a commit that fails", func(s *txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				created(w)
				if err := insert(r, begin, "k"); err != nil {
					return err
				}
				tx, _ := begin()
				_, err := tx.ExecContext(r.Context(), "INSERT INTO child (parent) VALUES (7)") // checked by the commit
				return err
			}
		}, 500, 201, false, 0, 1},
		{"a statement that fails", func(*txService) txFunc {
			return func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				created(w)
				tx, err := begin()
				if err != nil {
					return err
				}
				_, err = tx.ExecContext(r.Context(), "INSERT INTO nowhere (key) VALUES (1)")
				return err
			}
		}, 500, 201, false, 0, 1},
	}
	onSQL(t, func(t *testing.T, o *opened) {
		prepareDeferred(t, o)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				for _, table := range []string{"effects", "idempotency_records"} {
					_, err := o.db.ExecContext(t.Context(), "DELETE FROM "+table)
					require.NoError(t, err)
				}
				s := &txService{t: t, o: o}
				fail := tt.f(s)
				s.h = newTxService(t, o, idempotency.Config{}, o.sql.InTx(
					func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
						if info, _ := idempotency.FromContext(r.Context()); info.Attempt == 1 {
							return fail(w, r, begin)
						}
						created(w)
						return insert(r, begin, "k")
					})).h
				first := s.post("k")
				require.Equal(t, tt.first, first.StatusCode)
				assert.Equal(t, tt.rows, s.rows("k"))
				assert.Equal(t, "1", first.Header.Get("X-Outer"))
				if tt.first == 500 || tt.first == 409 {
					assert.Empty(t, first.Header.Get("X-Charge"), "nothing of what was rolled back leaves")
					assert.Equal(t, "application/problem+json", first.Header.Get("Content-Type"))
				}
				if tt.first == 409 { // the other attempt gives up
					_, err := o.db.ExecContext(t.Context(), "UPDATE idempotency_records SET state = 3")
					require.NoError(t, err)
				}
				again := s.post("k")
				assert.Equal(t, tt.again, again.StatusCode)
				assert.Equal(t, tt.replay, again.Header.Get("X-Idempotency-Replay") == "true")
				assert.Equal(t, tt.left, s.rows("k"))
			})
		}
	})
}

// prepareDeferred makes tables whose constraint is checked by COMMIT.
func prepareDeferred(t *testing.T, o *opened) {
	t.Helper()
	for _, statement := range []string{
		"CREATE TABLE parent (id INTEGER PRIMARY KEY)",
		"CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
	} {
		_, err := o.db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}

func TestInTxPanic(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		s := newTxService(t, o, idempotency.Config{}, o.sql.InTx(
			func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				created(w)
				require.NoError(t, insert(r, begin, "k"))
				panic(http.ErrAbortHandler)
			}))
		for range 2 {
			assert.PanicsWithValue(t, http.ErrAbortHandler, func() { s.post("k") })
			assert.Zero(t, s.rows("k"))
		}
	})
}

func TestInTxWithoutAKeyIsAPlainTransaction(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		var failure error
		s := newTxService(t, o, idempotency.Config{}, o.sql.InTx(
			func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				created(w)
				return errors.Join(insert(r, begin, "plain"), failure)
			}))
		resp := s.post("")
		assert.Equal(t, http.StatusCreated, resp.StatusCode)
		assert.Equal(t, "ch_1", resp.Header.Get("X-Charge"))
		assert.Equal(t, "1", resp.Header.Get("X-Outer"))
		assert.Equal(t, 1, s.rows("plain"))
		failure = errors.New("no funds")
		resp = s.post("")
		assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
		assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		assert.Empty(t, resp.Header.Get("X-Charge"))
		assert.Equal(t, "1", resp.Header.Get("X-Outer"))
		assert.Equal(t, 1, s.rows("plain"))
		failure = sqlstore.ErrRollback
		assert.Equal(t, http.StatusCreated, s.post("").StatusCode)
		assert.Equal(t, 1, s.rows("plain"))
	})
}

// A status that is no status ends the handler, and so the transaction.
func TestInTxWithoutAKeyAndWithAnInvalidStatus(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		s := newTxService(t, o, idempotency.Config{}, o.sql.InTx(
			func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				require.NoError(t, insert(r, begin, "plain"))
				w.WriteHeader(1000)
				return nil
			}))
		assert.Panics(t, func() { s.post("") })
		assert.Zero(t, s.rows("plain"))
	})
}

func TestInTxOverTheCapCommitsATombstone(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		big := strings.Repeat("x", 1000)
		s := newTxService(t, o, idempotency.Config{MaxResponseBody: 999}, o.sql.InTx(
			func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				_, _ = io.WriteString(w, big)
				_ = http.NewResponseController(w).Flush()
				return insert(r, begin, "k")
			}))
		body, err := io.ReadAll(s.post("k").Body)
		require.NoError(t, err)
		assert.Equal(t, big, string(body))
		assert.Equal(t, http.StatusConflict, s.post("k").StatusCode)
		assert.Equal(t, 1, s.rows("k"))
	})
}

// A transaction that outlasts its lease keeps its key all the same.
func TestInTxLongerThanItsLease(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		begun := make(chan struct{})
		s := newTxService(t, o, idempotency.Config{Lease: time.Second, StoreTimeout: time.Second}, o.sql.InTx(
			func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				defer created(w)
				if err := insert(r, begin, "k"); err != nil {
					return err
				}
				close(begun)
				<-time.After(2500 * time.Millisecond)
				return nil
			}))
		var wg sync.WaitGroup
		wg.Go(func() { assert.Equal(t, http.StatusCreated, s.post("k").StatusCode) })
		<-begun
		<-time.After(1500 * time.Millisecond)
		// 409 where the lease is renewed; where the write lock is waited for, 503
		// or the response.
		if resp := s.post("k"); resp.StatusCode == http.StatusCreated {
			assert.Equal(t, "true", resp.Header.Get("X-Idempotency-Replay"))
		} else {
			assert.Contains(t, []int{http.StatusConflict, http.StatusServiceUnavailable}, resp.StatusCode)
		}
		wg.Wait()
		assert.Equal(t, 1, s.rows("k"))
		assert.Equal(t, "true", s.post("k").Header.Get("X-Idempotency-Replay"))
	})
}

func TestInTxOnOneConnection(t *testing.T) {
	t.Parallel()
	onSQL(t, func(t *testing.T, o *opened) {
		o.db.SetMaxOpenConns(1)
		s := newTxService(t, o, idempotency.Config{StoreTimeout: wide}, o.sql.InTx(
			func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
				info, _ := idempotency.FromContext(r.Context())
				created(w)
				return insert(r, begin, info.Key)
			}))
		var wg sync.WaitGroup
		for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			wg.Go(func() { assert.Equal(t, http.StatusCreated, s.post(key).StatusCode, key) })
		}
		wg.Wait()
	})
}
