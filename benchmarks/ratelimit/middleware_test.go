package ratelimit_test

import (
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// A middleware that leaves out a header has nothing to be compared.
func TestEveryHandlerAnswersTheSame(t *testing.T) {
	t.Parallel()
	for _, way := range exchanges {
		for _, h := range handlers {
			t.Run(way.name+"/"+h.name, func(t *testing.T) {
				t.Parallel()
				assertAnswers(t, h, way.open)
			})
		}
	}
}

func assertAnswers(t *testing.T, h handler, open func(handler, setup) exchange) {
	t.Helper()
	const burst = 10
	x := open(h, setup{quota: quota{burst, time.Hour}, keys: 2})
	defer x.close()
	runs := 0
	for _, tenant := range []string{"one", "another"} {
		for i := range 2 * burst {
			status, left := http.StatusOK, burst-1-i
			if h.limits() && left < 0 {
				status = http.StatusTooManyRequests
			} else {
				runs++
			}
			assert.Equal(t, status, x.send(tenant), "%s: request %d of %s", h.name, i+1, tenant)
			assert.Equal(t, runs, x.runs(), "%s: runs", h.name)
			if !h.limits() {
				continue
			}
			assert.Equal(t, strconv.Itoa(max(left, 0)), x.header().Get(h.remaining), "%s: %s", h.name, h.remaining)
			for _, name := range h.sends {
				assert.Len(t, x.header().Values(name), 1, "%s: %s", h.name, name)
			}
			for _, name := range h.denies {
				assert.Equal(t, status != http.StatusOK, x.header().Get(name) != "", "%s: %s with %d", h.name, name, status)
			}
		}
	}
}

// visits is how often a tenant sends before the next one does. The burst is
// larger, so all are admitted, and the headers are of the usual length.
const (
	visits       = 90
	handlerBurst = 100
	tenants      = 10_000
)

// requests is a contender that requests are sent to.
type requests struct {
	handler
	exchange

	open    func(handler, setup) exchange
	allowed bool
	keys    keys
	next    int
	sent    int
	wanted  int // of sent, those with the status that is expected
}

func newRequests(h handler, open func(handler, setup) exchange, allowed bool) *requests {
	x := &requests{handler: h, open: open, allowed: allowed, keys: newKeys('w', tenants, keySize)}
	x.renew()
	return x
}

// renew starts with a store that has no tenant, or one that is drained.
func (x *requests) renew() {
	if x.exchange != nil {
		x.close()
	}
	x.exchange = x.open(x.handler, setup{quota: quota{handlerBurst, time.Hour}, keys: tenants, drained: !x.allowed})
	x.next = 0
	if !x.allowed {
		for range handlerBurst {
			x.send(x.keys.at(0))
		}
	}
}

func (x *requests) loop(n int) {
	want, each := http.StatusTooManyRequests, 0
	if x.allowed {
		want, each = http.StatusOK, 1
	}
	for range n {
		if x.next == visits*tenants {
			x.renew()
		}
		if x.send(x.keys.at(x.next/visits)) == want {
			x.wanted++
		}
		x.next += each
	}
	x.sent += n
}

func (x *requests) assertRan(t *testing.T) {
	t.Helper()
	assert.Positive(t, x.sent, "%s: requests", x.name)
	assert.Zero(t, x.sent-x.wanted, "%s: requests with another status than was due", x.name)
	if !x.limits() {
		return
	}
	for _, name := range x.sends {
		assert.NotEmpty(t, x.header().Get(name), "%s: %s", x.name, name)
	}
	for _, name := range x.denies {
		assert.Equal(t, !x.allowed, x.header().Get(name) != "", "%s: %s", x.name, name)
	}
}

func runMiddleware(t *testing.T, s scale, out *report) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, way := range exchanges {
		for _, h := range handlers {
			if assertAnswers(t, h, way.open); t.Failed() {
				t.FailNow()
			}
		}
		runRequests(t, s, out, way.name+" requests, allowed", way.open, true)
		runRequests(t, s, out, way.name+" requests, denied", way.open, false)
	}
}

func runRequests(t *testing.T, s scale, out *report, title string, open func(handler, setup) exchange, allowed bool) {
	t.Helper()
	var all []*requests
	var timed []interleave.Contender
	for _, h := range handlers {
		if h.name == "bare" && !allowed {
			continue // it refuses nothing
		}
		x := newRequests(h, open, allowed)
		defer func() { x.close() }()
		all = append(all, x)
		timed = append(timed, interleave.Contender{Name: h.name, Loop: x.loop})
	}
	results := interleave.Run(timed, s.rounds, s.target)
	for _, x := range all {
		x.assertRan(t)
	}
	out.times(title, results)
}

func BenchmarkHandler(b *testing.B) {
	for _, way := range exchanges {
		for _, allowed := range []bool{true, false} {
			for _, h := range handlers {
				b.Run(way.name+"/allowed="+strconv.FormatBool(allowed)+"/"+h.name, func(b *testing.B) {
					x := newRequests(h, way.open, allowed)
					defer func() { x.close() }()
					b.ReportAllocs()
					b.ResetTimer()
					x.loop(b.N)
				})
			}
		}
	}
}
