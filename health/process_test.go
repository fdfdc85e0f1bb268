package health_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func TestDirWritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, health.DirWritable(dir).Check(t.Context()))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)

	require.ErrorIs(t, health.DirWritable(filepath.Join(dir, "missing")).Check(t.Context()), os.ErrNotExist)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, health.DirWritable(file).Check(t.Context()))

	if os.Getuid() == 0 {
		t.Skip("root writes where it likes")
	}
	require.NoError(t, os.Chmod(dir, 0o500))
	require.ErrorIs(t, health.DirWritable(dir).Check(t.Context()), os.ErrPermission)
	require.NoError(t, os.Chmod(dir, 0o700))
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		maxGoroutines int
		maxHeapBytes  uint64
		ok            bool
	}{
		{"no limits", 0, 0, true},
		{"room", 1 << 20, 1 << 40, true},
		{"too many goroutines", 1, 0, false},
		{"too much heap", 0, 1, false},
		{"both", 1, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := health.Runtime(tc.maxGoroutines, tc.maxHeapBytes).Check(t.Context())
			assert.Equal(t, tc.ok, err == nil, "%v", err)
		})
	}
}
