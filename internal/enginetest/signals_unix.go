//go:build unix

package enginetest

import "syscall"

// supported says whether this system has what the package needs.
const supported = true

// ownGroup keeps a process out of the group that a terminal sends its signals
// to.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// attributes are those of an engine: a group of its own, the user, and death
// with the test process.
func attributes(user *account) *syscall.SysProcAttr {
	attr := ownGroup()
	if user != nil {
		attr.Credential = &syscall.Credential{Uid: user.uid, Gid: user.gid}
	}
	dieWithParent(attr)
	return attr
}

// The signals are sent without a result: a process that is gone is no failure,
// and whoever sends one looks afterwards at what became of it.

func signalStop(pid int)     { _ = syscall.Kill(pid, syscall.SIGSTOP) }
func signalContinue(pid int) { _ = syscall.Kill(pid, syscall.SIGCONT) }
func signalKill(pid int)     { _ = syscall.Kill(pid, syscall.SIGKILL) }
