//go:build unix || js || wasip1

package health

import (
	"errors"
	"syscall"
)

func errnoReason(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return reasonRefused
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return reasonDiskFull
	}
	return ""
}
