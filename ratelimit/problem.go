package ratelimit

import (
	"net/http"
	"strconv"
	"time"

	"github.com/bracework/bracework/internal/httpx"
)

// retryUnavailable is the Retry-After of 503: the store is probed as often.
const retryUnavailable = probeEvery

// refuse answers in place of the handler.
func (l *Limiter) refuse(w http.ResponseWriter, r *http.Request, v *ruling) {
	// All that refusals need, at once: they are answered under attack.
	var room struct {
		quota [2]string
		fixed [2]string
		body  [384]byte
	}
	h := w.Header()
	l.setHeaders(h, v, &room.quota)
	room.fixed[0] = "no-store" // RFC 6585 section 4
	h["Cache-Control"] = room.fixed[0:1:1]
	wait := v.wait()
	delete(h, headerRetryAfter) // somebody else's
	if wait > 0 && l.cfg.Headers&RetryAfter != 0 {
		room.fixed[1] = strconv.FormatInt(httpx.RetryAfterSeconds(wait), 10)
		h[headerRetryAfter] = room.fixed[1:2:2]
	}
	switch {
	case v.outcome != OutcomeDenied:
		httpx.WriteProblem(w, v.problem())
	case l.cfg.Denied != nil:
		l.cfg.Denied(w, r, v.decision)
	default:
		httpx.WriteProblemJSON(w, http.StatusTooManyRequests, v.appendQuotaExceeded(room.body[:0], wait))
	}
}

// wait is what cures the refusal, or 0.
func (v *ruling) wait() time.Duration {
	switch v.outcome {
	case OutcomeTierInvalid, OutcomeStoreDown:
		return retryUnavailable
	case OutcomeDenied:
		if v.decision.RetryAfter == Never {
			return 0
		}
		// A store that refuses without naming a wait gets the shortest one.
		return max(v.decision.RetryAfter, time.Millisecond)
	default:
		return 0
	}
}

// problem is the document of a refusal that is none of the limit.
func (v *ruling) problem() httpx.Problem {
	switch v.outcome {
	case OutcomeKeyMissing:
		return httpx.Problem{
			Type:   httpx.ProblemBase + "rate-limit-key-missing",
			Title:  "Rate limit key missing",
			Status: http.StatusBadRequest,
			Detail: "The request does not say on whose behalf it is made.",
		}
	case OutcomeTierInvalid:
		return httpx.Problem{
			Type:   httpx.ProblemBase + "rate-limit-tier-unavailable",
			Title:  "Rate limit tier unavailable",
			Status: http.StatusServiceUnavailable,
			Detail: "The request was not processed. Retry later.",
		}
	case OutcomeStoreDown:
		return httpx.Problem{
			Type:   httpx.ProblemBase + "rate-limit-store-unavailable",
			Title:  "Rate limit store unavailable",
			Status: http.StatusServiceUnavailable,
			Detail: "The request was not processed. Retry later.",
		}
	default:
		return httpx.Problem{
			Type:   httpx.ProblemBase + "request-canceled",
			Title:  "Request canceled",
			Status: http.StatusServiceUnavailable,
			Detail: "The request was canceled or out of time before it was processed.",
		}
	}
}

// appendQuotaExceeded appends the document of a refusal by the limit, of the
// type that draft-ietf-httpapi-ratelimit-headers-11 registers. Names of policies
// are their own JSON.
func (v *ruling) appendQuotaExceeded(b []byte, wait time.Duration) []byte {
	b = append(b, `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded",`+
		`"title":"Quota exceeded","status":429,"detail":"`...)
	if wait > 0 {
		b = append(b, "Wait retry_after_ms milliseconds before you repeat the request."...)
	} else {
		b = append(b, "This quota never admits the request as it is."...)
	}
	b = append(b, `","violated-policies":["`...)
	b = append(b, v.decision.Policy...)
	for i := range v.decisions {
		if d := &v.decisions[i]; !d.Allowed && d.Policy != v.decision.Policy {
			b = append(append(b, `","`...), d.Policy...)
		}
	}
	b = append(b, `"]`...)
	if wait > 0 {
		b = append(b, `,"retry_after_ms":`...)
		b = strconv.AppendInt(b, int64((wait+time.Millisecond-1)/time.Millisecond), 10)
	}
	return append(b, "}\n"...)
}
