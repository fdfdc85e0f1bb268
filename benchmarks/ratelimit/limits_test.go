package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

// The three limits of a request: its tenant's, by a tier that is looked up, its
// route's and its region's. Only the tenant's is ever used up.
const (
	routeHeader  = "X-Route"
	regionHeader = "X-Region"
)

var (
	freeQuota  = quota{10, time.Hour}
	paidQuota  = quota{100, time.Hour}
	routeQuota = quota{10_000_000, time.Hour}
)

// plans finds the tier of a tenant, as a cache in front of a database does.
// Every second tenant pays.
type plans map[string]bool

func newPlans(k keys) plans {
	p := plans{}
	for i := range k.len() {
		p[k.at(i)] = i%2 == 1
	}
	return p
}

func (p plans) paid(r *http.Request) bool { return p[r.Header.Get(tenantHeader)] }

// stacked is ours with a middleware for each limit, as peers have to do it.
const stacked = "bracework-stacked"

// stack is a middleware with three limits.
type stack struct {
	name string
	open func(plans) (middleware, func())
}

var stacks = append([]stack{
	{"floor", func(p plans) (middleware, func()) { return openThree(handlerOf("floor"), p) }},
	{"bracework", openLimits},
	{stacked, func(p plans) (middleware, func()) { return openThree(handlerOf("bracework"), p) }},
}, stackedPeers()...)

func handlerOf(name string) handler {
	for _, h := range handlers {
		if h.name == name {
			return h
		}
	}
	panic("no handler " + name)
}

// stackedPeers are peers with a middleware for each limit, and two for the
// tenants, since the quota of a middleware is fixed.
func stackedPeers() []stack {
	var all []stack
	for _, h := range handlers {
		if kindOf(h.name) == isPeer {
			all = append(all, stack{h.name, func(p plans) (middleware, func()) { return openThree(h, p) }})
		}
	}
	return all
}

func openThree(h handler, p plans) (middleware, func()) {
	free, closeFree := h.open(setup{quota: freeQuota, keys: tenants}, tenantHeader)
	paid, closePaid := h.open(setup{quota: paidQuota, keys: tenants}, tenantHeader)
	route, closeRoute := h.open(setup{quota: routeQuota, keys: 1}, routeHeader)
	region, closeRegion := h.open(setup{quota: routeQuota, keys: 1}, regionHeader)
	return func(next http.Handler) http.Handler {
			next = route(region(next))
			forFree, forPaid := free(next), paid(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if p.paid(r) {
					forPaid.ServeHTTP(w, r)
				} else {
					forFree.ServeHTTP(w, r)
				}
			})
		}, func() {
			closeFree()
			closePaid()
			closeRoute()
			closeRegion()
		}
}

// openLimits has the three limits in one middleware.
func openLimits(p plans) (middleware, func()) {
	free, paid, shared := tierOf(freeQuota), tierOf(paidQuota), ratelimit.Fixed(tierOf(routeQuota))
	store := newStore(setup{keys: tenants})
	tier := func(r *http.Request) (ratelimit.Tier, error) {
		if p.paid(r) {
			return paid, nil
		}
		return free, nil
	}
	l := must(ratelimit.New(store, ratelimit.ByHeader(tenantHeader), tier, ratelimit.Config{Limits: []ratelimit.Limit{
		{Name: "route", Key: ratelimit.ByHeader(routeHeader), Tier: shared},
		{Name: "region", Key: ratelimit.ByHeader(regionHeader), Tier: shared},
	}}))
	return l.Handler, func() { _ = store.Close() }
}

// caller sends requests with three keys, reusing one request and one writer.
type caller struct {
	stack

	plans plans
	keys  keys
	serve http.Handler
	stop  func()
	r     *http.Request
	key   []string
	w     writer
	next  int
	runs  int
	sent  int
}

func newCaller(s stack, p plans, k keys) *caller {
	x := &caller{stack: s, plans: p, keys: k, key: make([]string, 1), w: writer{header: http.Header{}}}
	x.r = httptest.NewRequest(http.MethodGet, "/orders", nil)
	x.r.Header.Set(routeHeader, "orders")
	x.r.Header.Set(regionHeader, "north")
	x.r.Header[tenantHeader] = x.key
	x.renew()
	return x
}

func (x *caller) renew() {
	if x.stop != nil {
		x.stop()
	}
	wrap, stop := x.open(x.plans)
	x.stop = stop
	x.serve = wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		x.runs++
		_, _ = w.Write(okBody)
	}))
	x.next = 0
}

func (x *caller) send(key string) int {
	x.key[0] = key
	clear(x.w.header)
	x.w.status = 0
	x.serve.ServeHTTP(&x.w, x.r)
	return x.w.status
}

// tenantVisits is less than the burst of a free tenant.
const tenantVisits = 9

func (x *caller) loop(n int) {
	for range n {
		if x.next == tenantVisits*x.keys.len() {
			x.renew()
		}
		x.send(x.keys.at(x.next / tenantVisits))
		x.next++
	}
	x.sent += n
}

func TestEveryStackAnswersTheSame(t *testing.T) {
	t.Parallel()
	for _, s := range stacks {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			assertStack(t, s)
		})
	}
}

// assertStack asserts that a free tenant has his burst and a paying one his.
func assertStack(t *testing.T, s stack) {
	t.Helper()
	k := newKeys('l', 4, keySize)
	x := newCaller(s, newPlans(k), k)
	defer func() { x.stop() }()
	for i := range k.len() {
		burst := freeQuota.burst
		if i%2 == 1 {
			burst = paidQuota.burst
		}
		for n := range 2 * burst {
			want := http.StatusOK
			if kindOf(s.name) != isFloor && n >= burst {
				want = http.StatusTooManyRequests
			}
			assert.Equal(t, want, x.send(k.at(i)), "%s: request %d of tenant %d", s.name, n+1, i)
		}
	}
}

func runLimits(t *testing.T, s scale, out *report) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	k := newKeys('l', tenants, keySize)
	p := newPlans(k)
	var all []*caller
	var timed []interleave.Contender
	for _, s := range stacks {
		if assertStack(t, s); t.Failed() {
			t.FailNow()
		}
		x := newCaller(s, p, k)
		defer func() { x.stop() }()
		all = append(all, x)
		timed = append(timed, interleave.Contender{Name: s.name, Loop: x.loop})
	}
	results := interleave.Run(timed, s.rounds, s.target)
	for _, x := range all {
		assert.Positive(t, x.sent, x.name)
		assert.Equal(t, x.sent, x.runs, "%s: runs of the handler", x.name)
	}
	out.times(fmt.Sprintf("tier lookup and 3 limits, %s tenants", thousands(tenants)), results)
}
