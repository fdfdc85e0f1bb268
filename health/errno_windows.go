package health

import (
	"errors"
	"syscall"
)

func errnoReason(err error) string {
	const (
		wsaeConnRefused        = syscall.Errno(10061) // syscall.ECONNREFUSED is an invented value here
		errorHandleDiskFull    = syscall.Errno(39)
		errorDiskFull          = syscall.Errno(112)
		errorDiskQuotaExceeded = syscall.Errno(1295)
	)
	switch {
	case errors.Is(err, wsaeConnRefused):
		return reasonRefused
	case errors.Is(err, errorDiskFull), errors.Is(err, errorHandleDiskFull), errors.Is(err, errorDiskQuotaExceeded):
		return reasonDiskFull
	}
	return ""
}
