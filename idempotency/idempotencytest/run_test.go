package idempotencytest_test

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/idempotencytest"
)

// without names rules that a layer outside breaks.
func without(rules ...string) map[string]string {
	skip := map[string]string{}
	for _, name := range rules {
		skip[name] = "beyond a layer outside"
	}
	return skip
}

func middleware(t *testing.T, store idempotency.Store, cfg idempotency.Config) *idempotency.Middleware {
	t.Helper()
	m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func account(r *http.Request, tenant int) { r.Header.Set("X-Account", strconv.Itoa(tenant)) }

func TestDefaults(t *testing.T) {
	t.Parallel()
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("POST /idempotencytest", middleware(t, store, idempotency.Config{}).Handler(next))
			return mux
		},
		Prepare: account,
	})
}

func TestMountedTwice(t *testing.T) {
	t.Parallel()
	cfg := idempotency.Config{Lease: 2 * time.Second, StoreTimeout: 2 * time.Second}
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			m := middleware(t, store, cfg)
			return m.Handler(middleware(t, store, cfg).Handler(m.Handler(next)))
		},
		Config:  cfg,
		Prepare: account,
	})
}

func TestBehindOtherLayers(t *testing.T) {
	t.Parallel()
	cfg := idempotency.Config{
		KeyHeaders:      []string{"Idempotency-Key"},
		ReplayHeader:    "Idempotent-Replayed",
		RequireKey:      true,
		StrictKey:       true,
		MaxKeyLength:    64,
		MaxRequestBody:  64 << 10,
		MaxResponseBody: 128 << 10,
		StoreTimeout:    2 * time.Second,
		DocURL:          "https://example.com/docs/idempotency",
	}
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("PUT /v1/{kind}/charges", middleware(t, store, cfg).Handler(next))
			return identified(compressed(http.MaxBytesHandler(mux, 32<<10)))
		},
		Config:  cfg,
		Method:  http.MethodPut,
		Path:    "/v1/card/charges?currency=eur",
		Prepare: account,
	})
}

func TestOtherPolicies(t *testing.T) {
	t.Parallel()
	cfg := idempotency.Config{
		FailOpen:        true,
		HoldOnPanic:     true,
		PropagateCancel: true,
		MaxRequestBody:  -1,
		MaxResponseBody: -1,
		StoreTimeout:    3 * time.Second, // FailOpen: a machine that is slow must not look like a store that is down
		StoreResponse:   func(status int, _ http.Header) bool { return status < 300 || status == 503 },
		KeyFunc: func(r *http.Request) (string, error) {
			return r.Header.Get("X-Delivery"), nil
		},
	}
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			m, err := idempotency.New(store, idempotency.SingleTenant, cfg)
			require.NoError(t, err)
			t.Cleanup(func() { _ = m.Close() })
			return m.Handler(next)
		},
		Config: cfg,
		Prepare: func(r *http.Request, _ int) {
			r.Header.Set("X-Delivery", r.Header.Get("X-Idempotency-Key"))
		},
		SingleTenant: true,
	})
}

func TestBehindTimeoutHandler(t *testing.T) {
	t.Parallel()
	cfg := idempotency.Config{StoreTimeout: 2 * time.Second}
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			return http.TimeoutHandler(middleware(t, store, cfg).Handler(next), time.Minute, "")
		},
		Config:  cfg,
		Prepare: account,
		Skip: without(
			"an interim status is not the status",
			"trailers are replayed",
			"trailers are replayed over HTTP 2",
		),
	})
}

// identified gives each request a number and says that responses vary, as
// layers of all kinds do before the endpoint runs.
func identified(next http.Handler) http.Handler {
	var requests atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", strconv.FormatInt(requests.Add(1), 10))
		w.Header().Set("Vary", "Origin")
		next.ServeHTTP(w, r)
	})
}
