//go:build unix && !linux

package enginetest

import "syscall"

// dieWithParent does nothing: there is no parent-death signal that the syscall
// package knows on all of these systems. The guard alone kills the process.
func dieWithParent(*syscall.SysProcAttr) {}
