// Package enginetest starts private database engines for tests: a redis-server
// or a PostgreSQL that no other test sees, on a loopback port of its own, that
// can be killed as by a power cut, started again on the same data, and frozen.
// [Child] does the same with a copy of the test binary.
//
// [Redis] and [Postgres] belong to one test. Starting a PostgreSQL takes one to
// two seconds, so a package with many tests starts one in TestMain, through
// [StartPostgres], and hands its error to [Unavailable] in the tests.
//
// A test is skipped when its engine is not installed, unless the environment
// variable [RequireEnv] is "1": then it fails.
//
// No process outlives the test process, not even when that is killed, or
// panics at the timeout of go test. The package needs a Unix; elsewhere it compiles, and its
// tests are skipped.
package enginetest

import (
	"errors"
	"os"
	"testing"
)

// RequireEnv names the environment variable that, set to "1", makes a missing
// engine a failure. Without it the tests that need the engine are skipped.
const RequireEnv = "BRACEWORK_REQUIRE_ENGINES"

// ErrMissing is wrapped by the errors of [StartRedis] and [StartPostgres] when
// the engine is not installed, or cannot be run on this system.
var ErrMissing = errors.New("engine not available")

// Unavailable ends a test whose engine did not start. The test is skipped when
// err wraps [ErrMissing] and [RequireEnv] is not "1"; otherwise it fails. The
// error must not be nil.
func Unavailable(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv(RequireEnv) != "1" {
		t.Skipf("%v (skipped, as %s is not 1)", err, RequireEnv)
	}
	t.Fatal(err)
}
