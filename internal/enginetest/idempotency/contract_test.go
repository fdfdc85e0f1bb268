package idempotency_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/storetest"

	"github.com/bracework/bracework/internal/enginetest"
)

func TestSQLContract(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{sqliteEngine, postgresEngine} {
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
	addr := enginetest.Redis(t).Addr()
	var advance func(time.Duration)
	storetest.Run(t, nil, storetest.Harness{
		New: func(t *testing.T) idempotency.Store {
			t.Helper()
			store, move := emptyRedis(t, addr)
			advance = move
			return store
		},
		Advance: func(d time.Duration) { advance(d) },
	})
}
