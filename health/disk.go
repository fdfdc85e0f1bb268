package health

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// DiskFree checks that the file system of dir has room: at least minBytes bytes
// and minPercent percent of its size, of which 0 is no limit. What counts is
// the room of a writer without privileges, on Windows that of the account which
// the process runs as: blocks reserved for root are none. A file system that
// counts its files and has no number left for a new one fails too, at whatever
// free space. The reason of all three is disk_full.
//
// dir is looked up by each check, not here, so that a volume may be mounted
// later: one that is missing fails the check. While a volume is not mounted,
// its mount point shows the file system below. The operating system offers no
// way to interrupt the look; on a hung network mount the check is stuck until
// the mount answers. It is refused for liveness.
//
// The error tells of an empty dir, of no limit at all, or of a minPercent that
// is not from 0 to 100. It is [errors.ErrUnsupported] where package syscall has
// no call for it: NetBSD, Solaris, Plan 9, js and wasip1.
func DiskFree(dir string, minBytes uint64, minPercent float64) (Checker, error) {
	switch {
	case dir == "":
		return nil, errors.New("health: disk: no directory")
	case math.IsNaN(minPercent) || minPercent < 0 || minPercent > 100:
		return nil, fmt.Errorf("health: disk: minimum of %v percent: want 0 to 100", minPercent)
	case minBytes == 0 && minPercent == 0:
		return nil, errors.New("health: disk: no minimum")
	case !diskSupported:
		return nil, fmt.Errorf("health: disk: %w", errors.ErrUnsupported)
	}
	return &diskCheck{dir, minBytes, minPercent}, nil
}

type diskCheck struct {
	dir        string
	minBytes   uint64
	minPercent float64
}

func (*diskCheck) remote() bool { return true }

func (c *diskCheck) Check(context.Context) error {
	s, err := diskSpace(c.dir)
	if err != nil {
		return err
	}
	if err := s.below(c.minBytes, c.minPercent); err != nil {
		return fmt.Errorf("health: disk of %s: %w", c.dir, err)
	}
	return nil
}

// space is what a file system has, and what of it a writer may still take.
type space struct {
	size, free         uint64 // in units
	unit               uint64 // bytes
	inodes, freeInodes uint64 // 0 inodes: not counted
}

// below returns why s is too full, or nil.
func (s space) below(minBytes uint64, minPercent float64) error {
	if s.size == 0 || s.unit == 0 {
		return errors.New("the file system does not tell its size")
	}
	if free := s.bytes(); free < minBytes {
		return Reason(reasonDiskFull, fmt.Errorf("%d bytes free, want %d", free, minBytes))
	}
	if percent := 100 * float64(s.free) / float64(s.size); percent < minPercent {
		return Reason(reasonDiskFull, fmt.Errorf("%.2f percent free, want %v", percent, minPercent))
	}
	if s.inodes > 0 && s.freeInodes == 0 {
		return Reason(reasonDiskFull, fmt.Errorf("none of %d inodes free", s.inodes))
	}
	return nil
}

// bytes returns the free bytes. Some network file systems claim more than 64
// bits hold.
func (s space) bytes() uint64 {
	hi, lo := bits.Mul64(s.free, s.unit)
	if hi > 0 {
		return math.MaxUint64
	}
	return lo
}
