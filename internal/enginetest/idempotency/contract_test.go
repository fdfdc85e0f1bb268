package idempotency_test

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/idempotencytest"
	"github.com/bracework/bracework/idempotency/redisstore"
	"github.com/bracework/bracework/idempotency/storetest"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

func TestSQLContract(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{sqliteEngine, postgresEngine, libpqEngine, serializableEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s, tables := start(t, engine), &atomic.Int64{}
			var advance func(time.Duration)
			storetest.Run(t, nil, storetest.Harness{
				New: func(t *testing.T) idempotency.Store {
					t.Helper()
					store, move := emptySQL(t, s, tables)
					advance = move
					return store
				},
				Advance: func(d time.Duration) { advance(d) },
			})
		})
	}
}

func TestRedisContract(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{redisEngine, clusterEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var client redisClient
			if engine == clusterEngine {
				client = startCluster(t)
			} else {
				client = newRedisClient(t, enginetest.Redis(t).Addr())
			}
			var advance func(time.Duration)
			storetest.Run(t, nil, storetest.Harness{
				New: func(t *testing.T) idempotency.Store {
					t.Helper()
					store, move := emptyRedis(t, client)
					advance = move
					return store
				},
				Advance: func(d time.Duration) { advance(d) },
			})
		})
	}
}

// TestWiring runs the HTTP suite over each store.
func TestWiring(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{sqliteEngine, postgresEngine, redisEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := idempotency.Config{Lease: 2 * time.Second, StoreTimeout: time.Second}
			s, tables := start(t, engine), &atomic.Int64{}
			idempotencytest.Run(t, idempotencytest.Harness{
				Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
					t.Helper()
					m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), cfg)
					require.NoError(t, err)
					t.Cleanup(func() { _ = m.Close() })
					return m.Handler(next)
				},
				Store: func(t *testing.T) idempotency.Store {
					t.Helper()
					if engine == redisEngine {
						store, err := redisstore.New(newRedisClient(t, s.addr), redisstore.Config{Prefix: t.Name()})
						require.NoError(t, err)
						return store
					}
					store, _ := emptySQL(t, s, tables)
					return store
				},
				Config:  cfg,
				Prepare: func(r *http.Request, tenant int) { r.Header.Set("X-Account", strconv.Itoa(tenant)) },
			})
		})
	}
}
