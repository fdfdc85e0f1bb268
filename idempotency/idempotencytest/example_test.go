package idempotencytest_test //nolint:testableexamples // without a *testing.T it cannot run

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/idempotency"
	"github.com/bracework/bracework/idempotency/idempotencytest"
)

// authenticate stands for the layers of a service that stand in front.
func authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.Header.Set("X-Account", user)
		next.ServeHTTP(w, r)
	})
}

func ExampleRun() {
	var t *testing.T // the argument of a test function

	cfg := idempotency.Config{RequireKey: true, Lease: 3 * time.Second}
	idempotencytest.Run(t, idempotencytest.Harness{
		Wire: func(t *testing.T, store idempotency.Store, next http.Handler) http.Handler {
			m, err := idempotency.New(store, idempotency.ByHeader("X-Account"), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { _ = m.Close() })
			mux := http.NewServeMux()
			mux.Handle("POST /charges", authenticate(m.Handler(next)))
			return mux
		},
		Config: cfg,
		Path:   "/charges",
		Prepare: func(r *http.Request, tenant int) {
			r.SetBasicAuth([]string{"acme", "umbrella"}[tenant], "secret")
		},
	})
}
