package enginetest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

// client speaks to a Redis in inline commands.
type client struct {
	net.Conn

	in *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, soon)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &client{Conn: conn, in: bufio.NewReader(conn)}
}

func (c *client) send(t *testing.T, command string) {
	t.Helper()
	_, err := io.WriteString(c, command+"\r\n")
	require.NoError(t, err)
}

func (c *client) line(t *testing.T, timeout time.Duration) (string, error) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(timeout)))
	return c.in.ReadString('\n')
}

func (c *client) do(t *testing.T, command string) string {
	t.Helper()
	c.send(t, command)
	line, err := c.line(t, soon)
	require.NoError(t, err)
	return line
}

func TestRedisAnswers(t *testing.T) {
	t.Parallel()
	s := enginetest.Redis(t)
	c := dial(t, s.Addr())
	assert.Equal(t, "+PONG\r\n", c.do(t, "PING"))
	assert.Equal(t, "*2\r\n", c.do(t, "CONFIG GET save"))
}

func TestRedisIsGoneAfterKillAndEmptyAfterRestart(t *testing.T) {
	t.Parallel()
	s := enginetest.Redis(t)
	c := dial(t, s.Addr())
	assert.Equal(t, "+OK\r\n", c.do(t, "SET key value"))
	addr, pids := s.Addr(), family(t, s.PID())

	s.Kill()
	requireGone(t, pids)
	_, err := c.line(t, soon)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = net.DialTimeout("tcp", addr, soon)
	require.Error(t, err)
	s.Kill() // a server that is down stays down

	s.Restart()
	assert.Equal(t, addr, s.Addr())
	assert.NotEqual(t, pids[0], s.PID())
	assert.Equal(t, "$-1\r\n", dial(t, s.Addr()).do(t, "GET key"))
}

func TestRedisKeepsItsLogOfWritesOverKill(t *testing.T) {
	t.Parallel()
	s := enginetest.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	for i := range 3 {
		c := dial(t, s.Addr())
		assert.Equal(t, "+OK\r\n", c.do(t, fmt.Sprintf("SET key%d value", i)))
		s.Kill()
		s.Restart()
		c = dial(t, s.Addr())
		assert.Equal(t, fmt.Sprintf(":%d\r\n", i+1), c.do(t, "DBSIZE"))
	}
}

func TestRestartOfARunningRedisKillsIt(t *testing.T) {
	t.Parallel()
	s := enginetest.Redis(t)
	pids := family(t, s.PID())
	s.Restart()
	requireGone(t, pids)
	assert.Equal(t, "+PONG\r\n", dial(t, s.Addr()).do(t, "PING"))
}

func TestPausedRedisAnswersAfterResume(t *testing.T) {
	t.Parallel()
	s := enginetest.Redis(t)
	c := dial(t, s.Addr())
	s.Pause()
	c.send(t, "PING")
	_, err := c.line(t, still)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	late := dial(t, s.Addr())
	late.send(t, "PING")

	s.Resume()
	for _, c := range []*client{c, late} {
		line, err := c.line(t, soon)
		require.NoError(t, err)
		assert.Equal(t, "+PONG\r\n", line)
	}
}

func TestPausedRedisCanBeKilledAndClosed(t *testing.T) {
	t.Parallel()
	s, err := enginetest.StartRedis(t.TempDir())
	if err != nil {
		enginetest.Unavailable(t, err)
	}
	s.Pause()
	s.Pause()
	pids := family(t, s.PID())
	s.Kill()
	requireGone(t, pids)
	assert.Panics(t, s.Pause, "no test to fail")

	s.Restart()
	s.Pause()
	pids = family(t, s.PID())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	requireGone(t, pids)
}
