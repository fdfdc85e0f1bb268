package storetest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/ratelimit/storetest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, synctest.Test, storetest.Harness{
		New: func(t *testing.T) ratelimit.Store {
			s := ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
		Advance: time.Sleep,
	})
}
