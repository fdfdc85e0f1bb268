package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/benchmarks/internal/interleave"
)

const (
	rounds = 21
	target = 20 * time.Millisecond // for one contender in one round

	message = "Workflow executed"
	secret  = "s3cr3t-0123456789"
)

// scenario is a table of the report.
type scenario struct {
	name   string
	attrs  []slog.Attr
	with   []slog.Attr // of the logger
	secret bool        // one is among them
	free   bool        // ours allocates nothing
	goals  []goal
}

// goal is how many times as long as another contender something of ours takes at
// most; of masq it is how many times as long masq takes at least.
type goal struct {
	than  string
	ratio float64
}

func scalars() []slog.Attr {
	return []slog.Attr{
		slog.String("workflow_id", "wf_123"), slog.String("tenant_id", "tenant_free"), slog.Int("status", 200),
		slog.Duration("duration_ms", 1500*time.Microsecond), slog.Bool("replayed", true),
	}
}

func scenarios() []scenario {
	masked := scalars()
	masked[1] = slog.String("api_key", secret)
	order := map[string]any{
		"id": "ord_1", "customer": map[string]any{"name": "Alex", "token": secret, "tags": []string{"a", "b"}}, "items": []any{1, 2.5, "three"}, "paid": true,
	}
	header := http.Header{
		"Accept": {"*/*"}, "Authorization": {"Bearer " + secret}, "Content-Type": {"application/json"}, "User-Agent": {"curl/8.5.0"}, "X-Request-Id": {"0af7651916cd43dd8448eb211c80319c"},
	}
	body := []byte(`{"event":"order.created","customer":{"name":"Alex","email":"alex@example.com","password":"` + secret + `"},"items":[{"sku":"a-1","count":2},{"sku":"b-2","count":1}],"total":42.5}`)
	delivery := &url.Error{Op: "Post", URL: "https://hooks.slack.com/services/T0123/B0123/" + secret, Err: errors.New("dial tcp 192.0.2.1:443: connect: connection refused")}
	twice := []goal{{unmasked, 2}}
	return []scenario{
		{name: "clean, 5 attributes", attrs: scalars(), free: true, goals: []goal{{renaming, 1.3}, {masqName, 10}}},
		{name: "clean, 5 attributes and 5 of the logger", attrs: scalars(), free: true, with: []slog.Attr{
			slog.String("service", "api"), slog.String("version", "0.1.0"), slog.String("region", "eu"), slog.String("pod", "api-1"), slog.Int("shard", 3),
		}},
		{name: "one masked key", attrs: masked, secret: true, free: true, goals: []goal{{renaming, 1.5}, {masqName, 10}}},
		{name: "nested map", attrs: []slog.Attr{slog.Any("order", order)}, secret: true, goals: twice},
		{name: "header", attrs: []slog.Attr{slog.Any("header", header)}, secret: true, goals: twice},
		{name: "JSON body in bytes", attrs: []slog.Attr{slog.Any("body", body)}, secret: true, goals: twice},
		{name: "error with a webhook URL", attrs: []slog.Attr{slog.Any("error", error(delivery))}, secret: true, goals: twice},
	}
}

// A handler that writes something else has nothing to be compared.
func TestEveryoneWritesTheSame(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		var want map[string]any
		for _, c := range contenders() {
			var buf bytes.Buffer
			s.op(c, &buf)()
			line := buf.String()
			require.Equal(t, 1, strings.Count(line, "\n"), "%s: %s", s.name, c.name)
			if s.secret && c.masks {
				assert.NotContains(t, line, secret, "%s: %s", s.name, c.name)
				assert.Contains(t, line, "***", "%s: %s", s.name, c.name)
			}
			if c.name != renaming && c.name != unmasked && c.name != ours || len(s.attrs) < 5 || s.secret {
				continue
			}
			var got map[string]any
			require.NoError(t, json.Unmarshal(buf.Bytes(), &got))
			at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["timestamp"]))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), at, time.Minute)
			delete(got, "timestamp")
			if want == nil {
				want = got
			}
			assert.Equal(t, want, got, "%s: %s", s.name, c.name)
		}
	}
}

// op returns what writes one line.
func (s scenario) op(c contender, w io.Writer) func() {
	ctx, logger := context.Background(), slog.New(c.open(w).WithAttrs(s.with))
	return func() { logger.LogAttrs(ctx, slog.LevelInfo, message, s.attrs...) }
}

// assertFree sees that no more is allocated than is promised.
func (s scenario) assertFree(t *testing.T) {
	t.Helper()
	for _, c := range contenders() {
		if !s.free || raceEnabled || !strings.HasPrefix(c.name, ours) {
			continue
		}
		op, least := s.op(c, discard{}), 1.0
		for i := 0; i < 100 && least > 0; i++ {
			least = min(least, testing.AllocsPerRun(10, op))
		}
		assert.Zero(t, least, "%s: %s", s.name, c.name)
	}
}

func (s scenario) run(t *testing.T, rounds int, target time.Duration, out io.Writer) {
	t.Helper()
	s.assertFree(t)
	// One processor: garbage is collected in the time of who made it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var timed []interleave.Contender
	for _, c := range contenders() {
		op := s.op(c, discard{})
		timed = append(timed, interleave.Contender{Name: c.name, Loop: func(n int) {
			for range n {
				op()
			}
		}})
	}
	s.write(out, interleave.Run(timed, rounds, target))
}

func (s scenario) write(out io.Writer, results []interleave.Result) {
	byName := map[string]interleave.Result{}
	for _, x := range results {
		byName[x.Name] = x
	}
	fmt.Fprintf(out, "\n| %s | median ns | × %s | × %s | allocs | B |\n|---|--:|--:|--:|--:|--:|\n", s.name, renaming, unmasked)
	for _, x := range results {
		fmt.Fprintf(out, "| %s | %.0f | %.2f | %.2f | %.1f | %.0f |\n",
			x.Name, x.NsPerOp, x.Over(byName[renaming]), x.Over(byName[unmasked]), x.AllocsPerOp, x.BytesPerOp)
	}
	for _, g := range s.goals {
		ratio, text := byName[ours].Over(byName[g.than]), fmt.Sprintf("at most %.1f × %s", g.ratio, g.than)
		reached := ratio <= g.ratio
		if g.than == masqName {
			ratio, text = byName[masqName].Over(byName[ours]), fmt.Sprintf("%s takes at least %.0f × as long", masqName, g.ratio)
			reached = ratio >= g.ratio
		}
		verdict := "missed"
		if reached {
			verdict = "reached"
		}
		fmt.Fprintf(out, "\nGoal, %s: %.2f, %s\n", text, ratio, verdict)
	}
}

// TestScenarios runs each scenario once: it asserts what is promised of
// allocations, and times nothing that counts.
func TestScenarios(t *testing.T) { //nolint:paralleltest // scenarios set GOMAXPROCS and count allocations
	for _, s := range scenarios() { //nolint:paralleltest // likewise
		t.Run(s.name, func(t *testing.T) { s.run(t, 1, time.Microsecond, io.Discard) })
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
		t.Run(s.name, func(t *testing.T) { s.run(t, rounds, target, t.Output()) })
	}
}
