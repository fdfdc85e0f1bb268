//go:build !unix

package enginetest

import (
	"errors"
	"syscall"
)

// Nothing is started where supported is false; the rest is here to compile.
const supported = false

func ownGroup() *syscall.SysProcAttr           { return nil }
func attributes(*account) *syscall.SysProcAttr { return nil }
func processes() (map[int]procInfo, error)     { return nil, errors.ErrUnsupported }
func signalStop(int)                           {}
func signalContinue(int)                       {}
func signalKill(int)                           {}
