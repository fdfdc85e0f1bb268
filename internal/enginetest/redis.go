package enginetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// RedisServer is a redis-server of one's own.
type RedisServer struct{ *engine }

// Redis starts a redis-server that ends with the test. It keeps nothing on disk
// unless opts say so. They are arguments of redis-server, appended to those of
// this package:
//
//	enginetest.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
//
// A password must not be among them: the server is ready when it answers PING.
// See [Unavailable] for a redis-server that is not installed.
func Redis(t testing.TB, opts ...string) *RedisServer {
	t.Helper()
	s, err := StartRedis(t.TempDir(), opts...)
	if err != nil {
		Unavailable(t, err)
	}
	s.own(t)
	return s
}

// StartRedis is [Redis] without a test. The server works in dir, which must
// exist, and runs until [RedisServer.Close].
func StartRedis(dir string, opts ...string) (*RedisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil || !supported {
		return nil, missing("redis-server", "install the package redis-server, or put the program into PATH")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	port, err := freePort(context.Background())
	if err != nil {
		return nil, err
	}
	args := []string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir, "--daemonize", "no",
		"--save", "", "--appendonly", "no",
	}
	s := &RedisServer{&engine{
		name: "redis", addr: loopback(port), probe: ping, fail: unowned,
		cmd: command{path: path, args: append(args, opts...), dir: dir, log: filepath.Join(dir, "redis.log")},
	}}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("enginetest: start redis: %w", err)
	}
	return s, nil
}

// ping fails unless the server answers PING; one that still reads its data
// answers LOADING.
func ping(_ context.Context, conn net.Conn) error {
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if line != "+PONG\r\n" {
		return fmt.Errorf("PING was answered by %q", line)
	}
	return nil
}
