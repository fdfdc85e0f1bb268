package breaker_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

func newGroup(t *testing.T, limit int, cfg breaker.Config) *breaker.Group {
	t.Helper()
	g, err := breaker.NewGroup(limit, cfg)
	require.NoError(t, err)
	return g
}

func keys(g *breaker.Group) []string {
	var all []string
	for key := range g.Range {
		all = append(all, key)
	}
	return all
}

func TestNewGroup(t *testing.T) {
	t.Parallel()
	_, err := breaker.NewGroup(-1, breaker.Config{})
	require.ErrorContains(t, err, "breaker: group of -1")
	_, err = breaker.NewGroup(1, breaker.Config{Window: -1})
	require.ErrorContains(t, err, "breaker: Window")

	g := newGroup(t, 0, breaker.Config{})
	for i := range 3 * breaker.DefaultMaxBreakers {
		g.Get(strconv.Itoa(i))
	}
	assert.Equal(t, breaker.DefaultMaxBreakers, g.Stats().Breakers)
}

func TestGroupGet(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2, breaker.Config{Consecutive: 1})
	a := g.Get("a")
	assert.Equal(t, "a", a.Name())
	assert.Same(t, a, g.Get("a"))
	trip(t, a)
	require.NoError(t, call(g.Get("b"), nil), "another circuit")
	require.ErrorIs(t, call(g.Get("a"), nil), breaker.ErrOpen)
	assert.Equal(t, breaker.GroupStats{Breakers: 2}, g.Stats())
}

// Which breaker leaves a full group of two for a third, if any.
func TestGroupEviction(t *testing.T) {
	t.Parallel()
	cfg := breaker.Config{
		Consecutive: 3, MinCalls: 4, SlowCall: time.Second, Window: time.Minute, OpenFor: time.Second, MaxOpenFor: 10 * time.Minute,
		ProbeTimeout: time.Second,
	}
	pass := func(d time.Duration) func(*testing.T, *breaker.Breaker) {
		return func(*testing.T, *breaker.Breaker) { time.Sleep(d) }
	}
	fails := func(_ *testing.T, b *breaker.Breaker) { _ = call(b, errDown) }
	opens := func(t *testing.T, b *breaker.Breaker) { t.Helper(); trip(t, b) }
	closes := func(t *testing.T, b *breaker.Breaker) {
		t.Helper()
		time.Sleep(trip(t, b))
		require.NoError(t, call(b, nil))
	}
	runs := func(t *testing.T, b *breaker.Breaker) { t.Helper(); allow(t, b) }
	for _, tt := range []struct {
		name   string
		before []func(*testing.T, *breaker.Breaker)
		leaves bool
	}{
		{"a new one", nil, true},
		{"one with successes", []func(*testing.T, *breaker.Breaker){func(_ *testing.T, b *breaker.Breaker) { _ = call(b, nil) }}, true},
		{"one with a failure in its window", []func(*testing.T, *breaker.Breaker){fails, pass(50 * time.Second)}, false},
		{"one with a failure before", []func(*testing.T, *breaker.Breaker){fails, pass(time.Minute)}, true},
		{"one with a slow call", []func(*testing.T, *breaker.Breaker){func(_ *testing.T, b *breaker.Breaker) {
			_ = b.Do(context.Background(), lasting(time.Second, nil))
		}}, false},
		{"one with a running call", []func(*testing.T, *breaker.Breaker){runs, pass(time.Hour)}, false},
		{"an open one", []func(*testing.T, *breaker.Breaker){opens}, false},
		{"one whose open period is over", []func(*testing.T, *breaker.Breaker){opens, pass(5 * time.Minute)}, false},
		{"one that nobody has called since long", []func(*testing.T, *breaker.Breaker){opens, pass(12 * time.Minute)}, true},
		{"one that has just closed", []func(*testing.T, *breaker.Breaker){closes}, false},
		{"one that has stayed closed", []func(*testing.T, *breaker.Breaker){closes, pass(time.Minute)}, true},
		{"a half-open one with a probe", []func(*testing.T, *breaker.Breaker){opens, pass(2 * time.Second), runs}, false},
		{"a half-open one whose probe was lost", []func(*testing.T, *breaker.Breaker){opens, pass(2 * time.Second), runs, pass(time.Hour)}, false},
		{"one forced open", []func(*testing.T, *breaker.Breaker){func(_ *testing.T, b *breaker.Breaker) { b.ForceOpen() }, pass(24 * time.Hour)}, false},
		{"one forced closed", []func(*testing.T, *breaker.Breaker){func(_ *testing.T, b *breaker.Breaker) { b.ForceClosed() }, pass(24 * time.Hour)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGroup(t, 2, cfg)
				g.Get("pinned").ForceOpen()
				for _, f := range append([]func(*testing.T, *breaker.Breaker){func(*testing.T, *breaker.Breaker) {}}, tt.before...) {
					f(t, g.Get("a"))
				}
				third := g.Get("b")
				require.NoError(t, call(third, nil), "works all the same")
				if tt.leaves {
					assert.ElementsMatch(t, []string{"pinned", "b"}, keys(g))
					assert.Same(t, third, g.Get("b"))
					assert.Equal(t, breaker.GroupStats{Breakers: 2, Evicted: 1}, g.Stats())
				} else {
					assert.ElementsMatch(t, []string{"pinned", "a"}, keys(g))
					assert.NotSame(t, third, g.Get("b"))
					assert.Equal(t, breaker.GroupStats{Breakers: 2, Unguarded: 2}, g.Stats())
				}
			})
		})
	}
}

// Who is used is passed over once; keys that come once go first.
func TestGroupKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10, breaker.Config{})
	for i := range 5 {
		g.Get(fmt.Sprint("often", i))
	}
	for i := range 1000 {
		g.Get(fmt.Sprint("once", i))
		for i := range 5 {
			g.Get(fmt.Sprint("often", i))
		}
	}
	assert.Subset(t, keys(g), []string{"often0", "often1", "often2", "often3", "often4"})
	assert.EqualValues(t, 1000-5, g.Stats().Evicted)
}

func TestAFullGroupIsSearchedAndToldSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := newGroup(t, 1, breaker.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		g.Get("a").ForceOpen()
		g.Get("b")
		g.Get("a").Auto()
		g.Get("b")
		assert.Equal(t, []string{"a"}, keys(g), "not searched again at once")
		time.Sleep(10 * time.Millisecond)
		g.Get("b") // "a" was used meanwhile, and is passed over once
		assert.Equal(t, []string{"b"}, keys(g))
		assert.EqualValues(t, 2, g.Stats().Unguarded)
		full := func() int { return strings.Count(log.String(), `msg="breaker group is full`) }
		assert.Equal(t, 1, full())
		g.Get("b").ForceOpen()
		g.Get("c")
		assert.Equal(t, 1, full())
		time.Sleep(time.Minute)
		g.Get("c")
		assert.Equal(t, 2, full())
		assert.Contains(t, log.String(), "limit=1")
	})
}

func TestGroupRange(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 0, breaker.Config{})
	for i := range 10 {
		g.Get(strconv.Itoa(i))
	}
	seen := 0
	for key, b := range g.Range {
		assert.Equal(t, key, b.Name())
		g.Get("more" + key) // may use the group
		if seen++; seen == 5 {
			break
		}
	}
	assert.Equal(t, 5, seen)
	assert.Len(t, keys(g), 15)
}

// A million hosts, of which one is down and one counts its failures.
func TestAMillionHosts(t *testing.T) { //nolint:paralleltest // it measures the heap
	hosts := 1_000_000
	if raceEnabled || testing.Short() {
		hosts = 20_000
	}
	g := newGroup(t, 256, breaker.Config{Consecutive: 3, OpenFor: time.Hour})
	trip(t, g.Get("down"))
	_ = call(g.Get("shaky"), errDown)
	_ = call(g.Get("shaky"), errDown)
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	fill := func(n int) {
		for i := range n {
			b := g.Get(fmt.Sprint("host", i))
			_ = call(b, nil)
		}
	}
	fill(1000)
	before := heap()
	fill(hosts)
	assert.Less(t, heap()-before, 1<<20)
	assert.Equal(t, 256, g.Stats().Breakers)
	assert.Zero(t, g.Stats().Unguarded, "healthy hosts make room for others")
	require.ErrorIs(t, call(g.Get("down"), nil), breaker.ErrOpen)
	_ = call(g.Get("shaky"), errDown)
	assert.Equal(t, breaker.Open, g.Get("shaky").State(), "the third failure in a row")
}

// A flood of failing hosts fills a group for the time of a window and no longer; memory stays bounded.
func TestAFloodOfFailingHosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, 64, breaker.Config{Window: time.Minute})
		for i := range 10_000 {
			_ = call(g.Get(fmt.Sprint("bad", i)), errDown)
		}
		assert.Equal(t, breaker.GroupStats{Breakers: 64, Unguarded: 10_000 - 64}, g.Stats())
		time.Sleep(time.Minute)
		g.Get("new")
		assert.Contains(t, keys(g), "new")
	})
}

func TestGroupConcurrent(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 8, breaker.Config{Consecutive: 2, OpenFor: time.Millisecond})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				b := g.Get(fmt.Sprint("host", (i*7+worker)%20))
				if i%5 == 0 {
					_ = call(b, errDown)
				} else {
					_ = call(b, nil)
				}
				if i%100 == 0 {
					assert.LessOrEqual(t, len(keys(g)), 8)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, key := range keys(g) {
		assert.False(t, seen[key], "%s is there twice", key)
		seen[key] = true
	}
	assert.Equal(t, 8, g.Stats().Breakers)
}
