//go:build !(aix || darwin || dragonfly || freebsd || linux || openbsd || windows)

package health

import "errors"

const diskSupported = false

func diskSpace(string) (space, error) { return space{}, errors.ErrUnsupported }
