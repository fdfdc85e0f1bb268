package health_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// tmpfs mounts a file system of the test's own.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting takes more rights: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

func TestDiskRunsFull(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "size=1m")
	inBytes, inPercent := diskFree(t, dir, 256<<10, 0), diskFree(t, dir, 0, 25)
	writable := health.DirWritable(dir)
	all := []health.Checker{inBytes, inPercent, writable}
	for _, c := range all {
		assertPasses(t, c)
	}

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, make([]byte, 900<<10), 0o600))
	assertFails(t, inBytes, "disk_full")
	assertFails(t, inPercent, "disk_full")
	assertPasses(t, writable)

	require.ErrorIs(t, os.WriteFile(file, make([]byte, 2<<20), 0o600), syscall.ENOSPC)
	for _, c := range all {
		assertFails(t, c, "disk_full")
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "the probe that found no room is gone")

	require.NoError(t, os.Remove(file))
	for _, c := range all {
		assertPasses(t, c)
	}
}

func TestDiskRunsOutOfInodes(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "size=1m,nr_inodes=10")
	all := []health.Checker{diskFree(t, dir, 1, 1), health.DirWritable(dir)}
	for _, c := range all {
		assertPasses(t, c)
	}
	made := ""
	for i := 0; ; i++ {
		name := filepath.Join(dir, strconv.Itoa(i))
		err := os.WriteFile(name, nil, 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		require.NoError(t, err)
		made = name
	}
	for _, c := range all {
		assertFails(t, c, "disk_full")
	}
	require.NoError(t, os.Remove(made))
	for _, c := range all {
		assertPasses(t, c)
	}
}

func TestDiskWithoutACountOfInodes(t *testing.T) {
	t.Parallel()
	assertPasses(t, diskFree(t, tmpfs(t, "size=1m,nr_inodes=0"), 1, 1))
}

func TestDiskThatTellsNoSize(t *testing.T) {
	t.Parallel()
	assertFails(t, diskFree(t, "/proc", 1, 0), "other")
}

func TestReadOnlyMountIsNotWritable(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "size=1m")
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	c := health.DirWritable(dir)
	require.ErrorIs(t, c.Check(t.Context()), syscall.EROFS)
	assertFails(t, c, "other")
}
