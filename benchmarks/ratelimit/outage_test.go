package ratelimit_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outageQuota is of each of outageTenants, of whom the clients want more than
// that.
var outageQuota = quota{100, 2 * time.Second}

const (
	outageTenants = 4
	// recovery is how long is waited at most until everyone uses Redis again.
	recovery = 20 * time.Second
	// aftermath is how long is looked for answers without Redis after that.
	aftermath = time.Second
)

// outageKind is a way to lose Redis, and when its clients give up; 0: by default.
type outageKind struct {
	name       string
	begin, end func(*server)
	giveUp     time.Duration
}

func outageKinds() []outageKind {
	kill, restart := func(s *server) { s.Kill() }, func(s *server) { s.Restart() }
	stop, goOn := func(s *server) { s.Pause() }, func(s *server) { s.Resume() }
	return []outageKind{ // the tests make sure of the first
		{"killed", kill, restart, 0},
		{"hung", stop, goOn, 0},
		{"killed", kill, restart, 50 * time.Millisecond},
		{"hung", stop, goOn, 50 * time.Millisecond},
	}
}

// TestOutage is the scenario as small as can be, which is a second of waiting.
func TestOutage(t *testing.T) {
	t.Parallel()
	runOutage(t, tiny, &report{out: io.Discard})
}

// runOutage takes Redis away from everyone at once. Clients pause between
// their requests, so that nobody waits for the CPU.
func runOutage(t *testing.T, s scale, out *report) {
	t.Helper()
	for _, kind := range outageKinds()[:s.outages] {
		o := &outage{kind: kind, server: startServer(t)}
		for _, g := range guardeds {
			x, stop := newProtected(g, o)
			defer stop()
			o.services = append(o.services, x)
		}
		o.run(s)
		for _, x := range o.services {
			x.assertAnswers(t, o)
		}
		out.outage(o)
	}
}

// outage is one in progress, or over.
type outage struct {
	kind     outageKind
	server   *server
	services []*protected

	down time.Time // when the server was gone
	up   time.Time // when it was about to come back
	back time.Time // when it was back
}

func (o *outage) run(s scale) {
	stop, wait := o.load(s.pause)
	<-time.After(s.calm)
	o.kind.begin(o.server)
	o.down = time.Now()
	<-time.After(s.outage)
	o.up = time.Now()
	o.kind.end(o.server)
	o.back = time.Now()
	for time.Since(o.back) < recovery && !o.recovered() {
		<-time.After(time.Millisecond)
	}
	<-time.After(min(aftermath, s.outage))
	stop()
	wait()
}

// load begins to send requests to every service from as many clients, which
// start one after the other within the first pause.
func (o *outage) load(pause time.Duration) (stop, wait func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, x := range o.services {
		for client := range hammers {
			wg.Go(func() {
				next := time.Duration(client) * pause / hammers
				for i := client; ; i++ {
					select {
					case <-done:
						return
					case <-time.After(next):
					}
					x.send(fmt.Sprintf("tenant-%d", i%outageTenants))
					next = pause
				}
			})
		}
	}
	return func() { close(done) }, wg.Wait
}

func (o *outage) recovered() bool {
	for _, x := range o.services {
		if _, ok := x.firstFromRedis(o.back); !ok {
			return false
		}
	}
	return true
}

// answer is what came of a request.
type answer struct {
	start, end time.Time
	status     int
	redis      bool // Redis decided
	without    bool // something else did, or nobody
}

// protected is a handler behind the middleware of a contender.
type protected struct {
	guarded

	handler http.Handler
	decided func(*answer)

	mu      sync.Mutex
	answers []answer
}

func newProtected(g guarded, o *outage) (x *protected, stop func()) {
	c := o.server.connect(g.name, giveUpOptions(o.kind.giveUp))
	wrap, decided := g.open(c, o.kind.giveUp)
	handler := wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return &protected{guarded: g, handler: handler, decided: decided}, func() { _ = c.Close() }
}

// send sends a request. A panic counts as a 500, though a server would close the
// connection.
func (x *protected) send(tenant string) {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header.Set(tenantHeader, tenant)
	w := httptest.NewRecorder()
	a := &answer{start: time.Now()}
	func() {
		defer func() {
			if recover() != nil {
				w.Code = http.StatusInternalServerError
			}
		}()
		x.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), answerKey{}, a)))
	}()
	a.end, a.status = time.Now(), w.Code
	x.decided(a)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answers = append(x.answers, *a)
}

// firstFromRedis is the first answer after a time that Redis decided.
func (x *protected) firstFromRedis(after time.Time) (first time.Time, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range x.answers {
		if a.redis && a.end.After(after) && (!ok || a.end.Before(first)) {
			first, ok = a.end, true
		}
	}
	return first, ok
}

// lastWithout is the last answer after a time that Redis did not decide.
func (x *protected) lastWithout(after time.Time) (last time.Time, ok bool) {
	for _, a := range x.answers {
		if a.without && a.end.After(after) && a.end.After(last) {
			last, ok = a.end, true
		}
	}
	return last, ok
}

// during are the requests that came or waited while Redis was away.
func (x *protected) during(o *outage) []answer {
	var all []answer
	for _, a := range x.answers {
		if a.end.After(o.down) && a.start.Before(o.up) {
			all = append(all, a)
		}
	}
	return all
}

// assertAnswers asserts that of ours each request has an answer, that memory
// admits what the tier says, and that Redis is used again.
func (x *protected) assertAnswers(t *testing.T, o *outage) {
	t.Helper()
	name := "Redis " + o.kind.name + ": " + x.name
	require.NotEmpty(t, x.during(o), "%s: requests", name)
	if kindOf(x.name) != isOurs {
		return
	}
	admitted, first, last := 0, time.Time{}, time.Time{}
	for _, a := range x.answers {
		assert.Contains(t, []int{http.StatusOK, http.StatusTooManyRequests}, a.status, "%s: status", name)
		if !a.without {
			continue
		}
		if first.IsZero() || a.start.Before(first) {
			first = a.start
		}
		if a.end.After(last) {
			last = a.end
		}
		if a.status == http.StatusOK {
			admitted++
		}
	}
	assert.Positive(t, admitted, "%s: admitted without Redis", name)
	assert.LessOrEqual(t, float64(admitted), outageTenants*outageQuota.most(last.Sub(first)), "%s: admitted without Redis", name)
	_, ok := x.firstFromRedis(o.back)
	assert.True(t, ok, "%s: Redis is used again", name)
}

// outage is the table of one.
func (r *report) outage(o *outage) {
	patience := "by default"
	if o.kind.giveUp > 0 {
		patience = fmt.Sprintf("after %v", o.kind.giveUp)
	}
	r.table(fmt.Sprintf("Redis %s for %v, given up %s, %d goroutines", o.kind.name, o.up.Sub(o.down).Round(10*time.Millisecond), patience, hammers),
		"requests", "answered meanwhile", "admitted", "refused", "errors", "p50 ms", "p99", "max", "Redis again after ms", "last answer without it")
	for _, x := range o.services {
		var took []int64
		statuses, meanwhile := map[int]int{}, 0
		for _, a := range x.during(o) {
			took = append(took, a.end.Sub(a.start).Nanoseconds())
			statuses[a.status]++
			if a.end.Before(o.up) {
				meanwhile++
			}
		}
		slices.Sort(took)
		again, last := "never", ""
		if first, ok := x.firstFromRedis(o.back); ok {
			again = millis(first.Sub(o.back))
		}
		if at, ok := x.lastWithout(o.back); ok {
			last = millis(at.Sub(o.back))
		}
		at := func(q float64) string { return millis(time.Duration(took[int(q*float64(len(took)-1))])) }
		r.row(x.name, thousands(len(took)), thousands(meanwhile),
			thousands(statuses[http.StatusOK]), thousands(statuses[http.StatusTooManyRequests]), failures(statuses),
			at(0.5), at(0.99), at(1), again, last)
	}
	r.note(fmt.Sprintf("Of %d tenants, the tier admits %s meanwhile to buckets that are full, and %s to empty ones.", outageTenants,
		thousands(int(outageTenants*outageQuota.most(o.up.Sub(o.down)))),
		thousands(int(outageTenants*outageQuota.perSecond()*o.up.Sub(o.down).Seconds()))))
}

// failures counts the answers that are neither an admission nor a refusal, and
// names their statuses.
func failures(statuses map[int]int) string {
	n, names := 0, []string(nil)
	for status, count := range statuses {
		if status != http.StatusOK && status != http.StatusTooManyRequests {
			n += count
			names = append(names, strconv.Itoa(status))
		}
	}
	if n == 0 {
		return "0"
	}
	slices.Sort(names)
	return fmt.Sprintf("%s (%s)", thousands(n), strings.Join(names, ", "))
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }
