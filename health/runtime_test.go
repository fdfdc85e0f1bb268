package health_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/health"
)

func TestRuntime(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		maxGoroutines int
		maxHeapBytes  uint64
		want          []string
	}{
		{"no limits", 0, 0, nil},
		{"room", 1 << 20, 1 << 40, nil},
		{"too many goroutines", 1, 0, []string{"goroutines, limit 1"}},
		{"too much heap", 0, 1, []string{"heap bytes, limit 1"}},
		{"both", 1, 1, []string{"goroutines, limit 1", "heap bytes, limit 1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := health.Runtime(tc.maxGoroutines, tc.maxHeapBytes).Check(t.Context())
			assert.Equal(t, tc.want != nil, err != nil, "%v", err)
			for _, want := range tc.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}
