package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// engine is what the servers have in common. Its methods may be called
// concurrently; they act one after the other.
//
// A method that cannot do its work fails the test that owns the server. A
// server that was started without a test panics.
type engine struct {
	name    string
	addr    string
	cmd     command
	prepare func() error                                   // before each start, may be nil
	probe   func(ctx context.Context, conn net.Conn) error // nil when conn's server is ready
	dispose func() error                                   // after the end, may be nil
	fail    func(error)

	mu   sync.Mutex
	proc *process // the last one that was started
}

// Addr returns the address of the server, "127.0.0.1:port". It stays the same
// over Restart.
func (e *engine) Addr() string { return e.addr }

// PID returns the number of the server's process, of the last one when it was
// killed.
func (e *engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.proc.pid()
}

// Kill ends the server as a power cut of its machine would, except that the
// operating system still writes what it was given: every process gets SIGKILL,
// and Kill returns when all of them are gone. A server that is down stays down.
func (e *engine) Kill() {
	e.do("kill", func() error { return e.proc.kill() })
}

// Restart starts the server again, with the same address, data and options,
// and returns when it answers. A server that runs is killed first.
func (e *engine) Restart() {
	e.do("restart", func() error {
		if err := e.proc.kill(); err != nil {
			return err
		}
		return e.start()
	})
}

// Pause stops every process of the server by SIGSTOP, and returns when all of
// them stand still: connections stay open, new ones are taken into the
// system's queue, and nothing is answered until Resume.
func (e *engine) Pause() {
	e.do("pause", func() error { return e.proc.pause() })
}

// Resume lets a paused server go on.
func (e *engine) Resume() {
	e.do("resume", func() error { return e.proc.resume() })
}

// Close kills the server, also a paused one, and removes what it has left on
// the machine outside of the caller's directory. It must not be used
// afterwards; closing it again does nothing.
func (e *engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.proc.kill()
	if e.dispose != nil {
		err = errors.Join(err, e.dispose())
		e.dispose = nil
	}
	if err != nil {
		return fmt.Errorf("enginetest: close %s: %w", e.name, err)
	}
	return nil
}

func (e *engine) do(what string, f func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := f(); err != nil {
		e.fail(fmt.Errorf("enginetest: %s %s: %w", what, e.name, err))
	}
}

// start runs the server and waits until it is ready.
func (e *engine) start() error {
	if e.prepare != nil {
		if err := e.prepare(); err != nil {
			return err
		}
	}
	proc, err := launch(e.cmd)
	if err != nil {
		return err
	}
	e.proc = proc
	err = await(startTimeout, 20*time.Millisecond, proc.ended, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", e.addr)
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // the answer was read
		deadline, _ := ctx.Deadline()
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
		return e.probe(ctx, conn)
	})
	if err != nil {
		return errors.Join(fmt.Errorf("%w; the end of its log:\n%s", err, tail(e.cmd.log)), proc.kill())
	}
	return nil
}

// own makes t the owner of a server that was started for it.
func (e *engine) own(t testing.TB) {
	t.Helper()
	e.fail = func(err error) {
		t.Helper()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", e.name, tail(e.cmd.log))
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// unowned is the fail of a server without a test.
func unowned(err error) { panic(err) }

// missing makes the error for an engine that is not there.
func missing(program, advice string) error {
	if !supported {
		return fmt.Errorf("enginetest: %s: %w: needs a Unix", program, ErrMissing)
	}
	return fmt.Errorf("enginetest: %s not found: %w: %s", program, ErrMissing, advice)
}

// exists reports whether path names a file.
func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
