package ratelimit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryoneAdmitsTheSameInRedis(t *testing.T) {
	t.Parallel()
	for _, r := range slices.Concat([]remote{remoteStacked, remoteUncached}, remotes) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			assertRemote(t, startServer(t), r)
		})
	}
}

// assertRemote asserts what a contender admits, and what it asks the server for.
func assertRemote(t *testing.T, s *server, r remote) {
	t.Helper()
	if r.name != stacked { // which differs with several limits only
		assertAdmits(t, r.contender(t, s))
	}
	assertAdmitsByAll(t, s, r)
	assertCalls(t, s, r)
}

// contender is r as one that is asked without a context. It begins with an
// empty server, and an error fails the test.
func (r remote) contender(t *testing.T, s *server) contender {
	t.Helper()
	return contender{name: r.name, open: func(x setup) limiter {
		s.flush()
		c := s.connect(r.name, redis.Options{})
		take := r.open(c, x.quota)
		return limiter{
			take: func(key string) bool {
				ok, err := take(t.Context(), key)
				return assert.NoError(t, err, r.name) && ok
			},
			count: s.keys,
			close: func() { _ = c.Close() },
		}
	}}
}

// assertAdmitsByAll asserts that of several limits the least counts, and that
// each has a bucket.
func assertAdmitsByAll(t *testing.T, s *server, r remote) {
	t.Helper()
	s.flush()
	c := s.connect(r.name, redis.Options{})
	defer func() { _ = c.Close() }()
	take := r.all(c, []quota{{20, time.Hour}, {10, time.Hour}, {30, time.Hour}})
	for _, tenant := range []string{"one", "another"} {
		for i := range 20 {
			ok, err := take(t.Context(), tenant)
			require.NoError(t, err, r.name)
			assert.Equal(t, i < 10, ok, "%s: request %d", r.name, i+1)
		}
	}
	assert.Equal(t, 6, s.keys(), "%s: buckets of two tenants", r.name)
}

// assertCalls asserts how many calls ours makes, and that the server sees as
// many as a client with a hook. That of httprate-redis cannot have one.
func assertCalls(t *testing.T, s *server, r remote) {
	t.Helper()
	const takes = 100
	s.flush()
	c := s.connect(r.name, redis.Options{})
	defer func() { _ = c.Close() }()
	count := func(take remoteTake, key string) float64 {
		must(take(t.Context(), key)) // connects
		before, read := c.calls.Load(), s.reads()
		for range takes {
			must(take(t.Context(), key))
		}
		calls := c.calls.Load() - before
		if r.name != "httprate-redis" {
			assert.InDelta(t, calls, s.reads()-read, takes/4, "%s: reads of the server, one for each connection that ends among them", r.name)
		}
		return float64(calls)
	}

	admitted := count(r.open(c, hotQuota), "admitted")
	several := count(r.all(c, slices.Repeat([]quota{hotQuota}, len(limitNames))), "several")
	start := time.Now()
	drained := count(r.open(c, once), "drained")
	if r.kind() != isOurs {
		return
	}
	assert.InDelta(t, takes, admitted, 0, "%s: calls for what is admitted", r.name)
	switch r.name {
	case uncached:
		assert.InDelta(t, takes, drained, 0, "%s: calls for what is refused", r.name)
	case stacked:
		assert.InDelta(t, takes*3, several, 0, "%s: calls for three limits", r.name)
	default:
		assert.InDelta(t, takes, several, 0, "%s: calls for three limits", r.name)
		assert.LessOrEqual(t, drained, 1+time.Since(start).Seconds(), "%s: calls for what is refused", r.name)
	}
}
