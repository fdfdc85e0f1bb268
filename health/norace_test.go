//go:build !race

package health_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// Counts under the race detector are its own.
func TestAllocationsOfAnAnswer(t *testing.T) { //nolint:paralleltest // counts the allocations of the process
	for _, n := range []int{1, 10, 100} {
		h, err := health.New(health.Config{Version: "0.3.0", Cache: time.Hour})
		require.NoError(t, err)
		for i := range n {
			require.NoError(t, h.Add(health.Check{Name: "check" + strconv.Itoa(i), Checker: health.CheckFunc(ok), ForLive: true}))
		}
		handler := h.Handler()
		// The four fields of the header are one; /health adds its uptime and its length.
		for path, most := range map[string]float64{"/health": 3, "/health/live": 1, "/health/ready": 1, "/health/startup": 1} {
			w, r := sink{http.Header{}}, httptest.NewRequest(http.MethodGet, path, nil)
			assert.LessOrEqual(t, testing.AllocsPerRun(1000, func() { handler.ServeHTTP(w, r) }), most, "%s with %d checks", path, n)
		}
	}
}
