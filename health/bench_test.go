package health_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// sink is a ResponseWriter that costs nothing itself.
type sink struct{ header http.Header }

func (s sink) Header() http.Header         { return s.header }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteString(p string) (int, error) {
	return len(p), nil
}
func (sink) WriteHeader(int) {}

func benchmark(b *testing.B, path string) {
	b.Helper()
	h, err := health.New(health.Config{Version: "0.3.0", Cache: time.Hour})
	require.NoError(b, err)
	for i := range 10 {
		require.NoError(b, h.Add(health.Check{Name: "check" + strconv.Itoa(i), Checker: health.CheckFunc(ok)}))
	}
	h.Evaluate(b.Context())
	handler := h.Handler()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		w, r := sink{http.Header{}}, httptest.NewRequest(http.MethodGet, path, nil)
		for pb.Next() {
			handler.ServeHTTP(w, r)
		}
	})
}

func BenchmarkHealthTenCachedChecks(b *testing.B) { benchmark(b, "/health") }
func BenchmarkReadyTenCachedChecks(b *testing.B)  { benchmark(b, "/health/ready") }
func BenchmarkLive(b *testing.B)                  { benchmark(b, "/health/live") }
