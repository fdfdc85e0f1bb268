package health_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// panicky names, in the environment of a child, the contender whose check
// panics.
const panicky = "BRACEWORK_HEALTH_PANIC"

const survived = "survived with "

// askPanic has a child process ask, since this one would be gone.
func askPanic(c contender, _ time.Duration) finding {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPanicInChild$", "-test.v", "-test.timeout=20s")
	child.Env = append(os.Environ(), panicky+"="+c.name)
	out, err := child.CombinedOutput()
	_, status, alive := strings.Cut(string(out), survived)
	switch {
	case alive && err == nil:
		status, _, _ = strings.Cut(status, "\n")
		return finding{"no, " + status, status == "503"}
	case strings.Contains(string(out), "panic: a check's own"):
		return finding{"yes", false}
	}
	return finding{fmt.Sprintf("unclear: %v", err), false}
}

// TestPanicInChild is the child.
func TestPanicInChild(t *testing.T) { //nolint:paralleltest // it has the process to itself
	name := os.Getenv(panicky)
	if name == "" {
		t.Skip("for a child process")
	}
	for _, c := range contenders {
		if c.name != name {
			continue
		}
		ran := make(chan struct{}, 100)
		s := c.open(setup{kind: whole, names: names(1), check: func(context.Context) error {
			ran <- struct{}{}
			panic("a check's own")
		}})
		a := s.probe(t.Context())
		select {
		case <-ran:
		case <-time.After(10 * time.Second):
			require.Fail(t, "the check never ran")
		}
		time.Sleep(200 * time.Millisecond) // in which the process ends, or does not
		fmt.Fprintf(t.Output(), "%s%d\n", survived, a.status)
		return
	}
	require.Fail(t, "no such contender", name)
}
