package enginetest

import "syscall"

// dieWithParent has the kernel kill the process when the thread that started it
// ends, which is with the test process: see process.run.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
