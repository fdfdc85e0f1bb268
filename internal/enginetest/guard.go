package enginetest

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// guardScript reads lines of process numbers, of which the last one counts,
// until its input ends: that is when the test process has died, however it
// died. What follows it in a guard's script is run next.
const guardScript = `
pids=
while read -r line; do pids=$line; done
[ -z "$pids" ] || kill -9 $pids
`

// guard is a shell that cleans up behind a test process that could not do so
// itself: it was killed, or it panicked at the timeout of go test.
type guard struct {
	cmd      *exec.Cmd
	lifeline io.WriteCloser
}

// startGuard starts a guard. It runs cleanup, shell commands that may be empty
// and find the directory dir as $1, after it has killed what it watches.
func startGuard(cleanup, dir string) (*guard, error) {
	cmd := &exec.Cmd{
		Path: "/bin/sh", Args: []string{"sh", "-c", guardScript + cleanup, "enginetest-guard", dir},
		Dir: "/", SysProcAttr: ownGroup(),
	}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{cmd: cmd, lifeline: lifeline}, nil
}

// watch names the processes to kill, in place of those named before.
func (g *guard) watch(pids ...int) error {
	_, err := io.WriteString(g.lifeline, strings.Trim(fmt.Sprint(pids), "[]")+"\n")
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

// release ends the guard before it sees the end of its input.
func (g *guard) release() {
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // says that it was killed
}
