package httpx

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfterSeconds is the value of Retry-After for a wait of d: whole seconds,
// rounded up so that the client never comes early, and at least 1
// (RFC 9110 section 10.2.3).
func RetryAfterSeconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return max(s, 1)
}

// SetRetryAfter sets the header to [RetryAfterSeconds] of d.
func SetRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.FormatInt(RetryAfterSeconds(d), 10))
}

// ParseRetryAfter reads a Retry-After value, delay-seconds or HTTP-date
// (RFC 9110 section 10.2.3), as the wait from now. A date in the past is a wait
// of 0; a delay beyond the range of [time.Duration] is the longest one. ok is
// false when the value is neither form.
func ParseRetryAfter(value string, now time.Time) (wait time.Duration, ok bool) {
	value = strings.Trim(value, " \t")
	if isDigits(value) {
		s, err := strconv.ParseInt(value, 10, 64)
		if err != nil || s > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true // ParseInt of digits only fails by range
		}
		return time.Duration(s) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

// RetryAfter is the wait that the header of an answer asks for, from now on. A date
// counts from the answer's own Date, so that the clocks of both sides need not
// agree. ok is false when the header has no Retry-After, or a malformed one.
func RetryAfter(h http.Header) (wait time.Duration, ok bool) {
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return ParseRetryAfter(h.Get("Retry-After"), now)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
