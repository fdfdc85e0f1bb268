package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// account is the system user that a process runs as.
type account struct{ uid, gid uint32 }

// command says what to run.
type command struct {
	path    string
	args    []string
	env     []string // besides the environment of the test process
	dir     string   // working directory, empty for that of the test process
	log     string   // file that output and errors are appended to
	user    *account // nil means the user of the test process
	cleanup string   // for the guard, should the test process die: see startGuard
}

// process is a running command and everything that it started.
type process struct {
	cmd   *exec.Cmd
	guard *guard
	ended chan struct{} // closed when the command has ended and was waited for
	err   error         // how it ended; valid when ended is closed
}

// launch starts c in a process group of its own, so that signals of the
// terminal reach the test process only. The process dies with the test process
// in two ways: the kernel kills it at once, where the kernel can (Linux), and a
// guard kills it, and what it started, on every Unix.
func launch(c command) (*process, error) {
	log, err := os.OpenFile(filepath.Clean(c.log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // nothing was written through this descriptor
	g, err := startGuard(c.cleanup, c.dir)
	if err != nil {
		return nil, err
	}
	// A file, not a pipe: Wait then does not wait for whoever inherited it.
	p := &process{guard: g, ended: make(chan struct{}), cmd: &exec.Cmd{
		Path: c.path, Args: append([]string{c.path}, c.args...), Env: append(os.Environ(), c.env...), Dir: c.dir,
		Stdout: log, Stderr: log, SysProcAttr: attributes(c.user),
	}}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		<-p.ended
		return nil, err
	}
	if err := g.watch(p.pid()); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

// run starts the command and waits for its end. Linux sends the parent-death
// signal when the thread that forked ends, and the runtime ends idle threads
// as it likes; so this goroutine keeps its thread while the process lives.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	defer p.guard.release()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// pause stops the process and everything below it, and returns when all of
// them stand still.
func (p *process) pause() error {
	if p.hasEnded() {
		return errEnded
	}
	family, err := p.freeze()
	if err != nil {
		return err
	}
	// What is stopped cannot notice that its parent died.
	return p.guard.watch(append(family, p.pid())...)
}

// resume lets everything go on that pause has stopped.
func (p *process) resume() error {
	if p.hasEnded() {
		return errEnded
	}
	table, err := processes()
	if err != nil {
		return err
	}
	if err := p.guard.watch(p.pid()); err != nil {
		return err
	}
	for _, pid := range append(below(table, p.pid()), p.pid()) {
		signalContinue(pid)
	}
	return nil
}

// kill ends the process and everything below it by SIGKILL, and returns when
// all of them are gone. The root is stopped first: it can neither start
// another process meanwhile nor learn that one is gone. The group of the
// process is not enough, since the children of a PostgreSQL server make groups
// of their own.
func (p *process) kill() error {
	if p.hasEnded() {
		return nil
	}
	// What does not stop in time is killed all the same.
	family, stopErr := p.freeze()
	for _, pid := range family {
		signalKill(pid)
	}
	err := await(stopTimeout, time.Millisecond, nil, func(context.Context) error {
		table, err := processes()
		for _, pid := range family {
			if table[pid].alive() {
				err = errors.Join(err, fmt.Errorf("process %d lives", pid))
			}
		}
		return err
	})
	signalKill(-p.pid())
	signalKill(p.pid())
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		return errors.Join(stopErr, err, fmt.Errorf("process %d lives", p.pid()))
	}
	if errors.Is(stopErr, errEnded) {
		stopErr = nil // it ended by itself in the middle
	}
	return errors.Join(stopErr, err)
}

// wait returns when the process has ended, with how it ended. It is killed when
// that takes longer than timeout.
func (p *process) wait(timeout time.Duration) error {
	select {
	case <-p.ended:
		return p.err
	case <-time.After(timeout):
		return errors.Join(fmt.Errorf("not done within %v", timeout), p.kill())
	}
}

// freeze sends SIGSTOP until the process and everything below it stand still,
// and returns what is below.
func (p *process) freeze() (family []int, err error) {
	err = await(stopTimeout, time.Millisecond, p.ended, func(context.Context) error {
		table, err := processes()
		if err != nil {
			return err
		}
		family = below(table, p.pid())
		for _, pid := range append([]int{p.pid()}, family...) {
			if table[pid].runs() {
				signalStop(pid)
				err = errors.Join(err, fmt.Errorf("process %d runs", pid))
			}
		}
		return err
	})
	return family, err
}

// tail returns the end of a log, to be shown with a failure.
func tail(path string) string {
	const most = 8 << 10
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
