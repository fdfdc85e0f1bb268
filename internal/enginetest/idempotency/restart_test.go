package idempotency_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

// server is an engine that can fail.
type server interface {
	Kill()
	Restart()
	Pause()
	Resume()
}

func startServer(t *testing.T, engine string) (server, shared) {
	t.Helper()
	if engine == postgresEngine {
		s := enginetest.Postgres(t)
		return s, shared{engine, s.URL()}
	}
	s := enginetest.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	return s, shared{engine, s.Addr()}
}

// loaded is a service under load that notes when each key ran.
type loaded struct {
	srv *httptest.Server

	mu      sync.Mutex
	runs    map[string][]time.Time
	slowest time.Duration
	log     bytes.Buffer // its handler has a lock
}

const (
	secret           = "secret-" // starts each key
	loadLease        = time.Second
	loadStoreTimeout = time.Second
)

func newLoaded(t *testing.T, s shared) *loaded {
	t.Helper()
	l := &loaded{runs: map[string][]time.Time{}}
	m, err := idempotency.New(mustOpen(t, s), idempotency.SingleTenant,
		idempotency.Config{Lease: loadLease, StoreTimeout: loadStoreTimeout, Logger: slog.New(slog.NewTextHandler(&l.log, nil))})
	require.NoError(t, err)
	l.srv = httptest.NewServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, _ := idempotency.FromContext(r.Context())
		l.mu.Lock()
		l.runs[info.Key] = append(l.runs[info.Key], time.Now())
		l.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("done " + info.Key))
	})))
	t.Cleanup(func() {
		l.srv.Close()
		_ = m.Close()
		assert.NotContains(t, l.log.String(), secret, "what a driver reports holds no key")
	})
	return l
}

func (l *loaded) post(ctx context.Context, client *http.Client, key string) reply {
	start := time.Now()
	got := post(ctx, client, l.srv.URL, secret+key, 0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, time.Since(start))
	return got
}

func TestEngineKilledAndRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{postgresEngine, redisEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			db, s := startServer(t, engine)
			l, client := newLoaded(t, s), newClient(t)
			ctx, stop := context.WithCancel(t.Context())
			var workers sync.WaitGroup
			var mu sync.Mutex
			asked := map[string]bool{}
			for w := range 16 {
				workers.Go(func() {
					for i := 0; ctx.Err() == nil; i++ {
						key := strconv.Itoa(w) + "-" + strconv.Itoa(i)
						mu.Lock()
						asked[key] = true
						mu.Unlock()
						for range 3 {
							if got := l.post(t.Context(), client, key); got.status == http.StatusCreated {
								assert.Equal(t, "done "+secret+key, got.body)
							}
						}
					}
				})
			}
			for range 2 {
				<-time.After(400 * time.Millisecond)
				db.Kill()
				<-time.After(300 * time.Millisecond)
				db.Restart()
			}
			<-time.After(400 * time.Millisecond)
			stop()
			workers.Wait()
			assert.Less(t, l.slowest, 2*loadStoreTimeout+3*time.Second, "a claim and a save, and the machine's slowness")

			// In the end each key has its answer.
			for key := range asked {
				got := postUntil(t, client, l.srv.URL, secret+key, wide)
				require.Equal(t, "done "+secret+key, got.body)
			}
			again := 0
			for key, runs := range l.runs {
				for i := 1; i < len(runs); i++ {
					again++
					require.GreaterOrEqual(t, runs[i].Sub(runs[i-1]), loadLease-50*time.Millisecond, "%s ran again inside its lease", key)
				}
			}
			t.Logf("%d keys, %d of them ran again after their lease", len(asked), again)
			assert.Greater(t, len(asked), 16)
		})
	}
}

func TestFrozenEngineIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{postgresEngine, redisEngine} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			db, s := startServer(t, engine)
			l, client := newLoaded(t, s), newClient(t)
			require.Equal(t, http.StatusCreated, l.post(t.Context(), client, "before").status)
			db.Pause()
			start := time.Now()
			assert.Equal(t, http.StatusServiceUnavailable, l.post(t.Context(), client, "during").status)
			assert.Less(t, time.Since(start), loadStoreTimeout+2*time.Second)
			assert.Empty(t, l.runs["secret-during"], "fails closed")
			db.Resume()
			assert.Equal(t, "done secret-during", postUntil(t, client, l.srv.URL, "secret-during", wide).body)
			assert.True(t, postUntil(t, client, l.srv.URL, "secret-before", wide).replayed)
		})
	}
}
