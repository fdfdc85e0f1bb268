package sqlx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/sqlx"
)

type state string

func (state) Error() string      { return "a failure" }
func (s state) SQLState() string { return string(s) }

type code int

func (code) Error() string { return "a failure" }
func (c code) Code() int   { return int(c) }

func TestTransient(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		state("40001"): true, state("40P01"): true, state("23505"): false, state("57014"): false,
		code(5): true, code(6): true, code(5 | 2<<8): true, code(19): false,
		errors.New("database is locked"):                   true,
		errors.New("sqlite3: database table is locked: t"): true,
		context.DeadlineExceeded:                           false,
	} {
		assert.Equal(t, want, sqlx.Transient(err), "%T %v", err, err)
		assert.Equal(t, want, sqlx.Transient(fmt.Errorf("claim: %w", err)), "wrapped %T", err)
	}
	assert.False(t, sqlx.Transient(nil))
}

func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		require.NoError(t, sqlx.Retry(t.Context(), func() error {
			if calls++; calls < 10 {
				return code(5)
			}
			return nil
		}))
		assert.Equal(t, 10, calls)

		other := errors.New("no such table")
		require.ErrorIs(t, sqlx.Retry(t.Context(), func() error { return other }), other)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.ErrorIs(t, sqlx.Retry(ctx, func() error { return code(5) }), code(5))
		assert.Equal(t, time.Second, time.Since(start))
	})
}
