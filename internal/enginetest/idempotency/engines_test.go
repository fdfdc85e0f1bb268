package idempotency_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/redisstore"
	"github.com/bracework/bracework/idempotency/sqlstore"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/bracework/bracework/internal/enginetest"
)

// shared is a store of several processes and what it takes to open it: an
// engine and an address, which a child gets as its arguments.
type shared struct {
	engine, addr string
}

const (
	sqliteEngine       = "sqlite"
	postgresEngine     = "postgres"
	libpqEngine        = "postgres through lib/pq"
	serializableEngine = "postgres, serializable"
	redisEngine        = "redis"
	clusterEngine      = "redis cluster"
)

// sqliteDSN waits for locks longer than any test holds one.
func sqliteDSN(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"
}

// start starts the engine, durable as in production.
func start(t *testing.T, engine string) shared {
	t.Helper()
	switch engine {
	case sqliteEngine:
		return shared{engine, sqliteDSN(filepath.Join(t.TempDir(), "db.sqlite"))}
	case postgresEngine, libpqEngine:
		return shared{engine, enginetest.Postgres(t).URL()}
	case serializableEngine:
		return shared{engine, enginetest.Postgres(t, "default_transaction_isolation=serializable").URL()}
	default:
		return shared{engine, enginetest.Redis(t, "--appendonly", "yes", "--appendfsync", "always").Addr()}
	}
}

// effects is where handlers leave what they have done, in the same engine.
type effects interface {
	add(ctx context.Context, key string) error
	count(ctx context.Context, key string) (int, error)
}

// opened is a store with its effects.
type opened struct {
	idempotency.Store
	effects
	sql *sqlstore.Store // nil on Redis
	db  *sql.DB
	end func()
}

// open opens the store. What open has created is there for the next one.
func (s shared) open(ctx context.Context) (*opened, error) {
	if s.engine == redisEngine {
		client := redis.NewClient(&redis.Options{Addr: s.addr, ContextTimeoutEnabled: true})
		store, err := redisstore.New(client, redisstore.Config{})
		return &opened{Store: store, effects: redisEffects{client}, end: func() { _ = client.Close() }}, err
	}
	db, store, err := openSQL(s, sqlstore.Config{})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS effects (key VARCHAR(100) NOT NULL)"); err != nil {
		return nil, err
	}
	return &opened{Store: store, effects: sqlEffects{db}, sql: store, db: db, end: func() {
		_ = store.Close()
		_ = db.Close()
	}}, nil
}

func openSQL(s shared, cfg sqlstore.Config) (*sql.DB, *sqlstore.Store, error) {
	driver, dialect := "pgx", sqlstore.Postgres
	switch s.engine {
	case sqliteEngine:
		driver, dialect = "sqlite", sqlstore.SQLite
	case libpqEngine:
		driver = "postgres"
	}
	db, err := sql.Open(driver, s.addr)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(30)
	db.SetMaxIdleConns(30)
	store, err := sqlstore.New(db, dialect, cfg)
	return db, store, err
}

func mustOpen(t *testing.T, s shared) *opened {
	t.Helper()
	o, err := s.open(t.Context())
	require.NoError(t, err)
	t.Cleanup(o.end)
	return o
}

type redisEffects struct{ client *redis.Client }

func (e redisEffects) add(ctx context.Context, key string) error {
	return e.client.Incr(ctx, "effects:"+key).Err()
}

func (e redisEffects) count(ctx context.Context, key string) (int, error) {
	n, err := e.client.Get(ctx, "effects:"+key).Int()
	if err == redis.Nil { //nolint:errorlint // as it comes
		return 0, nil
	}
	return n, err
}

type sqlEffects struct{ db *sql.DB }

func (e sqlEffects) add(ctx context.Context, key string) error {
	_, err := e.db.ExecContext(ctx, "INSERT INTO effects (key) VALUES ($1)", key)
	return err
}

func (e sqlEffects) count(ctx context.Context, key string) (n int, err error) {
	err = e.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM effects WHERE key = $1", key).Scan(&n)
	return n, err
}

// A table of its own for each store that wants to be empty.
func emptySQL(t *testing.T, s shared, number *atomic.Int64) (store *sqlstore.Store, advance func(time.Duration)) {
	t.Helper()
	table := fmt.Sprintf("records_%d", number.Add(1))
	db, store, err := openSQL(s, sqlstore.Config{Table: table})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = store.Close()
		_ = db.Close()
	})
	require.NoError(t, store.Migrate(t.Context()))
	// Time passes by moving all records back.
	return store, func(d time.Duration) {
		_, err := db.ExecContext(t.Context(), "UPDATE "+table+" SET lease_until = lease_until - $1, expires_at = expires_at - $1", d.Microseconds())
		require.NoError(t, err)
	}
}

// redisClient is what both clients have.
type redisClient interface {
	redis.UniversalClient
	redis.Scripter
}

// startCluster is a cluster of one node, which has all slots.
func startCluster(t *testing.T) redisClient {
	t.Helper()
	addr := enginetest.Redis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(freePort(t))).Addr()
	node := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = node.Close() })
	require.NoError(t, node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	require.Eventually(t, func() bool {
		info, err := node.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, wide, 10*time.Millisecond)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// freePort is for the bus of the cluster, which no other node will call.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().(*net.TCPAddr).Port
}

func newRedisClient(t *testing.T, addr string) redisClient {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func emptyRedis(t *testing.T, client redisClient) (store *redisstore.Store, advance func(time.Duration)) {
	t.Helper()
	require.NoError(t, client.FlushAll(t.Context()).Err())
	store, err := redisstore.New(client, redisstore.Config{})
	require.NoError(t, err)
	const moveBack = `
	for _, key in ipairs(redis.call('KEYS', '*')) do
		local lease = redis.call('HGET', key, 'd')
		if lease then redis.call('HSET', key, 'd', string.format('%.0f', lease - ARGV[1])) end
		redis.call('PEXPIRE', key, redis.call('PTTL', key) - ARGV[1])
	end`
	return store, func(d time.Duration) {
		err := client.Eval(t.Context(), moveBack, nil, d.Milliseconds()).Err()
		if err != redis.Nil { //nolint:errorlint // as it comes
			require.NoError(t, err)
		}
	}
}
