package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/internal/sqlx"
)

// claimTries is how often a claim is repeated that met another one halfway.
// Then that one is what it is told of.
const claimTries = 5

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, req idempotency.ClaimRequest) (claim idempotency.Claim, err error) {
	once := s.claimPostgres
	if s.dialect == SQLite {
		once = s.claimSQLite
	}
	for range claimTries {
		err = sqlx.Retry(ctx, func() error {
			claim, err = once(ctx, req)
			return err
		})
		if !errors.Is(err, sql.ErrNoRows) {
			return claim, err
		}
	}
	return idempotency.Claim{State: idempotency.Busy, RetryAfter: req.Lease}, nil
}

// claimPostgres fails with sql.ErrNoRows when another claim came between.
func (s *Store) claimPostgres(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	return scan(s.db.QueryRowContext(ctx, s.sql.claim, req.Key[:], req.Token[:], req.Fingerprint[:],
		req.Lease.Microseconds(), req.TTL.Microseconds()))
}

// claimSQLite looks first, so that replays and conflicts do not queue for the
// write lock. It fails as claimPostgres does.
func (s *Store) claimSQLite(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	claim, err := scan(s.db.QueryRowContext(ctx, s.sql.seen, req.Key[:], req.Token[:], req.Fingerprint[:]))
	if !errors.Is(err, sql.ErrNoRows) {
		return claim, err
	}
	var attempt int
	err = s.db.QueryRowContext(ctx, s.sql.claim, req.Key[:], req.Token[:], req.Fingerprint[:],
		req.Lease.Microseconds(), req.TTL.Microseconds()).Scan(&attempt)
	return idempotency.Claim{State: idempotency.Claimed, Attempt: attempt}, err
}

// scan reads a row of the seen or the claim statement.
func scan(row *sql.Row) (idempotency.Claim, error) {
	var state, attempt int
	var same bool
	var rest int64
	var record []byte
	if err := row.Scan(&state, &attempt, &same, &rest, &record); err != nil {
		return idempotency.Claim{}, err
	}
	switch {
	case state == 0:
		return idempotency.Claim{State: idempotency.Claimed, Attempt: attempt}, nil
	case !same:
		return idempotency.Claim{State: idempotency.Mismatch}, nil
	case state == completed:
		return idempotency.Claim{State: idempotency.Replay, Record: record}, nil
	default:
		return idempotency.Claim{State: idempotency.Busy, RetryAfter: time.Duration(max(rest, 1)) * time.Microsecond}, nil
	}
}

// Extend implements [idempotency.Store].
func (s *Store) Extend(ctx context.Context, key idempotency.Key, token idempotency.Token, lease time.Duration) error {
	return s.update(ctx, s.sql.extend, key[:], token[:], lease.Microseconds())
}

// Complete implements [idempotency.Store].
func (s *Store) Complete(ctx context.Context, key idempotency.Key, token idempotency.Token, rec []byte, ttl time.Duration) error {
	return s.update(ctx, s.sql.complete, key[:], token[:], rec, ttl.Microseconds())
}

// Release implements [idempotency.Store].
func (s *Store) Release(ctx context.Context, key idempotency.Key, token idempotency.Token) error {
	_, err := s.exec(ctx, s.sql.release, key[:], token[:])
	return err
}

// update fails with ErrLeaseLost when no row is owned.
func (s *Store) update(ctx context.Context, statement string, args ...any) error {
	n, err := s.exec(ctx, statement, args...)
	if err == nil && n == 0 {
		return idempotency.ErrLeaseLost
	}
	return err
}

func (s *Store) exec(ctx context.Context, statement string, args ...any) (rows int, err error) {
	err = sqlx.Retry(ctx, func() error {
		rows, err = affected(s.db.ExecContext(ctx, statement, args...))
		return err
	})
	return rows, err
}

func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// split returns the statements of the schema, which has no semicolon elsewhere.
func split(schema string) []string {
	var statements []string
	for statement := range strings.SplitSeq(schema, ";\n") {
		if strings.TrimSpace(statement) != "" {
			statements = append(statements, statement)
		}
	}
	return statements
}
