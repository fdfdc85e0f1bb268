package httpx_test

import (
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bracework/bracework/internal/httpx"
)

func TestRetryAfterSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int64{
		-time.Second: 1, 0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 1999 * time.Millisecond: 2, time.Minute: 60,
		math.MaxInt64: 9223372037,
	} {
		assert.Equal(t, want, httpx.RetryAfterSeconds(d), d)
	}
	h := http.Header{}
	httpx.SetRetryAfter(h, 1500*time.Millisecond)
	assert.Equal(t, "2", h.Get("Retry-After"))
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 8, 15, 30, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, " 5 ": 5 * time.Second, "99999999999999999999": math.MaxInt64, "9223372037": math.MaxInt64,
		"Thu, 08 Jan 2026 15:31:00 GMT":    time.Minute,
		"Thu, 08 Jan 2026 15:29:00 GMT":    0,
		"Thursday, 08-Jan-26 15:30:05 GMT": 5 * time.Second, // obsolete, but a recipient must accept it
	} {
		got, ok := httpx.ParseRetryAfter(value, now)
		assert.True(t, ok, value)
		assert.Equal(t, want, got, value)
	}
	for _, value := range []string{"", " ", "-1", "+1", "1.5", "1s", "0x10", "soon", "１"} {
		_, ok := httpx.ParseRetryAfter(value, now)
		assert.False(t, ok, value)
	}
}

// A date counts by the clock that made it.
func TestRetryAfterOfAnAnswer(t *testing.T) {
	t.Parallel()
	const later = "Thu, 08 Jan 2026 15:31:00 GMT"
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			date, value string
			wait        time.Duration
			ok          bool
		}{
			{"Thu, 08 Jan 2026 15:30:00 GMT", later, time.Minute, true},
			{"yesterday", "Sat, 01 Jan 2000 00:00:05 GMT", 5 * time.Second, true}, // now, in a bubble
			{"", "30", 30 * time.Second, true},
			{"", "soon", 0, false},
			{"", "", 0, false},
		} {
			wait, ok := httpx.RetryAfter(http.Header{"Date": {tc.date}, "Retry-After": {tc.value}})
			assert.Equal(t, tc.wait, wait, "%+v", tc)
			assert.Equal(t, tc.ok, ok, "%+v", tc)
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "-1", "Thu, 08 Jan 2026 15:31:00 GMT", "9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		wait, ok := httpx.ParseRetryAfter(value, time.Unix(0, 0))
		assert.GreaterOrEqual(t, wait, time.Duration(0))
		assert.True(t, ok || wait == 0)
	})
}
