package ratelimit

import (
	"net/http"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

const typeQuotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

// retryUnavailable is the Retry-After of 503: the store is probed as often.
const retryUnavailable = probeEvery

// problemOf returns the document of a refusal, and the wait that cures it or 0.
func problemOf(v *ruling) (httpx.Problem, time.Duration) {
	switch v.outcome {
	case OutcomeTierInvalid:
		return httpx.Problem{
			Type:   httpx.ProblemBase + "rate-limit-tier-unavailable",
			Title:  "Rate limit tier unavailable",
			Status: http.StatusServiceUnavailable,
			Detail: "The request was not processed. Retry later.",
		}, retryUnavailable
	case OutcomeStoreDown:
		return httpx.Problem{
			Type:   httpx.ProblemBase + "rate-limit-store-unavailable",
			Title:  "Rate limit store unavailable",
			Status: http.StatusServiceUnavailable,
			Detail: "The request was not processed. Retry later.",
		}, retryUnavailable
	case OutcomeCanceled:
		return httpx.Problem{
			Type:   httpx.ProblemBase + "request-canceled",
			Title:  "Request canceled",
			Status: http.StatusServiceUnavailable,
			Detail: "The request was canceled or out of time before it was processed.",
		}, 0
	default:
		return quotaExceeded(v.decision)
	}
}

func quotaExceeded(d Decision) (httpx.Problem, time.Duration) {
	p := httpx.Problem{
		Type:       typeQuotaExceeded,
		Title:      "Quota exceeded",
		Status:     http.StatusTooManyRequests,
		Detail:     "The request costs more than the quota ever holds. It cannot succeed as it is.",
		Extensions: []httpx.Extension{{Name: "violated-policies", Value: []string{d.Policy}}},
	}
	if d.RetryAfter == Never {
		return p, 0
	}
	// A store that refuses without naming a wait gets the shortest one.
	wait := max(d.RetryAfter, time.Millisecond)
	p.Detail = "Wait retry_after_ms milliseconds before you repeat the request."
	p.Extensions = append(p.Extensions, httpx.Extension{
		Name: "retry_after_ms", Value: int64((wait + time.Millisecond - 1) / time.Millisecond),
	})
	return p, wait
}
