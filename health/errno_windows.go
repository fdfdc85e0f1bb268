package health

import (
	"errors"
	"syscall"
)

func errnoReason(err error) string {
	const (
		wsaeConnRefused = syscall.Errno(10061) // syscall.ECONNREFUSED is an invented value here
		errorDiskFull   = syscall.Errno(112)
	)
	switch {
	case errors.Is(err, wsaeConnRefused):
		return reasonRefused
	case errors.Is(err, errorDiskFull):
		return reasonDiskFull
	}
	return ""
}
