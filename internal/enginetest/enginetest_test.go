package enginetest_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

func TestMain(m *testing.M) {
	if role, ok := enginetest.IsChild(); ok {
		if err := play(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// still is for how long a frozen process is watched: one that is not frozen
// answers within milliseconds.
const still = 200 * time.Millisecond

// soon bounds what is expected to happen at once.
const soon = 20 * time.Second

// family returns the processes of a server, to be asked for later.
func family(t *testing.T, pid int) []int {
	t.Helper()
	pids, err := enginetest.Family(pid)
	require.NoError(t, err)
	return pids
}

func requireGone(t *testing.T, pids []int) {
	t.Helper()
	living, err := enginetest.Living(pids)
	require.NoError(t, err)
	require.Empty(t, living, "processes that outlived their server")
}

// fake is a test that records how it ended. Its methods return where those of
// a test would not.
type fake struct {
	testing.TB

	skipped, failed bool
}

func (f *fake) Helper()              {}
func (f *fake) Skipf(string, ...any) { f.skipped = true; panic(f) }
func (f *fake) Fatal(...any)         { f.failed = true; panic(f) }

// ending returns how f ends its test.
func ending(f func(t testing.TB)) (result *fake) {
	result = &fake{}
	defer func() {
		if r := recover(); r != nil && r != any(result) {
			panic(r)
		}
	}()
	f(result)
	return result
}

func TestMissingEngineSkipsUnlessRequired(t *testing.T) {
	for name, start := range map[string]func(t testing.TB){
		"redis": func(tb testing.TB) {
			_, err := enginetest.StartRedis(t.TempDir())
			enginetest.Unavailable(tb, err)
		},
		"any": func(tb testing.TB) { enginetest.Unavailable(tb, fmt.Errorf("wrapped: %w", enginetest.ErrMissing)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			t.Setenv(enginetest.RequireEnv, "")
			assert.True(t, ending(start).skipped)
			t.Setenv(enginetest.RequireEnv, "1")
			assert.True(t, ending(start).failed)
		})
	}
}

func TestEngineThatDoesNotStartIsNotMissing(t *testing.T) {
	t.Parallel()
	_, err := enginetest.StartRedis(t.TempDir(), "--no-such-option", "1")
	if errors.Is(err, enginetest.ErrMissing) {
		enginetest.Unavailable(t, err)
	}
	require.Error(t, err)
	assert.Contains(t, err.Error(), "no-such-option", "the error shows the server's log")
	assert.True(t, ending(func(tb testing.TB) { enginetest.Unavailable(tb, err) }).failed)
}
