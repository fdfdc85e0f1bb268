package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

// remotes are the checkers of what lies outside of the process.
func remotes(t *testing.T) map[string]health.Checker {
	t.Helper()
	db := openDB(t, &fakeDB{affected: 1}, 1)
	return map[string]health.Checker{
		"tcp":   health.TCP("db.test:5432"),
		"http":  health.HTTP("http://api.test/", health.HTTPConfig{}),
		"dns":   health.DNS("db.test", 1),
		"tls":   health.TLSExpiry("api.test:443", time.Hour, nil),
		"query": health.SQLQuery(db, ""),
		"write": health.SQLWrite(db, "w"),
	}
}

func TestLivenessRefusesWhatLiesOutside(t *testing.T) {
	t.Parallel()
	good := health.CheckFunc(ok)
	for name, remote := range remotes(t) {
		for _, c := range []health.Checker{
			remote,
			health.Any(1, remote),
			health.Any(1, good, remote),
			health.Any(1, good, health.Any(1, good, good), health.Any(1, good, remote)),
		} {
			_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: c, ForLive: true})
			require.ErrorContains(t, err, `health: check "x": not fit for liveness`, "%s in %T", name, c)
			h, err := health.New(health.Config{}, health.Check{Name: "x", Checker: c})
			require.NoError(t, err, "%s in %T", name, c)
			require.ErrorContains(t, h.Add(health.Check{Name: "y", Checker: c, ForLive: true}), "not fit for liveness")
		}
	}
	_, err := health.New(health.Config{}, health.Check{Name: "x", Checker: health.Any(1, good, health.Any(2, good, good)), ForLive: true})
	require.NoError(t, err, "what lies inside may decide over life")
}
