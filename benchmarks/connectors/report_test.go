package connectors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

const (
	// Rounds are many and short, a few milliseconds, so that some are without
	// interruption.
	rounds        = 301
	callsLoopback = 100 // of one contender in one round
	callsStub     = 1000

	// aim is how much more than a bare client a call over loopback may take.
	aim = 10 * time.Microsecond
)

// path stands for the secret in the URL of a webhook.
const path = "/services/T000/B000/XXXX"

// scenario is a table of the report.
type scenario struct {
	name   string
	with   []contender
	answer []byte
	stub   bool // no connection is made
}

func scenarios() []scenario {
	page, payload := bytes.Repeat([]byte("0123456789abcdef"), 64), bytes.Repeat([]byte("x"), 256)
	get, send := requesters(http.MethodGet, nil), requesters(http.MethodPost, payload)
	return []scenario{
		{name: "GET, loopback", with: get, answer: page},
		{name: "POST, loopback", with: send, answer: page},
		{name: "message for Slack, loopback", with: posters(), answer: []byte("ok")},
		{name: "GET, stub", with: get, answer: page, stub: true},
		{name: "POST, stub", with: send, answer: page, stub: true},
		{name: "message for Slack, stub", with: posters(), answer: []byte("ok"), stub: true},
	}
}

// open returns the call of a contender, and a function that ends what it needs.
func (s scenario) open(c contender, u *upstream) (call, func()) {
	if s.stub {
		return c.open("http://127.0.0.1"+path, u), func() {}
	}
	server := u.serve()
	return c.open(server.URL+path, nil), server.Close
}

// A contender that sends or returns something else has nothing to be compared.
func TestEveryoneCallsTheSame(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			wantAnswer, want := s.observe(t, s.with[0])
			for _, c := range s.with[1:] {
				gotAnswer, got := s.observe(t, c)
				assert.Equal(t, wantAnswer, gotAnswer, c.name)
				if c.otherBody {
					assert.Equal(t, textOf(t, want.body), textOf(t, got.body), c.name)
					got.body = want.body
				}
				assert.Equal(t, want, got, c.name)
			}
		})
	}
}

// observe lets a contender call five times, over one connection, and returns what
// it was answered and what it sent.
func (s scenario) observe(t *testing.T, c contender) (answer, received) {
	t.Helper()
	u := &upstream{answer: s.answer, keep: true}
	call, end := s.open(c, u)
	defer end()
	var a answer
	for range 5 {
		var err error
		a, err = call()
		require.NoError(t, err, c.name)
		if a.body != nil {
			assert.Equal(t, string(s.answer), string(a.body), c.name)
		}
	}
	requests, connections := u.seen()
	require.Len(t, requests, 5, c.name)
	if !s.stub {
		assert.Equal(t, 1, connections, "%s keeps the connection", c.name)
	}
	for _, r := range requests {
		r.header.Del("User-Agent")
		r.header.Del("Content-Length") // the body is compared
		assert.Equal(t, requests[0], r, c.name)
	}
	a.body = slices.Clone(a.body)
	return a, requests[0]
}

func textOf(t *testing.T, body []byte) string {
	t.Helper()
	var m struct {
		Text string `json:"text"`
	}
	require.NoError(t, json.Unmarshal(body, &m))
	return m.Text
}

// run times the contenders in turn, on one processor: garbage is collected in the
// time of who made it, and nobody waits for another core to wake up.
func (s scenario) run(rounds, calls int, out io.Writer) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	timed := make([]interleave.Contender, len(s.with))
	for i, c := range s.with {
		call, end := s.open(c, &upstream{answer: s.answer})
		defer end()
		timed[i] = interleave.Contender{Name: c.name, N: calls, Loop: func(n int) {
			for range n {
				must(call())
			}
		}}
	}
	s.write(out, interleave.Plan{Rounds: rounds}.Run(timed))
}

func (s scenario) write(out io.Writer, results []interleave.Result) {
	fmt.Fprintf(out, "\n| %s | least ns | more than %s | median ns | × %s | allocs | B |\n|---|--:|--:|--:|--:|--:|--:|\n", s.name, bare, bare)
	for _, r := range results {
		fmt.Fprintf(out, "| %s | %.0f | %+.0f | %.0f | %.2f | %.0f | %.0f |\n",
			r.Name, least(r), least(r)-least(results[0]), r.NsPerOp, r.Ratio, r.AllocsPerOp, r.BytesPerOp)
	}
	if s.stub {
		return
	}
	for _, r := range results {
		if !strings.HasPrefix(r.Name, ours) {
			continue
		}
		verdict := "reached"
		if least(r)-least(results[0]) > float64(aim) {
			verdict = "missed"
		}
		fmt.Fprintf(out, "\nAim, %s: at most %v more than %s: %s\n", r.Name, aim, bare, verdict)
	}
}

// least is the round in which the machine did the least besides.
func least(r interleave.Result) float64 { return slices.Min(r.Rounds) }

// TestScenarios runs each scenario once, and times nothing that counts.
func TestScenarios(t *testing.T) { //nolint:paralleltest // scenarios set GOMAXPROCS
	for _, s := range scenarios() { //nolint:paralleltest // likewise
		t.Run(s.name, func(*testing.T) { s.run(1, 1, io.Discard) })
	}
}

// TestReport prints the comparison. Of times it asserts nothing, since a shared
// machine can be arbitrarily slow.
func TestReport(t *testing.T) { //nolint:paralleltest // it measures the whole process
	if os.Getenv("BRACEWORK_BENCH") == "" {
		t.Skip("set BRACEWORK_BENCH=1, and run no other test meanwhile")
	}
	fmt.Fprintf(t.Output(), "%s %s/%s, %d CPUs, medians of %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	for _, s := range scenarios() { //nolint:paralleltest // likewise
		t.Run(s.name, func(t *testing.T) {
			calls := callsLoopback
			if s.stub {
				calls = callsStub
			}
			s.run(rounds, calls, t.Output())
		})
	}
}
