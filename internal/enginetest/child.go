package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childEnv tells a child its role.
const childEnv = "BRACEWORK_CHILD"

// listening starts the line by which a child says where it listens.
const listening = "listening "

// Process is a copy of the test binary that plays a role: see [Child]. Its
// methods fail the test when they cannot do their work, and must not be called
// concurrently.
type Process struct {
	// Addr is what the child has printed after "listening ".
	Addr string

	t    testing.TB
	log  string
	proc *process
}

// IsChild reports whether this process was started by [Child], and the role
// that it is to play. It is to be asked in TestMain, before anything else:
//
//	func TestMain(m *testing.M) {
//		if role, ok := enginetest.IsChild(); ok {
//			play(role, os.Args[1:]) // prints "listening 127.0.0.1:port", and serves
//			os.Exit(0)
//		}
//		os.Exit(m.Run())
//	}
func IsChild() (role string, ok bool) { return os.LookupEnv(childEnv) }

// Child starts a copy of the test binary for a role that the TestMain of the
// package knows, with args as os.Args[1:], and returns when it has printed the
// line "listening <address>" to its standard output. The test fails when it
// does not within a minute. The child is killed when the test ends, and a data
// race that it has reported fails the test: its exit status would be lost.
func Child(t testing.TB, role string, args ...string) *Process {
	t.Helper()
	if !supported {
		Unavailable(t, missing("child", ""))
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, log: filepath.Join(t.TempDir(), "child.log")}
	p.proc, err = launch(command{path: path, args: args, env: []string{childEnv + "=" + role}, log: p.log})
	if err != nil {
		t.Fatalf("enginetest: start child %s: %v", role, err)
	}
	t.Cleanup(func() {
		if err := p.proc.kill(); err != nil {
			t.Errorf("enginetest: kill child %s: %v", role, err)
		}
		if strings.Contains(p.Output(), "WARNING: DATA RACE") {
			t.Errorf("child %s has a data race", role)
		}
		if t.Failed() {
			t.Logf("output of child %s:\n%s", role, p.Output())
		}
	})
	err = await(startTimeout, 10*time.Millisecond, p.proc.ended, func(context.Context) error {
		for line := range strings.Lines(p.Output()) {
			if addr, ok := strings.CutPrefix(line, listening); ok && strings.HasSuffix(addr, "\n") {
				p.Addr = strings.TrimSpace(addr)
				return nil
			}
		}
		return errors.New("it does not say where it listens")
	})
	if err != nil {
		t.Fatalf("enginetest: start child %s: %v", role, err)
	}
	return p
}

// PID returns the number of the child's process, also after its end.
func (p *Process) PID() int { return p.proc.pid() }

// Done returns a channel that is closed when the child has ended, by
// [Process.Kill] or by itself.
func (p *Process) Done() <-chan struct{} { return p.proc.ended }

// Kill ends the child, and what it has started, by SIGKILL, and waits for it.
// One that has ended is no failure.
func (p *Process) Kill() {
	p.t.Helper()
	p.check("kill", p.proc.kill())
}

// Stop freezes the child, and what it has started, by SIGSTOP. It returns when
// they stand still.
func (p *Process) Stop() {
	p.t.Helper()
	p.check("stop", p.proc.pause())
}

// Continue lets a stopped child go on.
func (p *Process) Continue() {
	p.t.Helper()
	p.check("continue", p.proc.resume())
}

// Output returns what the child has written so far to its standard output and
// standard error, in the order of writing.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}

func (p *Process) check(what string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("enginetest: %s child: %v", what, err)
	}
}
