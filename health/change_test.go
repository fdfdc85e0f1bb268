package health_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/health"
)

func TestThresholds(t *testing.T) {
	t.Parallel()
	const ok, degraded, failed = health.OutcomeOK, health.OutcomeDegraded, health.OutcomeFailed
	limited := health.Degraded(errDown)
	for _, tc := range []struct {
		name     string
		fail     int
		recover  int
		results  []error
		outcomes []health.Outcome
	}{
		{"default", 0, 0, []error{nil, errDown, nil}, []health.Outcome{ok, failed, ok}},
		{"three failures in a row", 3, 0, []error{nil, errDown, errDown, nil, errDown, errDown, errDown, nil}, []health.Outcome{ok, ok, ok, ok, ok, ok, failed, ok}},
		{"two passes in a row", 0, 2, []error{nil, errDown, nil, errDown, nil, nil}, []health.Outcome{ok, failed, failed, failed, failed, ok}},
		{"both", 2, 2, []error{nil, errDown, errDown, nil, nil, errDown, nil}, []health.Outcome{ok, ok, failed, failed, ok, ok, ok}},
		{"the first result counts at once", 3, 3, []error{errDown, nil, nil, nil}, []health.Outcome{failed, failed, failed, ok}},
		{"degraded is no failure", 3, 3, []error{nil, limited, nil}, []health.Outcome{ok, degraded, ok}},
		{"degraded is a pass", 1, 2, []error{nil, errDown, limited, limited}, []health.Outcome{ok, failed, failed, degraded}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &switchable{}
				h := open(t, health.Config{}, health.Check{Name: "db", Checker: c, FailAfter: tc.fail, RecoverAfter: tc.recover})
				failures := 0
				for i, err := range tc.results {
					c.set(err)
					got := only(t, h.Evaluate(t.Context()))
					assert.Equal(t, tc.outcomes[i], got.Outcome, "after result %d", i)
					failures++
					if err == nil || err == limited { //nolint:errorlint // it is that error
						failures = 0
					}
					assert.Equal(t, failures, got.Failures, "after result %d", i)
					time.Sleep(time.Second)
				}
			})
		})
	}
}

func TestWedgedCheckFailsWhateverItsThreshold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := open(t, health.Config{Budget: -1}, health.Check{Name: "db", Checker: g, FailAfter: 5, Timeout: time.Second})
		go func() { g.release <- nil }()
		assert.Equal(t, health.OutcomeOK, only(t, h.Evaluate(t.Context())).Outcome)
		time.Sleep(time.Second)
		assert.Equal(t, health.OutcomeTimeout, only(t, h.Evaluate(t.Context())).Outcome)
		g.release <- nil
	})
}

func TestRecordOfACheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &switchable{}
		h := open(t, health.Config{}, health.Check{Name: "db", Checker: c, Groups: []string{"b", "a", "b"}})
		var at []time.Time
		for _, err := range []error{nil, nil, health.Degraded(errDown), errDown, context.DeadlineExceeded, errDown} {
			at = append(at, time.Now())
			c.set(err)
			h.Evaluate(t.Context())
			time.Sleep(time.Second)
		}
		assert.Equal(t, health.CheckResult{
			Name: "db", Outcome: health.OutcomeFailed, Reason: "other", Groups: []string{"a", "b"},
			At: at[5], Since: at[5], LastOK: at[2], Failures: 3,
			Runs: health.Runs{OK: 2, Degraded: 1, Failed: 2, Timeout: 1},
		}, only(t, h.Snapshot()))
	})
}

func TestChangesAreToldInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []health.Change
		c := &switchable{}
		h := open(t, health.Config{Listener: func(ch health.Change) {
			time.Sleep(10 * time.Second) // slower than the changes
			told = append(told, ch)
		}}, health.Check{Name: "db", Checker: c})
		begin := time.Now()
		for _, err := range []error{nil, nil, errDown, health.Reason("tls", errDown), health.Degraded(errDown), nil} {
			c.set(err)
			h.Evaluate(t.Context())
			time.Sleep(time.Second)
		}
		assert.Equal(t, begin.Add(6*time.Second), time.Now(), "no answer waits for the listener")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []health.Change{
			{Name: "db", From: "unknown", To: "ok", Since: begin},
			{Name: "db", From: "ok", To: "failed", Reason: "other", Since: begin.Add(2 * time.Second)},
			{Name: "db", From: "failed", To: "degraded", Reason: "other", Since: begin.Add(4 * time.Second)},
			{Name: "db", From: "degraded", To: "ok", Since: begin.Add(5 * time.Second)},
		}, told)
	})
}

// A listener may use what it listens to, and may fail in any way.
func TestListenerCannotHarm(t *testing.T) {
	t.Parallel()
	for name, misdeed := range map[string]func(*health.Health){
		"calls back": func(h *health.Health) {
			h.Evaluate(context.Background())
			h.Snapshot()
			h.Remove("gone")
			h.MarkStarted()
		},
		"panics": func(*health.Health) { panic(errDown) },
		"exits":  func(*health.Health) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var h *health.Health
				var calls atomic.Int64
				c := &switchable{}
				h = open(t, health.Config{Listener: func(health.Change) {
					calls.Add(1)
					misdeed(h)
				}}, health.Check{Name: "db", Checker: c}, health.Check{Name: "gone", Checker: health.CheckFunc(ok)})
				for i := range 10 {
					c.set(map[bool]error{true: errDown}[i%2 == 1])
					h.Evaluate(t.Context())
					time.Sleep(time.Second)
				}
				assert.Equal(t, int64(11), calls.Load())
				require.NoError(t, h.Close())
			})
		})
	}
}

func TestListenerThatBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		var told []string
		c := &switchable{}
		h := open(t, health.Config{Listener: func(ch health.Change) {
			<-block
			told = append(told, string(ch.To))
		}}, health.Check{Name: "db", Checker: c})
		const n = 3000
		for i := range n {
			c.set(map[bool]error{true: errDown}[i%2 == 1])
			begin := time.Now()
			h.Evaluate(t.Context())
			assert.Zero(t, time.Since(begin))
			time.Sleep(time.Second)
		}
		require.EqualError(t, h.Close(), "health: close: still running: listener")
		close(block)
		synctest.Wait()
		require.Len(t, told, 1025, "one in its hands, and what waits is bounded")
		assert.Equal(t, []string{"failed"}, told[1024:], "the last one is there")
		require.NoError(t, h.Close())
	})
}

func TestOptionalChecksChangeToDegraded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, c := &logs{}, &switchable{}
		var changes changeLog
		h := open(t, health.Config{Logger: out.logger(), Listener: changes.add}, health.Check{Name: "mail", Checker: c, Optional: true})
		for _, err := range []error{nil, errDown, nil} {
			c.set(err)
			h.Evaluate(t.Context())
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{"mail unknown ok", "mail ok degraded", "mail degraded ok"}, changes.list())
		assert.Contains(t, out.String(), "check=mail outcome=failed reason=other optional=true")
	})
}

// Many checks change at once; each one's changes stay in order.
func TestChangesOfManyChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		last, broken := map[string]health.Outcome{}, 0
		h := open(t, health.Config{Cache: -1, Listener: func(ch health.Change) {
			mu.Lock()
			defer mu.Unlock()
			if before, ok := last[ch.Name]; ok && before != ch.From {
				broken++
			}
			last[ch.Name] = ch.To
		}})
		for i := range 20 {
			var n atomic.Int64
			require.NoError(t, h.Add(health.Check{Name: fmt.Sprint("c", i), Checker: health.CheckFunc(func(context.Context) error {
				if n.Add(1)%2 == 0 {
					return errors.New(strings.Repeat("x", 10))
				}
				return nil
			})}))
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					h.Evaluate(t.Context())
				}
			})
		}
		wg.Wait()
		require.NoError(t, h.Close())
		assert.Zero(t, broken)
		assert.Len(t, last, 20)
	})
}
