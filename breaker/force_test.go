package breaker_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/breaker"
)

func TestForcedStates(t *testing.T) {
	t.Parallel()
	const half = time.Second // of an open period, at least
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, b *breaker.Breaker)
		want string // the states that the changes lead to
	}{
		{
			"forced open refuses until auto",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				b.ForceOpen()
				assert.Equal(t, &breaker.OpenError{Name: "upstream", State: breaker.ForcedOpen, RetryAfter: 10 * time.Second}, refused(t, b))
				time.Sleep(24 * time.Hour)
				assert.Equal(t, 10*time.Second, refused(t, b).RetryAfter, "a pace, since nobody knows")
				assert.Equal(t, 10*time.Second, b.RetryAfter())
				require.ErrorIs(t, b.Check(t.Context()), breaker.ErrOpen)
				b.Auto()
				require.NoError(t, call(b, nil))
			},
			"forced-open closed",
		},
		{
			"forced closed admits and counts, but not for the rules",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				b.ForceClosed()
				for range 50 {
					require.ErrorIs(t, call(b, errDown), errDown)
				}
				require.NoError(t, b.Check(t.Context()))
				assert.Zero(t, b.RetryAfter())
				assert.EqualValues(t, 50, b.Snapshot().Failures)
				b.Auto()
				assert.Zero(t, b.Snapshot().ConsecutiveFailures)
			},
			"forced-closed closed",
		},
		{
			"twice is once, and one follows the other",
			func(_ *testing.T, b *breaker.Breaker) {
				b.ForceOpen()
				b.ForceOpen()
				b.ForceClosed()
				b.ForceClosed()
				b.Auto()
				b.Auto()
			},
			"forced-open forced-closed closed",
		},
		{
			"auto and reset of a closed circuit change nothing",
			func(_ *testing.T, b *breaker.Breaker) {
				b.Auto()
				b.Reset()
			},
			"",
		},
		{
			"the window and the run of failures outlive a forced state",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				_ = call(b, errDown)
				b.ForceClosed()
				b.Auto()
				assert.EqualValues(t, 1, b.Snapshot().WindowFailures)
				_ = call(b, errDown)
			},
			"forced-closed closed open",
		},
		{
			"an open period goes on",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				d := trip(t, b)
				b.ForceClosed()
				time.Sleep(half)
				require.NoError(t, call(b, nil))
				b.Auto()
				assert.Equal(t, d-half, refused(t, b).RetryAfter)
				time.Sleep(d - half)
				require.NoError(t, call(b, nil))
			},
			"open forced-closed open half-open closed",
		},
		{
			"an open period that is over meanwhile",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				trip(t, b)
				b.ForceOpen()
				time.Sleep(time.Hour)
				b.Auto()
				require.NoError(t, call(b, nil))
			},
			"open forced-open half-open closed",
		},
		{
			"a half-open circuit begins its probes anew",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				time.Sleep(trip(t, b))
				lost := allow(t, b)
				b.ForceOpen()
				b.Auto()
				assert.Equal(t, breaker.HalfOpen, b.State())
				lost(breaker.Failure)
				assert.Equal(t, breaker.HalfOpen, b.State(), "it belongs to a period that is over")
				require.NoError(t, call(b, nil))
			},
			"open half-open forced-open half-open closed",
		},
		{
			"a lapse comes before the force",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				time.Sleep(trip(t, b))
				allow(t, b)
				time.Sleep(time.Hour)
				b.ForceClosed()
			},
			"open half-open open forced-closed",
		},
		{
			"calls that run into a forced state move nothing",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				one, two := allow(t, b), allow(t, b)
				b.ForceClosed()
				one(breaker.Failure)
				b.Auto()
				two(breaker.Failure)
				assert.Zero(t, b.Snapshot().WindowFailures)
				assert.EqualValues(t, 2, b.Snapshot().Failures)
			},
			"forced-closed closed",
		},
		{
			"reset forgets all but the totals",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				running := allow(t, b)
				for range 3 {
					time.Sleep(trip(t, b))
					_ = call(b, errDown)
				}
				b.ForceOpen()
				b.Reset()
				running(breaker.Failure)
				s := b.Snapshot()
				assert.Equal(t, breaker.Closed, s.State)
				assert.Zero(t, s.WindowFailures+uint64(s.ConsecutiveFailures))
				assert.Positive(t, s.Failures)
				d := trip(t, b)
				assert.InDelta(t, float64(10*time.Second), float64(d), float64(2*time.Second), "no growth")
			},
			"open half-open open half-open open half-open open forced-open closed open",
		},
		{
			"reset of a closed circuit forgets its window and the calls that run",
			func(t *testing.T, b *breaker.Breaker) {
				t.Helper()
				running := allow(t, b)
				_ = call(b, errDown)
				b.Reset()
				running(breaker.Failure)
				assert.Zero(t, b.Snapshot().WindowFailures)
				assert.Zero(t, b.Snapshot().ConsecutiveFailures)
			},
			"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got []string
				last := breaker.Closed
				b := newBreaker(t, breaker.Config{
					Consecutive: 2, OpenFor: 10 * time.Second,
					OnChange: func(c breaker.Change) {
						assert.Equal(t, last, c.From)
						assert.Equal(t, c.To == breaker.Open, c.OpenFor > 0, "%+v", c)
						last = c.To
						got = append(got, c.To.String())
					},
				})
				tt.do(t, b)
				assert.Equal(t, tt.want, strings.Join(got, " "))
			})
		})
	}
}

func TestForcingSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []string
		b := newBreaker(t, breaker.Config{OnChange: func(c breaker.Change) {
			got = append(got, fmt.Sprint(c.To, " ", c.Reason))
		}})
		b.ForceOpen()
		b.Auto()
		b.ForceClosed()
		b.Reset()
		assert.Equal(t, []string{"forced-open forced", "closed auto", "forced-closed forced", "closed reset"}, got)
	})
}

// A call in a forced state tells its observer so.
func TestForcedCallsAreObserved(t *testing.T) {
	t.Parallel()
	seen, observe := recordEvents()
	b := newBreaker(t, breaker.Config{Observer: observe})
	b.ForceClosed()
	_ = call(b, errDown)
	b.ForceOpen()
	_ = call(b, nil)
	require.Len(t, *seen, 2)
	assert.Equal(t, breaker.ForcedClosed, (*seen)[0].State)
	assert.Equal(t, breaker.Failure, (*seen)[0].Outcome)
	assert.Equal(t, breaker.Event{Name: "upstream", State: breaker.ForcedOpen, Rejected: true}, (*seen)[1])
}
