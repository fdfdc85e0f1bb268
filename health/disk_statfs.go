//go:build aix || darwin || dragonfly || freebsd || linux || openbsd

package health

import (
	"errors"
	"os"
	"syscall"
)

const diskSupported = true

func diskSpace(dir string) (space, error) {
	var st syscall.Statfs_t
	err := syscall.Statfs(dir, &st)
	for errors.Is(err, syscall.EINTR) { // network file systems let signals through, and the runtime sends some
		err = syscall.Statfs(dir, &st)
	}
	if err != nil {
		return space{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return blocks(&st), nil
}

// count makes one type of the many that the fields have. Where they are signed,
// root has used up what is reserved for it when they are negative.
func count[T int32 | int64 | uint32 | uint64](n T) uint64 { return uint64(max(n, 0)) }
