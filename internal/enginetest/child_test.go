package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

// play is what the copies of this test binary do.
func play(role string, args []string) error {
	switch role {
	case "echo":
		return echo(args)
	case "owner":
		return own(args[0])
	}
	return errors.New("unknown role " + role)
}

// echo serves its arguments, and ends when asked to.
func echo(args []string) error {
	fmt.Fprintln(os.Stderr, "about to listen")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/exit" {
			os.Exit(0)
		}
		io.WriteString(w, strings.Join(args, " "))
	}))
	fmt.Println("listening", srv.Listener.Addr())
	select {}
}

// own starts servers, pauses one of them, names their processes, and leaves
// them behind when it is killed.
func own(dir string) error {
	r, err := enginetest.StartRedis(dir)
	if err != nil {
		return err
	}
	p, err := enginetest.StartPostgres()
	if err != nil {
		return err
	}
	p.Pause()
	pids, err := enginetest.Family(p.PID())
	if err != nil {
		return err
	}
	fmt.Println("dir", p.Dir())
	for _, pid := range append(pids, r.PID()) {
		fmt.Println("pid", pid)
	}
	fmt.Println("listening", r.Addr())
	select {}
}

func get(t *testing.T, addr, path string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	require.NoError(t, err)
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestChildServesUntilKilled(t *testing.T) {
	t.Parallel()
	c := enginetest.Child(t, "echo", "a", "b c")
	body, err := get(t, c.Addr, "/")
	require.NoError(t, err)
	assert.Equal(t, "a b c", body)
	assert.Equal(t, "about to listen\nlistening "+c.Addr+"\n", c.Output())

	c.Kill()
	requireGone(t, []int{c.PID()})
	<-c.Done()
	_, err = get(t, c.Addr, "/")
	require.Error(t, err)
	c.Kill() // one that has ended is no failure
}

func TestChildThatEndsByItselfIsDone(t *testing.T) {
	t.Parallel()
	c := enginetest.Child(t, "echo")
	_, err := get(t, c.Addr, "/exit")
	require.Error(t, err)
	select {
	case <-c.Done():
	case <-time.After(soon):
		require.Fail(t, "the child lives")
	}
}

func TestStoppedChildAnswersAfterContinue(t *testing.T) {
	t.Parallel()
	c := enginetest.Child(t, "echo", "here")
	c.Stop()
	conn, err := net.DialTimeout("tcp", c.Addr, soon)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(still)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	c.Continue()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(soon)))
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "here")
}

// The child stands for a test process that is killed, with a server that is
// paused, and so cannot notice it.
func TestServersDieWithTheTestProcess(t *testing.T) {
	t.Parallel()
	for _, needed := range []func() (io.Closer, error){
		func() (io.Closer, error) { return enginetest.StartRedis(t.TempDir()) },
		func() (io.Closer, error) { return enginetest.StartPostgres() },
	} {
		s, err := needed()
		if err != nil {
			enginetest.Unavailable(t, err)
		}
		require.NoError(t, s.Close())
	}
	c := enginetest.Child(t, "owner", t.TempDir())
	var pids []int
	var dir string
	for line := range strings.Lines(c.Output()) {
		switch name, text, _ := strings.Cut(strings.TrimSpace(line), " "); name {
		case "dir":
			dir = text
		case "pid":
			pid, err := strconv.Atoi(text)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	require.Greater(t, len(pids), 5)
	require.DirExists(t, dir)
	living, err := enginetest.Living(pids)
	require.NoError(t, err)
	require.Equal(t, pids, living)

	// Not by Kill, which ends what the child has started as well.
	owner, err := os.FindProcess(c.PID())
	require.NoError(t, err)
	require.NoError(t, owner.Kill())
	<-c.Done()
	assert.Eventually(t, func() bool {
		living, err := enginetest.Living(pids)
		return err == nil && len(living) == 0
	}, soon, 10*time.Millisecond, "no process outlives its owner")
	assert.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, soon, 10*time.Millisecond, "the data is removed")
}
