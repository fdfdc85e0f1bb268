package ratelimit_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/ratelimit/redisstore"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// storeTimeout is the default of package redisstore.
const storeTimeout = 50 * time.Millisecond

// answered is one request.
type answered struct {
	start      time.Time
	took       time.Duration
	tenant     int
	status     int
	retryAfter string
}

// decided is one decision of a limiter.
type decided struct {
	at     time.Time
	tenant int
	ratelimit.Event
}

// replica is one process of a service, with a client as go-redis makes it.
type replica struct {
	redis.Scripter
	handler http.Handler

	mu      sync.Mutex
	log     bytes.Buffer
	calls   []time.Time
	answers []answered
	events  []decided
}

func (r *replica) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	r.mu.Lock()
	r.calls = append(r.calls, time.Now())
	r.mu.Unlock()
	return r.Scripter.EvalSha(ctx, sha1, keys, args...)
}

// Write takes a line of the log.
func (r *replica) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(line)
}

type tenantKey struct{}

func newReplica(t *testing.T, addr string, tier ratelimit.Tier, policy ratelimit.FailurePolicy) *replica {
	t.Helper()
	r := &replica{Scripter: newClient(t, addr)}
	store, err := redisstore.New(r, redisstore.Config{})
	require.NoError(t, err)
	limiter, err := ratelimit.New(store, ratelimit.ByHeader("X-Tenant"), ratelimit.Fixed(tier), ratelimit.Config{
		OnStoreError: policy,
		Logger:       slog.New(slog.NewTextHandler(r, nil)),
		Observer: func(ctx context.Context, e ratelimit.Event) {
			tenant, _ := ctx.Value(tenantKey{}).(int)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, decided{time.Now(), tenant, e})
		},
	})
	require.NoError(t, err)
	r.handler = limiter.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return r
}

// request sends one request of a tenant.
func (r *replica) request(tenant int) {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("X-Tenant", strconv.Itoa(tenant))
	w := httptest.NewRecorder()
	start := time.Now()
	r.handler.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), tenantKey{}, tenant)))
	took := time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, answered{start, took, tenant, w.Code, w.Header().Get("Retry-After")})
}

// load keeps workers busy on all replicas until the returned function is called.
func load(replicas []*replica, workers, tenants int, pause time.Duration) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := 0; ; i++ {
				replicas[w%len(replicas)].request((w/len(replicas) + i) % tenants)
				select {
				case <-end:
					return
				case <-time.After(pause):
				}
			}
		})
	}
	return func() {
		close(end)
		wg.Wait()
	}
}

// callsBetween counts the calls of the store.
func (r *replica) callsBetween(from, to time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, at := range r.calls {
		if at.After(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// firstFromRedis is the first decision after a time that Redis made.
func (r *replica) firstFromRedis(after time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Decision.Source == redisstore.SourceRedis && e.at.After(after) {
			return e.at
		}
	}
	return time.Time{}
}

// lines counts the lines of the log with a text.
func (r *replica) lines(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.log.String(), text)
}

// slowest returns the 99th percentile and the maximum of what requests took.
func slowest(replicas []*replica) (p99, most time.Duration) {
	var all []time.Duration
	for _, r := range replicas {
		for _, a := range r.answers {
			all = append(all, a.took)
		}
	}
	slices.Sort(all)
	return all[len(all)*99/100], all[len(all)-1]
}
