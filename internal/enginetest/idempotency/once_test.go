package idempotency_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

const crowd = 1000

func TestThousandRequestsRunOnceInOneProcess(t *testing.T) {
	t.Parallel()
	memory := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = memory.Close() })
	stores := map[string]func(t *testing.T) idempotency.Store{
		"memory": func(*testing.T) idempotency.Store { return memory },
	}
	for _, engine := range []string{sqliteEngine, postgresEngine, redisEngine} {
		stores[engine] = func(t *testing.T) idempotency.Store {
			t.Helper()
			return mustOpen(t, start(t, engine))
		}
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := idempotency.New(open(t), idempotency.SingleTenant, idempotency.Config{StoreTimeout: wide})
			require.NoError(t, err)
			t.Cleanup(func() { _ = m.Close() })
			var mu sync.Mutex
			runs := 0
			h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				runs++
				w.WriteHeader(http.StatusCreated)
			}))
			statuses := together(crowd, func(int) int {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodPost, "/", nil)
				r.Header.Set("Idempotency-Key", "k")
				h.ServeHTTP(w, r)
				return w.Code
			})
			assert.Equal(t, 1, runs)
			assert.Subset(t, []int{http.StatusCreated, http.StatusConflict}, statuses)
		})
	}
}

func TestThousandRequestsRunOnceInThreeProcesses(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{sqliteEngine, postgresEngine, redisEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := start(t, engine)
			o := mustOpen(t, s)
			client := newClient(t)
			var urls []string
			for range 3 {
				urls = append(urls, "http://"+enginetest.Child(t, replica, s.engine, s.addr, patientLease).Addr+"/effect")
			}
			var mu sync.Mutex
			bodies := map[string]int{}
			statuses := together(crowd, func(i int) int {
				reply := post(t.Context(), client, urls[i%len(urls)], "one", 50)
				mu.Lock()
				defer mu.Unlock()
				if reply.status == http.StatusCreated {
					bodies[reply.body]++
				}
				return reply.status
			})
			n, err := o.count(context.WithoutCancel(t.Context()), "one")
			require.NoError(t, err)
			assert.Equal(t, 1, n, "exactly one effect")
			assert.Subset(t, []int{http.StatusCreated, http.StatusConflict}, statuses)
			assert.Len(t, bodies, 1, "all get the answer of the one that ran")
		})
	}
}

// together calls f from n goroutines at once and returns the different results.
func together(n int, f func(i int) int) []int {
	results := make(chan int, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			results <- f(i)
		})
	}
	close(begin)
	wg.Wait()
	close(results)
	seen := map[int]bool{}
	var distinct []int
	for r := range results {
		if !seen[r] {
			seen[r] = true
			distinct = append(distinct, r)
		}
	}
	return distinct
}

// What a store and its middleware have started ends with them.
func TestNoGoroutineIsLeft(t *testing.T) { //nolint:paralleltest // it looks at all goroutines
	const ours = "github.com/bracework/bracework/idempotency"
	stacks := func() string {
		memory := make([]byte, 1<<20)
		return string(memory[:runtime.Stack(memory, true)])
	}
	for _, engine := range []string{sqliteEngine, postgresEngine, redisEngine} {
		o, err := start(t, engine).open(t.Context())
		require.NoError(t, err)
		m, err := idempotency.New(o, idempotency.SingleTenant, idempotency.Config{Lease: minLease})
		require.NoError(t, err)
		var during string
		h := m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			<-time.After(3 * minLease)
			during = stacks()
		}))
		for range 2 {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Idempotency-Key", "k")
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		assert.Contains(t, during, ours)
		require.NoError(t, m.Close())
		o.end()
		assert.Eventually(t, func() bool { return !strings.Contains(stacks(), ours) }, wide, 5*time.Millisecond, engine)
	}
}

const minLease = 50 * time.Millisecond
