package ratelimit_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// Neither quota is used up by a key of its scenario, and no bucket of them is
// full again within: Redis drops those. They refill in 26 days at most, as few
// tiers take longer.
var (
	hotQuota    = quota{1_000_000, 599 * time.Hour}
	tenantQuota = quota{10_000, 599 * time.Hour}
)

// grace is how long after a round what has begun in it may take.
const grace = 100 * time.Millisecond

// remoteRace is a scenario in which everyone takes the same keys from Redis.
type remoteRace struct {
	name   string
	with   []remote
	quotas []quota // of each key
	keys   keys
	denied bool
}

func remoteRaces(s scale) []remoteRace {
	with := func(ours ...remote) []remote { return slices.Concat([]remote{remoteFloor}, ours, remotePeers) }
	one, many := newKeys('r', 1, keySize), newKeys('t', s.remoteTenants, keySize).shuffled(newRand())
	tenants := thousands(many.len()) + " tenants"
	return []remoteRace{
		{name: "hot key allowed", with: with(remoteBracework), quotas: []quota{hotQuota}, keys: one},
		{name: tenants + " allowed", with: with(remoteBracework), quotas: []quota{tenantQuota}, keys: many},
		{name: "hot key denied", with: with(remoteBracework, remoteUncached), quotas: []quota{once}, keys: one, denied: true},
		{name: "3 limits of each of " + tenants, with: with(remoteBracework, remoteStacked), quotas: slices.Repeat([]quota{tenantQuota}, len(limitNames)), keys: many},
	}
}

func runRedis(t *testing.T, s scale, out *report) {
	t.Helper()
	at := startServer(t)
	if s.asserts { // otherwise there is a test for it
		for _, r := range slices.Concat([]remote{remoteStacked, remoteUncached}, remotes) {
			if assertRemote(t, at, r); t.Failed() {
				t.FailNow()
			}
		}
	}
	for _, rc := range remoteRaces(s) {
		rc.run(t, at, s, out)
	}
}

// run has everyone take turns, with one goroutine and with many.
func (rc remoteRace) run(t *testing.T, at *server, s scale, out *report) {
	t.Helper()
	at.flush()
	entries := make([]*remoteEntry, len(rc.with))
	for i, r := range rc.with {
		entries[i] = rc.enter(t, at, r)
		defer func() { _ = entries[i].Close() }()
	}
	shuffle := newRand()
	for _, goroutines := range s.remoteAtOnce {
		for _, e := range entries {
			e.sum, e.reads, e.rounds = tally{}, 0, nil
		}
		for range s.remoteRounds {
			for _, i := range shuffle.Perm(len(entries)) {
				runtime.GC()
				entries[i].round(at, goroutines, s.remoteTarget)
			}
		}
		for _, e := range entries {
			e.assertRan(t)
		}
		out.remote(fmt.Sprintf("Redis, %s, %d at once", rc.name, goroutines), entries)
	}
}

// remoteEntry is a contender in a race.
type remoteEntry struct {
	remote
	*connection

	race   remoteRace
	take   remoteTake
	sum    tally
	reads  int       // of the server
	rounds []float64 // nanoseconds between two takes that were done
}

// enter takes each key once, and asserts that it then has its buckets.
func (rc remoteRace) enter(t *testing.T, at *server, r remote) *remoteEntry {
	t.Helper()
	c := at.connect(r.name, redis.Options{})
	e := &remoteEntry{remote: r, connection: c, race: rc, take: r.all(c, rc.quotas)}
	before := at.keys()
	warm := takeAtOnce(t.Context(), e.take, rc.keys, hammers, func(taken int) bool { return taken < rc.keys.len() })
	require.NoError(t, warm.err, "%s: %s", rc.name, r.name)
	require.Equal(t, rc.keys.len(), warm.admitted, "%s: %s: admitted", rc.name, r.name)
	if r.kind() != isFloor {
		require.Equal(t, rc.keys.len()*len(rc.quotas), at.keys()-before, "%s: %s: buckets", rc.name, r.name)
	}
	return e
}

// round has each of the goroutines take for a while, and once at least.
func (e *remoteEntry) round(at *server, goroutines int, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d+grace)
	defer cancel()
	reads, start := at.reads(), time.Now()
	x := takeAtOnce(ctx, e.take, e.race.keys, goroutines, func(taken int) bool { return taken < goroutines || time.Since(start) < d })
	e.rounds = append(e.rounds, float64(time.Since(start))/float64(max(x.done, 1)))
	e.reads += at.reads() - reads - 1
	e.sum.add(x)
}

func (e *remoteEntry) assertRan(t *testing.T) {
	t.Helper()
	name := e.race.name + ": " + e.remote.name
	require.NoError(t, e.sum.err, name)
	require.NotEmpty(t, e.sum.ns, "%s: takes", name)
	want := e.sum.done
	if e.race.denied && e.kind() != isFloor {
		want = 0
	}
	assert.Equal(t, want, e.sum.admitted, "%s: admitted of %d", name, e.sum.done)
}

// remote is the table of a race in Redis. Ratios are those of the time that
// passes between two takes.
func (r *report) remote(title string, entries []*remoteEntry) {
	results := make([]interleave.Result, len(entries))
	best := -1
	for i, e := range entries {
		results[i] = interleave.Result{Name: e.remote.name, NsPerOp: middle(e.rounds), Rounds: e.rounds}
		if e.kind() == isPeer && (best < 0 || results[i].NsPerOp < results[best].NsPerOp) {
			best = i
		}
	}
	r.table(title, "takes a second", "× "+results[0].Name, "× "+results[best].Name, "p50 µs", "p99", "calls a take", "cut off")
	for i, e := range entries {
		x := results[i]
		slices.Sort(e.sum.ns)
		r.row(x.Name, thousands(int(float64(time.Second)/x.NsPerOp)),
			fmt.Sprintf("%.2f", x.Over(results[0])), fmt.Sprintf("%.2f", x.Over(results[best])),
			micros(e.sum.ns, 0.5), micros(e.sum.ns, 0.99),
			fmt.Sprintf("%.3f", float64(e.reads)/float64(len(e.sum.ns))), thousands(e.sum.cut))
	}
}

// middle is the median of an odd number of values.
func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// micros is a quantile of times that are sorted.
func micros(ns []int64, q float64) string {
	return fmt.Sprintf("%.1f", float64(ns[int(q*float64(len(ns)-1))])/1000)
}
