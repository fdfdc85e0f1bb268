package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// PostgresServer is a PostgreSQL server of one's own.
type PostgresServer struct{ *engine }

// Postgres starts a PostgreSQL server that ends with the test. It is durable
// as PostgreSQL is by default, takes 200 connections, and trusts user
// "postgres", whose database is "postgres" (UTF8, locale C). Options are
// settings, name=value, and win over those of this package:
//
//	enginetest.Postgres(t, "fsync=off", "max_prepared_transactions=10")
//
// The programs are those in PATH, else the newest below /usr/lib/postgresql.
// See [Unavailable] for a PostgreSQL that is not installed.
func Postgres(t testing.TB, opts ...string) *PostgresServer {
	t.Helper()
	s, err := StartPostgres(opts...)
	if err != nil {
		Unavailable(t, err)
	}
	s.own(t)
	return s
}

// StartPostgres is [Postgres] without a test. The server keeps its data in a
// new directory and runs until [PostgresServer.Close], which removes it.
func StartPostgres(opts ...string) (_ *PostgresServer, err error) {
	bin, ok := postgresBin()
	if !ok || !supported {
		return nil, missing("postgres", "install the package postgresql, or put initdb and postgres into PATH")
	}
	user, err := postgresUser()
	if err != nil {
		return nil, fmt.Errorf("enginetest: start postgres: %w", err)
	}
	dir, err := postgresDir(user)
	if err != nil {
		return nil, fmt.Errorf("enginetest: start postgres: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("enginetest: start postgres: %w", err), disposePostgres(dir))
		}
	}()
	data := filepath.Join(dir, "data")
	log := filepath.Join(dir, "postgres.log")
	initdb, err := launch(command{
		path: filepath.Join(bin, "initdb"), dir: dir, log: log, user: user, cleanup: postgresCleanup,
		args: []string{
			"-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
		},
	})
	if err != nil {
		return nil, err
	}
	if err := initdb.wait(startTimeout); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, tail(log))
	}
	port, err := freePort(context.Background())
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{&engine{
		name: "postgres", addr: loopback(port), probe: logIn, fail: unowned,
		cmd: command{
			path: filepath.Join(bin, "postgres"), dir: dir, log: log, user: user, cleanup: postgresCleanup,
			args: postgresArgs(data, port, opts),
		},
		prepare: func() error { return removeLocks(data, port) },
		dispose: func() error { return disposePostgres(dir) },
	}}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// URL returns the address of the database "postgres" for user "postgres".
func (s *PostgresServer) URL() string {
	return "postgres://postgres@" + s.Addr() + "/postgres?sslmode=disable"
}

func postgresArgs(data string, port int, opts []string) []string {
	args := []string{"-D", data, "-p", strconv.Itoa(port)}
	settings := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=" + data,
		"max_connections=200",
		// In the data directory, not in /dev/shm, where a killed server would
		// leave it behind.
		"dynamic_shared_memory_type=mmap",
	}
	for _, setting := range append(settings, opts...) {
		args = append(args, "-c", setting)
	}
	return args
}

// removeLocks removes what a killed server leaves to say that it runs. It does
// not, but another process may have got its number by now, and then the server
// would refuse to start.
func removeLocks(data string, port int) error {
	for _, name := range []string{"postmaster.pid", fmt.Sprintf(".s.PGSQL.%d.lock", port)} {
		if err := os.Remove(filepath.Join(data, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// postgresCleanup removes what a killed server leaves in the directory $1 and
// outside of it: its System V segment, a few bytes that count against a limit
// of the system, whose key and id are a line of postmaster.pid. The next start
// on the same data would remove it; here there is none. The directory is tried
// twice, since a process that nobody waited for may be on its way out.
const postgresCleanup = `
segment=$(sed -n 7p "$1/data/postmaster.pid" 2>/dev/null)
[ -z "$segment" ] || ipcrm -m "${segment##* }" 2>/dev/null
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

func disposePostgres(dir string) error {
	cmd := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", postgresCleanup, "sh", dir}, Dir: "/"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("remove %s: %w: %s", dir, err, out)
	}
	return nil
}
