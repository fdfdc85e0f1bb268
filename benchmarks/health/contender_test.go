package health_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/bracework/bracework/health"
)

// kind is which endpoint is probed.
type kind string

const (
	whole kind = "/health"
	live  kind = "/health/live"
	ready kind = "/health/ready"
)

type checkFunc = func(context.Context) error

// setup is what a contender is made of.
type setup struct {
	kind  kind
	names []string // of the checks
	check checkFunc
	// cache is how long a result is used, and the pause between runs in the
	// background. 0 is the contender's default, negative none at all.
	cache   time.Duration
	timeout time.Duration // of a check; 0 is the contender's default
	// background has the checks run by themselves.
	background bool
	// brief asks for the shortest answer that names the checks.
	brief bool
}

// service is a contender at work.
type service struct {
	http.Handler

	target string
	stop   func() // nil: there is nothing to stop
}

func (s service) close() {
	if s.stop != nil {
		s.stop()
	}
}

// probe sends one request, which ends with ctx.
func (s service) probe(ctx context.Context) answer {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, s.target, nil).WithContext(ctx))
	return answer{w.Code, w.Header(), w.Body.String()}
}

// await probes until the answer is 200, as the results of runs in the
// background come in.
func (s service) await() answer {
	var a answer
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if a = s.probe(context.Background()); a.status == http.StatusOK {
			return a
		}
	}
	panic(fmt.Sprintf("never healthy: %d %s", a.status, a.body))
}

type answer struct {
	status int
	header http.Header
	body   string
}

type contender struct {
	name string
	open func(setup) service
	// passing returns the names of the checks that an answer to kind says to
	// pass, sorted, and whether it says that all is well. nil: a floor.
	passing func(kind, answer) (names []string, well bool)
	silent  []kind // endpoints whose answers do not name checks that pass
	// uncached runs all checks with each probe.
	uncached bool
	// unscheduled cannot run checks in the background.
	unscheduled bool
}

const (
	ours  = "bracework"
	floor = "constant"
)

var bracework = contender{name: ours, open: openBracework, passing: passingBracework, silent: []kind{live, ready}}

var contenders = []contender{
	{name: floor, open: openConstant},
	{name: "bare", open: openBare},
	bracework, alexliesenfeld, hellofresh, sundheit,
}

func must[T any](x T, err error) T {
	check(err)
	return x
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func openBracework(s setup) service {
	checks := make([]health.Check, len(s.names))
	for i, name := range s.names {
		checks[i] = health.Check{Name: name, Checker: health.CheckFunc(s.check), Timeout: s.timeout}
		if s.background {
			checks[i].Every = s.cache
		}
	}
	h := must(health.New(health.Config{Version: "0.3.0", Cache: s.cache}, checks...))
	if s.background {
		check(h.Start(context.Background()))
	}
	return service{h.Handler(), string(s.kind), func() { _ = h.Close() }}
}

var (
	ourHealth = regexp.MustCompile(`^\{"status":"healthy","version":"0\.3\.0","uptime":"[0-9hms]+","timestamp":"[-0-9T:]+Z","checks":\{(.*)\}\}\n$`)
	ourCheck  = regexp.MustCompile(`"([^"]+)":"ok"`)
	ourClock  = regexp.MustCompile(`"uptime":"[^"]*","timestamp":"[^"]*"`)
)

func passingBracework(k kind, a answer) ([]string, bool) {
	switch k {
	case live:
		return nil, a.body == `{"status":"alive"}`+"\n"
	case ready:
		return nil, a.body == `{"status":"ready"}`+"\n"
	case whole:
	}
	m := ourHealth.FindStringSubmatch(a.body)
	if m == nil {
		return nil, false
	}
	var names []string
	for _, c := range ourCheck.FindAllStringSubmatch(m[1], -1) {
		names = append(names, c[1])
	}
	slices.Sort(names)
	return names, true
}

// timeless is body without what tells the time.
func timeless(body string) string { return ourClock.ReplaceAllString(body, "") }

// openConstant sends what we sent once, as one would write it by hand.
func openConstant(s setup) service {
	is := ourAnswer(s)
	body, length := []byte(is.body), strconv.Itoa(len(is.body))
	return service{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", length)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	}), string(s.kind), nil}
}

func openBare(s setup) service {
	body := []byte(ourAnswer(s).body)
	return service{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }), string(s.kind), nil}
}

func ourAnswer(s setup) answer {
	s.check = func(context.Context) error { return nil } // the runs of a floor are none
	us := openBracework(s)
	defer us.close()
	return us.await()
}
