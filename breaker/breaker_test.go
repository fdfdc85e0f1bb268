package breaker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

var errDown = errors.New("down")

func newBreaker(t *testing.T, cfg breaker.Config) *breaker.Breaker {
	t.Helper()
	b, err := breaker.New("upstream", cfg)
	require.NoError(t, err)
	return b
}

func call(b *breaker.Breaker, err error) error {
	return b.Do(context.Background(), func(context.Context) error { return err })
}

// trip opens a circuit by failures and returns the length of the open period.
func trip(t *testing.T, b *breaker.Breaker) time.Duration {
	t.Helper()
	for range 1000 {
		if b.State() == breaker.Open {
			return b.RetryAfter()
		}
		_ = call(b, errDown)
	}
	require.Fail(t, "the circuit did not open")
	return 0
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  breaker.Config
		want string // "" for none
	}{
		{"the zero value is the default", breaker.Config{}, ""},
		{"the least window", breaker.Config{Window: 50 * time.Millisecond}, ""},
		{"a smaller window", breaker.Config{Window: 50*time.Millisecond - 1}, "Window"},
		{"a negative window", breaker.Config{Window: -1}, "Window"},
		{"the least open period", breaker.Config{OpenFor: time.Millisecond}, ""},
		{"a smaller open period", breaker.Config{OpenFor: time.Millisecond - 1}, "OpenFor"},
		{"a negative open period", breaker.Config{OpenFor: -time.Second}, "OpenFor"},
		{"an open period above the default limit", breaker.Config{OpenFor: time.Hour}, ""},
		{"an endless open period", breaker.Config{OpenFor: math.MaxInt64, MaxOpenFor: math.MaxInt64}, "OpenFor"},
		{"a limit below the open period", breaker.Config{OpenFor: time.Hour, MaxOpenFor: time.Minute}, "MaxOpenFor"},
		{"no growth", breaker.Config{MaxOpenFor: -1}, ""},
		{"one rule off", breaker.Config{Consecutive: -1}, ""},
		{"the other rule off", breaker.Config{FailureRate: -1}, ""},
		{"every rule off", breaker.Config{Consecutive: -1, FailureRate: -1}, "all off"},
		{"slow calls alone", breaker.Config{Consecutive: -1, FailureRate: -1, SlowCall: time.Second}, ""},
		{"slow probes alone", breaker.Config{Consecutive: -1, FailureRate: -1, SlowCall: time.Second, SlowRate: -1}, "all off"},
		{"a slow rate without a slow call", breaker.Config{Consecutive: -1, FailureRate: -1, SlowRate: 0.5}, "all off"},
		{"more than every call slow", breaker.Config{SlowCall: time.Second, SlowRate: 1.01}, "SlowRate"},
		{"no number of slow calls", breaker.Config{SlowRate: math.NaN()}, "SlowRate"},
		{"every call must fail", breaker.Config{FailureRate: 1}, ""},
		{"more than every call", breaker.Config{FailureRate: 1.01}, "FailureRate"},
		{"no number", breaker.Config{FailureRate: math.NaN()}, "FailureRate"},
		{"no minimum of calls", breaker.Config{MinCalls: -1}, ""},
		{"negative probes", breaker.Config{Probes: -1}, "Probes"},
		{"negative successes", breaker.Config{ProbeSuccesses: -1}, "ProbeSuccesses"},
		{"a lease cannot be off", breaker.Config{ProbeTimeout: -1}, "ProbeTimeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := breaker.New("x", tt.cfg)
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "breaker: ")
		})
	}
	_, err := breaker.New("", breaker.Config{})
	assert.ErrorContains(t, err, "breaker: name")
}

// outOfTime has ended when it is asked for the second time, which is after the call.
type outOfTime struct {
	context.Context //nolint:containedctx // it is a context

	asked bool
}

func (c *outOfTime) Err() error {
	if !c.asked {
		c.asked = true
		return nil
	}
	return context.DeadlineExceeded
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	canceled := func() context.Context {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errors.New("sibling failed"))
		return ctx
	}
	expired := func() context.Context {
		ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
		cancel()
		return ctx
	}
	expiring := func() context.Context { return &outOfTime{Context: context.Background()} }
	errEmpty := errors.New("not found")
	classify := func(_ context.Context, err error) breaker.Outcome {
		switch {
		case errors.Is(err, errEmpty):
			return breaker.Success
		case errors.Is(err, context.DeadlineExceeded):
			return breaker.Neutral
		}
		return 0
	}
	inner := fmt.Errorf("inner: %w", &breaker.OpenError{Name: "inner"})
	for _, tt := range []struct {
		name     string
		ctx      context.Context //nolint:containedctx // a table
		err      error
		classify func(context.Context, error) breaker.Outcome
		want     breaker.Outcome
	}{
		{"nil", context.Background(), nil, nil, breaker.Success},
		{"nil after cancellation", canceled(), nil, nil, breaker.Success},
		{"an error", context.Background(), errDown, nil, breaker.Failure},
		{"caller cancelled, own error", canceled(), context.Canceled, nil, breaker.Neutral},
		{"caller cancelled, cause as error", canceled(), errDown, nil, breaker.Neutral},
		{"upstream says cancelled, caller did not", context.Background(), context.Canceled, nil, breaker.Failure},
		{"deadline", expiring(), context.DeadlineExceeded, nil, breaker.Failure},
		{"deadline, other error", expiring(), errDown, nil, breaker.Failure},
		{"deadline that had passed before", expired(), context.DeadlineExceeded, nil, breaker.Neutral},
		{"nil after a deadline that had passed before", expired(), nil, nil, breaker.Success},
		{"inner circuit open", context.Background(), inner, nil, breaker.Neutral},
		{"classified as success", context.Background(), errEmpty, classify, breaker.Success},
		{"classified as neutral", expiring(), context.DeadlineExceeded, classify, breaker.Neutral},
		{"classified as nothing", context.Background(), errDown, classify, breaker.Failure},
		{"cancellation before classification", canceled(), errEmpty, classify, breaker.Neutral},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var events []breaker.Event
			b := newBreaker(t, breaker.Config{
				Classify: tt.classify,
				Observer: func(_ context.Context, e breaker.Event) { events = append(events, e) },
			})
			got := b.Do(tt.ctx, func(context.Context) error { return tt.err })
			assert.Equal(t, tt.err, got, "the error comes back as it is")
			require.Len(t, events, 1)
			assert.Equal(t, tt.want, events[0].Outcome)
			s := b.Snapshot()
			counts := map[breaker.Outcome]uint64{breaker.Success: s.Successes, breaker.Failure: s.Failures, breaker.Neutral: s.Neutrals}
			for o, n := range counts {
				assert.Equal(t, o == tt.want, n == 1, "%s: %d", o, n)
			}
		})
	}
}

type odd struct{ s []int } // not comparable

func TestPanicsAndGoexit(t *testing.T) {
	t.Parallel()
	pointer := &odd{}
	for _, tt := range []struct {
		name  string
		value any
		want  breaker.State
	}{
		{"a string", "boom", breaker.Open},
		{"a pointer keeps its identity", pointer, breaker.Open},
		{"an error", errDown, breaker.Open},
		{"http.ErrAbortHandler is neutral", http.ErrAbortHandler, breaker.Closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, breaker.Config{Consecutive: 1})
			assert.PanicsWithValue(t, tt.value, func() {
				_ = b.Do(context.Background(), func(context.Context) error { panic(tt.value) })
			})
			assert.Equal(t, tt.want, b.State())
		})
	}
	t.Run("a value that cannot be compared", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		assert.Panics(t, func() {
			_ = b.Do(context.Background(), func(context.Context) error { panic(odd{s: []int{1}}) })
		})
		assert.Equal(t, breaker.Open, b.State())
	})
	t.Run("Classify panics", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, breaker.Config{Consecutive: 1, Classify: func(context.Context, error) breaker.Outcome { panic("c") }})
		assert.PanicsWithValue(t, "c", func() { _ = call(b, errDown) })
		assert.Equal(t, breaker.Open, b.State())
	})
	t.Run("Goexit", func(t *testing.T) {
		t.Parallel()
		b := newBreaker(t, breaker.Config{Consecutive: 1})
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			_ = b.Do(context.Background(), func(context.Context) error { runtime.Goexit(); return nil })
		}()
		<-exited
		assert.Equal(t, breaker.Open, b.State())
	})
}

func TestRules(t *testing.T) {
	t.Parallel()
	// Each letter is a call: s succeeds, f fails, n is neutral. Only the last may open the circuit.
	rate := breaker.Config{Consecutive: -1, FailureRate: 0.5, MinCalls: 4}
	for _, tt := range []struct {
		name  string
		cfg   breaker.Config
		calls string
		want  breaker.State
	}{
		{"default: four in a row", breaker.Config{}, "ffff", breaker.Closed},
		{"default: five in a row", breaker.Config{}, "fffff", breaker.Open},
		{"a success ends the run", breaker.Config{}, "ffffsffff", breaker.Closed},
		{"a neutral call does not", breaker.Config{}, "ffffnf", breaker.Open},
		{"default: half of ten", breaker.Config{}, "sfsfsfsfsf", breaker.Open},
		{"default: half of nine", breaker.Config{}, "sfsfsfsff", breaker.Closed},
		{"rate: below the minimum", rate, "fff", breaker.Closed},
		{"rate: neutral calls do not reach the minimum", rate, "fffnnn", breaker.Closed},
		{"rate: neutral calls do not dilute", rate, "nnnnnnssff", breaker.Open},
		{"rate: a success that completes the minimum", rate, "fffs", breaker.Open},
		{"rate: below the share", rate, "sssff", breaker.Closed},
		{"rate off", breaker.Config{FailureRate: -1}, "ffffsffffsffffsffff", breaker.Closed},
		{"no minimum", breaker.Config{Consecutive: -1, MinCalls: -1}, "f", breaker.Open},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBreaker(t, tt.cfg)
			for _, c := range tt.calls {
				require.Equal(t, breaker.Closed, b.State())
				done, err := b.Allow(context.Background())
				require.NoError(t, err)
				done(map[rune]breaker.Outcome{'s': breaker.Success, 'f': breaker.Failure, 'n': breaker.Neutral}[c])
			}
			assert.Equal(t, tt.want, b.State())
		})
	}
}

func TestWindowSlides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{Consecutive: -1, MinCalls: 4, Window: 50 * time.Millisecond})
		for range 3 {
			_ = call(b, errDown)
		}
		time.Sleep(50*time.Millisecond - 1)
		assert.EqualValues(t, 3, b.Snapshot().WindowFailures)
		time.Sleep(time.Nanosecond)
		assert.Zero(t, b.Snapshot().WindowFailures)
		_ = call(b, errDown)
		assert.Equal(t, breaker.Closed, b.State())
		time.Sleep(24 * time.Hour)
		trip(t, b)
		assert.EqualValues(t, 8, b.Snapshot().Failures)
	})
}

func TestCall(t *testing.T) {
	t.Parallel()
	b := newBreaker(t, breaker.Config{Consecutive: 1})
	v, err := breaker.Call(t.Context(), b, func(context.Context) (int, error) { return 7, errDown })
	assert.Equal(t, 7, v)
	require.ErrorIs(t, err, errDown)
	v, err = breaker.Call(t.Context(), b, func(context.Context) (int, error) { return 8, nil })
	assert.Zero(t, v)
	require.ErrorIs(t, err, breaker.ErrOpen)
	open, ok := errors.AsType[*breaker.OpenError](err)
	require.True(t, ok)
	assert.Equal(t, "upstream", open.Name)
	assert.Equal(t, breaker.Open, open.State)
	assert.Contains(t, err.Error(), `breaker: circuit "upstream" is open, retry after`)
}

func TestStrings(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "closed half-open open forced-open forced-closed State(9)\n",
		fmt.Sprintln(breaker.Closed, breaker.HalfOpen, breaker.Open, breaker.ForcedOpen, breaker.ForcedClosed, breaker.State(9)))
	text, err := json.Marshal([]any{breaker.ForcedOpen, breaker.Neutral})
	require.NoError(t, err)
	assert.JSONEq(t, `["forced-open","neutral"]`, string(text))
	assert.Equal(t, "success failure neutral Outcome(0)",
		fmt.Sprint(breaker.Success, " ", breaker.Failure, " ", breaker.Neutral, " ", breaker.Outcome(0)))
}
