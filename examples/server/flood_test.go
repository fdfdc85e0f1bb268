package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bracework/bracework/ratelimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sender sends webhooks of one workflow, each with a key of its own, over
// connections that are kept alive.
type sender struct {
	client   *http.Client
	url      string
	workflow string
	sent     atomic.Int64

	mu      sync.Mutex
	codes   map[int]int
	took    []time.Duration
	strange []string // answers that are neither a success nor a refusal by the limit
}

func newSender(t *testing.T, url, workflow string, connections int) *sender {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	t.Cleanup(transport.CloseIdleConnections)
	return &sender{client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, url: url, workflow: workflow, codes: map[int]int{}}
}

func (s *sender) send(ctx context.Context) {
	start, id := time.Now(), s.sent.Add(1)
	code, body := s.post(ctx, id)
	took := time.Since(start)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code]++
	s.took = append(s.took, took)
	if code != http.StatusOK && code != http.StatusTooManyRequests || strings.Contains(body, "locked") {
		s.strange = append(s.strange, fmt.Sprintf("request %d: %d %s", id, code, body))
	}
}

// post returns code 0 when there is no answer.
func (s *sender) post(ctx context.Context, id int64) (code int, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/webhooks/"+s.workflow, strings.NewReader(`{"event":"x"}`))
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Idempotency-Key", fmt.Sprintf("%s-%d", s.workflow, id))
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// pace calls send at a rate, from several goroutines, until d has passed. What
// is late is sent at once.
func (s *sender) pace(ctx context.Context, goroutines int, rate float64, d time.Duration) {
	var (
		wg    sync.WaitGroup
		turn  atomic.Int64
		start = time.Now()
	)
	for range goroutines {
		wg.Go(func() {
			for {
				due := time.Duration(float64(turn.Add(1)-1) / rate * float64(time.Second))
				if due >= d || time.Since(start) >= d {
					return
				}
				time.Sleep(time.Until(start.Add(due)))
				s.send(ctx)
			}
		})
	}
	wg.Wait()
}

// quantile is of the time that answers took.
func (s *sender) quantile(q float64) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.took)
	return s.took[int(q*float64(len(s.took)-1))].Round(10 * time.Microsecond)
}

// The paid tenant shares the process, the SQLite file and the receiver of
// messages with a free one that sends two hundred times what it may.
func TestAFloodOfTheFreeTenantHarmsNobody(t *testing.T) { //nolint:paralleltest // it takes the whole machine
	const freeRate, paidRate = 1000, 20
	d := 5 * time.Second
	if testing.Short() {
		d = time.Second
	}
	a, out, url := serving(t, nil, nil)
	free, paid := newSender(t, url, "wf_123", 16), newSender(t, url, "wf_456", 8)
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { free.pace(t.Context(), 16, freeRate, d) })
	wg.Go(func() { paid.pace(t.Context(), 8, paidRate, d) })
	wg.Wait()
	took := time.Since(start)

	for name, s := range map[string]*sender{"free": free, "paid": paid} {
		t.Logf("%s: %.0f requests/s over %v, answers %v, median %v, 99th percentile %v, slowest %v",
			name, float64(s.sent.Load())/took.Seconds(), took.Round(time.Millisecond), s.codes, s.quantile(0.5), s.quantile(0.99), s.quantile(1))
	}
	assert.Empty(t, paid.strange)
	assert.Equal(t, map[int]int{http.StatusOK: int(paid.sent.Load())}, paid.codes, "every paid request succeeds")
	assert.Empty(t, free.strange)
	admitted := free.codes[http.StatusOK]
	assert.Equal(t, int(free.sent.Load()), admitted+free.codes[http.StatusTooManyRequests])
	assert.GreaterOrEqual(t, admitted, ratelimit.Free.Burst)
	assert.LessOrEqual(t, admitted, ratelimit.Free.Burst+int(float64(ratelimit.Free.Rate)*took.Seconds())+1)
	served := admitted + paid.codes[http.StatusOK]
	runs, err := a.store.countRuns(t.Context())
	require.NoError(t, err)
	assert.Equal(t, served, runs, "what was answered is in the file")
	var records int
	require.NoError(t, a.store.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM idempotency_records").Scan(&records))
	assert.Equal(t, served, records, "a refusal does not reach the file")
	for line := range strings.Lines(out.String()) {
		for _, trouble := range []string{"locked", "SQLITE_BUSY", `"level":"error"`, `"level":"warn"`} {
			assert.NotContains(t, line, trouble)
		}
	}
}
