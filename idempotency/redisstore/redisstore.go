// Package redisstore keeps idempotency records in Redis, through go-redis: one
// server, Sentinel, Cluster or a ring. It needs Redis 5 or what speaks like it,
// and is tested on Redis 7.0, alone and as a cluster.
//
// Each step is one small Lua script on one key and on the server's clock, sent
// by its hash (EVALSHA) and whole where the server does not know it. Keys expire
// by themselves. The store starts no goroutine that outlives [New].
//
// # Guarantees
//
// While the server keeps what it has acknowledged, a key in flight or completed
// is claimed by nobody else, and an attempt that was overtaken changes nothing.
// Every step may be repeated under its token, so that go-redis may send one
// again over a new connection.
//
// What Redis can lose, this store loses with it, and a request may then run a
// second time, as attempt 1:
//
//   - Replication is asynchronous: a fail-over drops the writes that the new
//     master had not received, usually some milliseconds of them. The server's
//     min-replicas-to-write and min-replicas-max-lag bound that.
//   - A restart loses what was not on disk: everything without persistence, a
//     second with appendfsync everysec, nothing with appendfsync always.
//   - A server that is full evicts records under any maxmemory-policy but
//     noeviction. New warns of that when it may ask. Under noeviction a full
//     server fails the claim, and the client gets 503.
//
// Where that is too much, keep records in PostgreSQL (package sqlstore), where
// they can be committed together with what they stand for. Redlock would not
// help: it, too, loses its locks when a master forgets them.
//
// Times are in milliseconds, of the server's wall clock: where it steps forward,
// leases end early.
//
// # Timeouts
//
// The middleware gives up a call after [idempotency.Config.StoreTimeout], also
// where the client goes on trying: by default go-redis looks at the context only
// between its tries. Set redis.Options.ContextTimeoutEnabled so that it stops,
// too.
package redisstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/redis/go-redis/v9"
)

// Config configures a [Store]. The zero value of each field is the default that
// its comment names.
type Config struct {
	// Prefix comes before the name of each key; the rest is 43 characters.
	// Default: "idempotency:".
	Prefix string
	// Logger, when set, is told by [New] of a maxmemory-policy that evicts.
	Logger *slog.Logger
}

// Store is an [idempotency.Store] in Redis. Its methods may be called
// concurrently.
type Store struct {
	client                           redis.Scripter
	prefix                           string
	claim, extend, complete, release *redis.Script
}

var _ idempotency.Store = (*Store)(nil)

// New returns a Store in client, which stays the caller's to close: a
// [redis.Client], [redis.ClusterClient], [redis.Ring] or anything else that runs
// scripts. When client also has ConfigGet and there is a Logger, New asks once
// for the maxmemory-policy, for at most a second, and warns of one that evicts.
// It succeeds without an answer.
func New(client redis.Scripter, cfg Config) (*Store, error) {
	if client == nil {
		return nil, errors.New("redisstore: client is nil")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "idempotency:"
	}
	if asked, ok := client.(configGetter); ok && cfg.Logger != nil {
		warnOfEviction(asked, cfg.Logger)
	}
	return &Store{
		client: client, prefix: cfg.Prefix,
		claim: redis.NewScript(claimScript), extend: redis.NewScript(extendScript),
		complete: redis.NewScript(completeScript), release: redis.NewScript(releaseScript),
	}, nil
}

// key names a record. There is nothing of the client's key or scope in it.
func (s *Store) key(key idempotency.Key) []string {
	return []string{s.prefix + base64.RawURLEncoding.EncodeToString(key[:])}
}

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, req idempotency.ClaimRequest) (idempotency.Claim, error) {
	answer, err := s.claim.Run(ctx, s.client, s.key(req.Key),
		req.Token[:], req.Fingerprint[:], milliseconds(req.Lease), milliseconds(req.TTL)).Slice()
	if err != nil {
		return idempotency.Claim{}, fmt.Errorf("redisstore: claim: %w", err)
	}
	return parseClaim(answer)
}

var errAnswer = errors.New("redisstore: claim: unexpected answer")

func parseClaim(answer []any) (idempotency.Claim, error) {
	number := func(i int) int64 {
		if i < len(answer) {
			if n, ok := answer[i].(int64); ok {
				return n
			}
		}
		return 0
	}
	switch number(0) {
	case claimed:
		if attempt := number(1); attempt > 0 {
			return idempotency.Claim{State: idempotency.Claimed, Attempt: int(attempt)}, nil
		}
	case replay:
		if len(answer) == 2 {
			if record, ok := answer[1].(string); ok {
				return idempotency.Claim{State: idempotency.Replay, Record: []byte(record)}, nil
			}
		}
	case busy:
		return idempotency.Claim{State: idempotency.Busy, RetryAfter: time.Duration(max(number(1), 1)) * time.Millisecond}, nil
	case mismatch:
		return idempotency.Claim{State: idempotency.Mismatch}, nil
	}
	return idempotency.Claim{}, errAnswer
}

// Extend implements [idempotency.Store].
func (s *Store) Extend(ctx context.Context, key idempotency.Key, token idempotency.Token, lease time.Duration) error {
	return owned("extend", s.extend.Run(ctx, s.client, s.key(key), token[:], milliseconds(lease)))
}

// Complete implements [idempotency.Store].
func (s *Store) Complete(ctx context.Context, key idempotency.Key, token idempotency.Token, rec []byte, ttl time.Duration) error {
	return owned("complete", s.complete.Run(ctx, s.client, s.key(key), token[:], rec, milliseconds(ttl)))
}

// Release implements [idempotency.Store].
func (s *Store) Release(ctx context.Context, key idempotency.Key, token idempotency.Token) error {
	err := owned("release", s.release.Run(ctx, s.client, s.key(key), token[:]))
	if errors.Is(err, idempotency.ErrLeaseLost) {
		return nil
	}
	return err
}

// owned fails with ErrLeaseLost when the script answers 0.
func owned(step string, cmd *redis.Cmd) error {
	n, err := cmd.Int()
	switch {
	case err != nil:
		return fmt.Errorf("redisstore: %s: %w", step, err)
	case n == 0:
		return idempotency.ErrLeaseLost
	default:
		return nil
	}
}

// milliseconds rounds up: nothing ends early, and nothing has no time at all.
// More than a hundred years would overflow the server's times.
func milliseconds(d time.Duration) int64 {
	const century = 100 * 365 * 24 * time.Hour
	return int64((min(d, century) + time.Millisecond - 1) / time.Millisecond)
}
