package storetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/storetest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, synctest.Test, storetest.Harness{
		New: func(t *testing.T) idempotency.Store {
			s := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
		Advance: time.Sleep,
	})
}
