package ratelimit_test

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	sizeFlag     = flag.String("size", "small", "of the scenarios in report and benchmarks: tiny, small or full")
	accuracyFlag = flag.Duration("accuracy", 0, "for how long everyone is hammered in scenario accuracy; 0: as the size says")
)

// scale is how large the scenarios are.
type scale struct {
	rounds  int
	target  time.Duration // for one contender in one round
	uniform []int         // keys
	zipf    int           // keys
	draws   int           // from zipf
	insert  int           // keys
	mix     int           // keys, times nine
	heap    int           // keys
	gc      int           // keys
	cycles  int           // garbage collections

	swept  int           // keys
	expiry time.Duration // of swept keys

	flood      int // keys
	floodBound int // keys, for peers with a bound
	floodFree  int // keys, for peers without
	floodCap   int
	floodVisit int           // keys of the flood between two visits of the tenant
	afterwards time.Duration // at most, to give memory back

	accuracy time.Duration

	remoteRounds  int
	remoteTarget  time.Duration // for one contender in one round
	remoteAtOnce  []int         // goroutines
	remoteTenants int

	outages int           // of their kinds
	calm    time.Duration // before an outage
	outage  time.Duration // how long one is
	pause   time.Duration // of a client between its requests

	// asserts says that figures of heap and time mean something.
	asserts bool
}

var (
	// tiny runs everything once, to see that it does what it says.
	tiny = scale{
		rounds: 1, target: 100 * time.Microsecond,
		uniform: []int{10, 100}, zipf: 1000, draws: 1000, insert: 100, mix: 9,
		heap: 500, gc: 500, cycles: 1,
		swept: 500, expiry: 20 * time.Millisecond,
		flood: 20_000, floodBound: 20_000, floodFree: 20_000, floodCap: 1000, floodVisit: 500, afterwards: 20 * time.Millisecond,
		accuracy:     20 * time.Millisecond,
		remoteRounds: 1, remoteTarget: 2 * time.Millisecond, remoteAtOnce: []int{1, 8}, remoteTenants: 20,
		outages: 1, calm: 100 * time.Millisecond, outage: 150 * time.Millisecond, pause: 40 * time.Millisecond,
	}
	small = scale{
		rounds: 11, target: 10 * time.Millisecond,
		uniform: []int{1000, 100_000}, zipf: 100_000, draws: 1 << 17, insert: 20_000, mix: 100,
		heap: 100_000, gc: 200_000, cycles: 5,
		swept: 100_000, expiry: time.Second,
		flood: 1_000_000, floodBound: 1_000_000, floodFree: 200_000, floodCap: 10_000, floodVisit: 25_000, afterwards: 30 * time.Second,
		accuracy:     time.Second,
		remoteRounds: 3, remoteTarget: 50 * time.Millisecond, remoteAtOnce: []int{1, 64, 512}, remoteTenants: 1000,
		outages: 4, calm: 500 * time.Millisecond, outage: 1500 * time.Millisecond, pause: 100 * time.Millisecond,
		asserts: true,
	}
	full = scale{
		rounds: 11, target: 20 * time.Millisecond,
		uniform: []int{1000, 100_000, 1_000_000}, zipf: 1_000_000, draws: 1 << 20, insert: 100_000, mix: 1000,
		heap: 1_000_000, gc: 5_000_000, cycles: 3,
		swept: 1_000_000, expiry: 2500 * time.Millisecond,
		flood: 10_000_000, floodBound: 5_000_000, floodFree: 1_000_000, floodCap: 100_000, floodVisit: 250_000, afterwards: 30 * time.Second,
		accuracy:     time.Second,
		remoteRounds: 5, remoteTarget: 100 * time.Millisecond, remoteAtOnce: []int{1, 64, 512}, remoteTenants: 10_000,
		outages: 4, calm: time.Second, outage: 2500 * time.Millisecond, pause: 100 * time.Millisecond,
		asserts: true,
	}
)

// chosen is the size of the flag.
func chosen(tb testing.TB) scale {
	tb.Helper()
	s, ok := map[string]scale{"tiny": tiny, "small": small, "full": full}[*sizeFlag]
	require.True(tb, ok, "-size is tiny, small or full")
	if *accuracyFlag > 0 {
		s.accuracy = *accuracyFlag
	}
	return s
}
