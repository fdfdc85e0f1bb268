package breaker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

// model is a breaker written down once more, as the documentation tells it and as slowly as can be: it keeps every
// outcome and looks at all of them each time. It is told how long each open period is, and checks that this can be.
type model struct {
	t   *testing.T
	cfg breaker.Config // without zeros

	state, behind breaker.State
	period        int
	changed       time.Time
	since         time.Time // of the window
	outcomes      []entry
	run           int
	until         time.Time
	lastOpen      time.Duration
	doublings     int
	probes        []*flight // oldest first
	successes     int

	seen []breaker.Change // delivered, not yet expected
}

type entry struct {
	at       time.Time
	ok, slow bool
}

type flight struct {
	period      int
	probe       bool
	start, ends time.Time
	done        func(breaker.Outcome)
}

// expect takes the next change and compares it with what the model does.
func (m *model) expect(to breaker.State, at time.Time, reason breaker.Reason) breaker.Change {
	m.t.Helper()
	require.NotEmpty(m.t, m.seen, "no change to %s, for %s", to, reason)
	c := m.seen[0]
	m.seen = m.seen[1:]
	require.Equal(m.t, breaker.Change{
		Name: "upstream", From: m.state, To: to, At: c.At, Reason: reason, OpenFor: c.OpenFor,
	}, c)
	require.True(m.t, at.Equal(c.At), "%s: at %s, want %s", c.Reason, c.At, at)
	m.state, m.changed = to, at
	m.begin()
	return c
}

func (m *model) begin() {
	m.period++
	m.probes, m.successes = nil, 0
}

// open expects an open period of a length that fits the growth so far.
func (m *model) open(at time.Time, reason breaker.Reason) {
	m.t.Helper()
	if m.state == breaker.Closed && at.Sub(m.changed) >= m.lastOpen {
		m.doublings = 0
	}
	length := m.cfg.OpenFor
	for range m.doublings {
		length = min(2*length, m.cfg.MaxOpenFor)
	}
	m.doublings++
	m.lastOpen = m.expect(breaker.Open, at, reason).OpenFor
	m.until = at.Add(m.lastOpen)
	require.InDelta(m.t, float64(length), float64(m.lastOpen), 0.2*float64(length)+1)
}

// touch is what any call, or the outcome of one, does first.
func (m *model) touch(now time.Time) {
	m.t.Helper()
	if m.state == breaker.HalfOpen && len(m.probes) > 0 && !now.Before(m.probes[0].ends) {
		m.open(m.probes[0].ends, breaker.ReasonProbeTimeout)
	}
	if m.state == breaker.Open && !now.Before(m.until) {
		m.expect(breaker.HalfOpen, now, breaker.ReasonOpenElapsed)
	}
}

// behindTime reports whether a read is ahead of the model, which like the breaker changes at calls alone.
func (m *model) behindTime(now time.Time) bool {
	return m.state == breaker.Open && !now.Before(m.until) ||
		m.state == breaker.HalfOpen && len(m.probes) > 0 && !now.Before(m.probes[0].ends)
}

func (m *model) allow(now time.Time) *flight {
	m.t.Helper()
	if m.state == breaker.HalfOpen || m.state == breaker.Open {
		m.touch(now)
	}
	f := &flight{period: m.period, start: now}
	switch m.state {
	case breaker.Open, breaker.ForcedOpen:
		return nil
	case breaker.HalfOpen:
		if len(m.probes) == m.cfg.Probes {
			return nil
		}
		f.probe, f.ends = true, now.Add(m.cfg.ProbeTimeout)
		m.probes = append(m.probes, f)
	default:
	}
	return f
}

func (m *model) report(now time.Time, f *flight, o breaker.Outcome) {
	m.t.Helper()
	if f.period == m.period && m.state == breaker.HalfOpen {
		m.touch(now)
	}
	if f.period != m.period {
		return
	}
	slow := now.Sub(f.start) >= m.cfg.SlowCall
	switch m.state {
	case breaker.HalfOpen:
		m.probes = slices.DeleteFunc(m.probes, func(p *flight) bool { return p == f })
		switch {
		case o == breaker.Failure:
			m.open(now, breaker.ReasonProbeFailed)
		case o == breaker.Success && slow:
			m.open(now, breaker.ReasonProbeSlow)
		case o == breaker.Success:
			if m.successes++; m.successes == m.cfg.ProbeSuccesses {
				m.expect(breaker.Closed, now, breaker.ReasonProbesSucceeded)
				m.outcomes, m.run, m.since = nil, 0, now
			}
		}
	case breaker.Closed:
		if o == breaker.Neutral {
			return
		}
		m.outcomes = append(m.outcomes, entry{now, o == breaker.Success, slow})
		if m.run++; o == breaker.Success {
			m.run = 0
		}
		good, bad, late := m.window(now)
		total := float64(good + bad)
		switch {
		case m.run >= m.cfg.Consecutive:
			m.open(now, breaker.ReasonConsecutive)
		case good+bad < m.cfg.MinCalls:
		case bad > 0 && float64(bad)/total >= m.cfg.FailureRate:
			m.open(now, breaker.ReasonFailureRate)
		case late > 0 && float64(late)/total >= m.cfg.SlowRate:
			m.open(now, breaker.ReasonSlowCalls)
		}
	default:
	}
}

// window counts the outcomes of the bucket of now and the nine before it.
func (m *model) window(now time.Time) (good, bad, slow int) {
	bucket := func(at time.Time) int64 { return int64(at.Sub(m.since) / (m.cfg.Window / 10)) }
	for _, e := range m.outcomes {
		if bucket(e.at) <= bucket(now)-10 {
			continue
		}
		if good++; !e.ok {
			good--
			bad++
		}
		if e.slow {
			slow++
		}
	}
	return good, bad, slow
}

func (m *model) force(now time.Time, to breaker.State) {
	m.t.Helper()
	if m.state == breaker.HalfOpen && len(m.probes) > 0 && !now.Before(m.probes[0].ends) {
		m.open(m.probes[0].ends, breaker.ReasonProbeTimeout)
	}
	if m.state == to {
		return
	}
	if m.state != breaker.ForcedOpen && m.state != breaker.ForcedClosed {
		m.behind = m.state
	}
	m.expect(to, now, breaker.ReasonForced)
}

func (m *model) auto(now time.Time) {
	m.t.Helper()
	if m.state != breaker.ForcedOpen && m.state != breaker.ForcedClosed {
		return
	}
	if m.behind == breaker.Open && !now.Before(m.until) {
		m.behind = breaker.HalfOpen
	}
	m.expect(m.behind, now, breaker.ReasonAuto)
}

func (m *model) reset(now time.Time) {
	m.t.Helper()
	m.outcomes, m.run, m.since, m.doublings, m.lastOpen = nil, 0, now, 0, 0
	if m.state == breaker.Closed {
		m.begin()
		return
	}
	m.expect(breaker.Closed, now, breaker.ReasonReset)
}

// compare reads the breaker, after whatever was to be noticed has been noticed.
func (m *model) compare(now time.Time, b *breaker.Breaker) {
	m.t.Helper()
	require.Empty(m.t, m.seen)
	s := b.Snapshot()
	require.Equal(m.t, m.state.String(), s.State.String())
	require.Len(m.t, m.probes, s.Probes)
	wait := time.Duration(0)
	switch m.state {
	case breaker.Open:
		wait = m.until.Sub(now)
	case breaker.HalfOpen:
		if len(m.probes) == m.cfg.Probes {
			wait = m.probes[0].ends.Sub(now)
		}
	case breaker.ForcedOpen:
		wait = m.cfg.OpenFor
	case breaker.Closed:
		good, bad, slow := m.window(now)
		require.Equal(m.t, [4]int{good, bad, slow, m.run},
			[4]int{int(s.WindowSuccesses), int(s.WindowFailures), int(s.WindowSlow), s.ConsecutiveFailures})
	case breaker.ForcedClosed:
	}
	require.Equal(m.t, wait, s.RetryAfter)
}

// TestAgreesWithTheModel drives both through random calls, some of which never report, and random hands of an operator.
func TestAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	reasons := map[breaker.Reason]int{}
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4))
			ms := func(low, n int) time.Duration { return time.Duration(low+r.IntN(n)) * time.Millisecond }
			m := &model{t: t, changed: time.Now(), since: time.Now(), cfg: breaker.Config{
				Consecutive: 2 + r.IntN(4), FailureRate: 0.1 + 0.9*r.Float64(), MinCalls: 2 + r.IntN(8), Window: ms(50, 200),
				SlowCall: ms(20, 30), SlowRate: 0.1 + 0.9*r.Float64(), OpenFor: ms(1, 50), MaxOpenFor: 150 * time.Millisecond,
				Probes: 1 + r.IntN(3), ProbeSuccesses: 1 + r.IntN(3), ProbeTimeout: ms(5, 90),
			}}
			cfg := m.cfg
			cfg.OnChange = func(c breaker.Change) {
				m.seen = append(m.seen, c)
				reasons[c.Reason]++
			}
			b := newBreaker(t, cfg)
			var flights []*flight
			for step := range 400 {
				// Never a whole number of anything, so that no two moments coincide.
				time.Sleep(time.Duration(r.IntN(12_000_000)) + 1)
				now, note := time.Now(), fmt.Sprintf("seed %d, step %d", seed, step)
				switch k := r.IntN(120); {
				case k == 0:
					b.ForceOpen()
					m.force(now, breaker.ForcedOpen)
				case k == 1:
					b.ForceClosed()
					m.force(now, breaker.ForcedClosed)
				case k == 2:
					b.Reset()
					m.reset(now)
				case k < 6:
					b.Auto()
					m.auto(now)
				case k < 60 && len(flights) > 0:
					i := r.IntN(len(flights))
					f, o := flights[i], []breaker.Outcome{breaker.Success, breaker.Success, breaker.Success, breaker.Failure, breaker.Neutral}[r.IntN(5)]
					flights = append(flights[:i], flights[i+1:]...)
					f.done(o)
					m.report(now, f, o)
				default:
					wait := b.RetryAfter()
					done, err := b.Allow(context.Background())
					f := m.allow(now)
					require.Equal(t, f == nil, err != nil, note)
					require.Equal(t, wait > 0, err != nil, note)
					if f != nil && r.IntN(10) > 0 { // or lost
						f.done = done
						flights = append(flights, f)
					}
				}
				for _, c := range m.seen {
					assert.Fail(t, "a change that the model does not make", "%s: %+v", note, c)
				}
				if !m.behindTime(now) {
					m.compare(now, b)
				}
			}
			_, _ = b.Allow(context.Background())
			m.allow(time.Now())
			m.compare(time.Now(), b)
		})
	}
	for _, reason := range []breaker.Reason{
		breaker.ReasonConsecutive, breaker.ReasonFailureRate, breaker.ReasonSlowCalls, breaker.ReasonOpenElapsed,
		breaker.ReasonProbeFailed, breaker.ReasonProbeSlow, breaker.ReasonProbeTimeout, breaker.ReasonProbesSucceeded,
		breaker.ReasonForced, breaker.ReasonAuto, breaker.ReasonReset,
	} {
		assert.Greater(t, reasons[reason], 100, reason)
	}
}
