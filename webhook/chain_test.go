package webhook_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/ratelimit"
	"github.com/bracework/bracework/webhook"
)

// chain is verifier, limiter and idempotency in front of a handler that counts.
type chain struct {
	http.Handler

	buckets *ratelimit.MemoryStore
	claims  atomic.Int64 // on the store of records
	runs    atomic.Int64
}

// counting is a store that counts the claims on it.
type counting struct {
	*idempotency.MemoryStore

	claims *atomic.Int64
}

func (s counting) Claim(ctx context.Context, r idempotency.ClaimRequest) (idempotency.Claim, error) {
	s.claims.Add(1)
	return s.MemoryStore.Claim(ctx, r)
}

func newChain(t *testing.T, p party) *chain {
	t.Helper()
	c := &chain{buckets: ratelimit.NewMemoryStore(ratelimit.MemoryConfig{})}
	memory := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	tenant := func(r *http.Request) (string, error) { return r.Header.Get("X-Tenant"), nil }
	limiter, err := ratelimit.New(c.buckets, tenant, ratelimit.Fixed(ratelimit.Free), ratelimit.Config{})
	require.NoError(t, err)
	once, err := idempotency.New(counting{memory, &c.claims}, tenant, idempotency.Config{KeyFunc: webhook.DeliveryID, RequireKey: true})
	require.NoError(t, err)
	t.Cleanup(func() { _, _, _ = once.Close(), memory.Close(), c.buckets.Close() })
	c.Handler = p.verifier(t, webhook.Config{}).Handler(limiter.Handler(once.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.runs.Add(1)
		_, _ = io.Copy(w, r.Body)
	}))))
	return c
}

func (p party) tenantRequest(t *testing.T, body string) *http.Request {
	t.Helper()
	r := p.request(t, body)
	r.Header.Set("X-Tenant", "acme")
	return r
}

// A forged request takes no token of the tenant that it names and leaves no record;
// neither does it keep the genuine one from running.
func TestForgeriesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	for _, p := range parties() {
		t.Run(p.scheme.String(), func(t *testing.T) {
			t.Parallel()
			c := newChain(t, p)
			for range 3 * ratelimit.Free.Burst {
				r := p.tenantRequest(t, "a=b")
				r.Body = io.NopCloser(strings.NewReader("a=c"))
				assert.Equal(t, http.StatusUnauthorized, serve(c, r).Code)
			}
			assert.Zero(t, c.buckets.Stats().Keys, "no bucket is touched")
			assert.Zero(t, c.claims.Load(), "no record is asked for")
			assert.Zero(t, c.runs.Load())

			w := serve(c, p.tenantRequest(t, "a=b"))
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Equal(t, "a=b", w.Body.String())
			assert.Equal(t, "5", w.Header().Get("X-RateLimit-Remaining"), "of a bucket that was full")
			assert.Empty(t, w.Header().Get("X-Idempotency-Replay"))
			assert.EqualValues(t, 1, c.runs.Load())
		})
	}
}

// The very same request again, byte for byte, runs nothing and is answered as the
// first was.
func TestReplaysRunOnce(t *testing.T) {
	t.Parallel()
	for _, p := range parties() {
		t.Run(p.scheme.String(), func(t *testing.T) {
			t.Parallel()
			c := newChain(t, p)
			r := p.tenantRequest(t, "a=b")
			for n := range 5 {
				again := r.Clone(r.Context())
				again.Body = io.NopCloser(strings.NewReader("a=b"))
				w := serve(c, again)
				assert.Equal(t, http.StatusOK, w.Code)
				assert.Equal(t, "a=b", w.Body.String())
				assert.Equal(t, n > 0, w.Header().Get("X-Idempotency-Replay") == "true")
			}
			assert.EqualValues(t, 1, c.runs.Load())
		})
	}
}

// Without a verifier in front nothing runs.
func TestDeliveryIDFailsClosed(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemoryStore(idempotency.MemoryConfig{})
	t.Cleanup(func() { _ = store.Close() })
	once, err := idempotency.New(store, idempotency.SingleTenant, idempotency.Config{KeyFunc: webhook.DeliveryID})
	require.NoError(t, err)
	var next seen
	w := serve(once.Handler(&next), parties()[0].request(t, "{}"))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Zero(t, next.calls)
}
