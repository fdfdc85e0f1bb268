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
	require.EqualError(t, health.DirWritable("").Check(t.Context()), "health: no directory", "not that of the system")
}

func TestDirWritableWithoutRights(t *testing.T) {
	t.Parallel()
	if os.Getuid() <= 0 {
		t.Skip("root writes where it likes, and Windows has no such rights")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { assert.NoError(t, os.Chmod(dir, 0o700)) })
	require.ErrorIs(t, health.DirWritable(dir).Check(t.Context()), os.ErrPermission)
}
