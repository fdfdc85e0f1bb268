package health_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// diskFree skips where there is no such checker.
func diskFree(t *testing.T, dir string, minBytes uint64, minPercent float64) health.Checker {
	t.Helper()
	c, err := health.DiskFree(dir, minBytes, minPercent)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return c
}

func TestDiskFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, diskFree(t, dir, 1, 0).Check(t.Context()))
	require.NoError(t, diskFree(t, dir, 0, math.SmallestNonzeroFloat64).Check(t.Context()))
	assertFails(t, diskFree(t, dir, math.MaxUint64, 0), "disk_full")
	assertFails(t, diskFree(t, dir, 0, 100), "disk_full")
	require.ErrorContains(t, diskFree(t, dir, 0, 100).Check(t.Context()), dir)
	require.ErrorIs(t, diskFree(t, filepath.Join(dir, "missing"), 1, 0).Check(t.Context()), os.ErrNotExist)
}

func TestDiskFreeRefusesItsArguments(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		dir        string
		minBytes   uint64
		minPercent float64
		want       string
	}{
		{"no directory", "", 1, 1, "health: disk: no directory"},
		{"no minimum", ".", 0, 0, "health: disk: no minimum"},
		{"negative percentage", ".", 1, -1, "health: disk: minimum of -1 percent: want 0 to 100"},
		{"more than everything", ".", 1, 100.5, "health: disk: minimum of 100.5 percent: want 0 to 100"},
		{"infinite", ".", 1, math.Inf(1), "health: disk: minimum of +Inf percent: want 0 to 100"},
		{"not a number", ".", 1, math.NaN(), "health: disk: minimum of NaN percent: want 0 to 100"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := health.DiskFree(tc.dir, tc.minBytes, tc.minPercent)
			require.EqualError(t, err, tc.want)
			assert.Nil(t, c)
		})
	}
}

func TestSpace(t *testing.T) {
	t.Parallel()
	const huge = math.MaxUint64
	for _, tc := range []struct {
		name       string
		space      health.Space
		minBytes   uint64
		minPercent float64
		want       string
	}{
		{"as many bytes as wanted", health.Space{Size: 100, Free: 10, Unit: 4096}, 40960, 0, ""},
		{"one byte less", health.Space{Size: 100, Free: 10, Unit: 4096}, 40961, 0, "40960 bytes free, want 40961"},
		{"as much of it as wanted", health.Space{Size: 1000, Free: 125, Unit: 1}, 0, 12.5, ""},
		{"a unit less", health.Space{Size: 1000, Free: 124, Unit: 1}, 0, 12.5, "12.40 percent free, want 12.5"},
		{"both, one missed", health.Space{Size: 1000, Free: 124, Unit: 1}, 124, 12.5, "12.40 percent free, want 12.5"},
		{"nothing left", health.Space{Size: 1000, Unit: 1}, 1, 0, "0 bytes free, want 1"},
		{"more than 64 bits", health.Space{Size: huge, Free: huge, Unit: 4096}, huge, 100, ""},
		{"inodes left", health.Space{Size: 10, Free: 10, Unit: 1, Inodes: 5, FreeInodes: 1}, 1, 1, ""},
		{"no inodes left", health.Space{Size: 10, Free: 10, Unit: 1, Inodes: 5}, 1, 1, "none of 5 inodes free"},
		{"inodes not counted", health.Space{Size: 10, Free: 10, Unit: 1}, 1, 1, ""},
		{"no size", health.Space{Unit: 4096}, 1, 0, "the file system does not tell its size"},
		{"no unit", health.Space{Size: 10, Free: 10}, 1, 0, "the file system does not tell its size"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := tc.space.Below(tc.minBytes, tc.minPercent)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
}
